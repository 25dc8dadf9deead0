# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Modules that are forgotten on a board."""

from types import SimpleNamespace

from nerveshub_link.common import memory


class Modules(dict):
    """``sys.modules``; there is no memory for a name."""

    def pop(self, name, default=None):
        raise MemoryError


def test_no_memory_for_a_name_does_not_end_what_forgets_a_module(monkeypatch):
    board = SimpleNamespace(name="circuitpython")
    monkeypatch.setattr(memory, "sys", SimpleNamespace(implementation=board, modules=Modules()))
    memory.forget("release.ed25519")


def test_a_module_is_gone_from_its_room_and_from_all_modules(monkeypatch):
    room = SimpleNamespace(ed25519="module", sha512="module")
    modules = {"nerveshub_link.release": room, "nerveshub_link.release.ed25519": "module"}
    board = SimpleNamespace(name="circuitpython")
    monkeypatch.setattr(memory, "sys", SimpleNamespace(implementation=board, modules=modules))
    memory.forget("release.ed25519", "release.never_imported")
    assert list(modules) == ["nerveshub_link.release"] and list(vars(room)) == ["sha512"]
