# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
Puts the boot guard's files into the distribution: ``nerveshub_tools/board``. Their one true copy is
in ``examples/board``, where circup and the bundles find them, too. All else is in pyproject.toml.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
# In a source distribution the checkout is far away, and it has brought its own.
SOURCES = (HERE.parent / "examples" / "board", HERE / "nerveshub_tools" / "board")


def copy_board_files(target: Path) -> None:
    source = next(source for source in SOURCES if (source / "nh_boot.py").is_file())
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))


class BuildWithBoardFiles(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:
            copy_board_files(Path(self.build_lib) / "nerveshub_tools" / "board")


class SdistWithBoardFiles(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        copy_board_files(Path(base_dir) / "nerveshub_tools" / "board")


setup(cmdclass={"build_py": BuildWithBoardFiles, "sdist": SdistWithBoardFiles})
