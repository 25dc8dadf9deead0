# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The API of CircuitPython's native modules as a table, and the parts of it that a source uses.

A table is a dict: module name -> its names. A name is ``{"params": [...], "returns": type}`` for a
function, ``{"members": {...}, "params": [...]}`` for a class, ``{"type": type}`` for all else. A
type is ``"module.Class"``, or ``""``. Parameters are written as ``"name"``, ``"name="``, ``"*"``,
``"*name"``, ``"**name"``; ``None`` stands for a function that has several forms.

The table of the oldest CircuitPython that is supported is kept in ``tests/data/board_api``, made by

    python tests/support/board_api.py FOLDER > tests/data/board_api/10.1.4.json

of a folder with the unpacked wheel of ``circuitpython-stubs``; the newest is what pip installed.
"""

import ast
import importlib.metadata
import json
import sys
from pathlib import Path

MODULES = (
    "alarm analogio digitalio dualbank espidf hashlib microcontroller neopixel_write nvm"
    " pwmio socketpool storage supervisor traceback watchdog wifi"
).split()
DATA = Path(__file__).resolve().parents[1] / "data" / "board_api"


# The tables


def kept(name: str) -> dict:
    """A table of ``tests/data/board_api``."""
    return json.loads((DATA / (name + ".json")).read_text())


def newest() -> dict:
    """The table of the stubs that are installed."""
    files = importlib.metadata.distribution("circuitpython-stubs")
    return extract(Path(str(files.locate_file(""))))


def extract(folder: Path) -> dict:
    """The table of the stubs in a folder."""
    return {name: _module(name, folder) for name in MODULES if _file(name, folder).is_file()}


def _file(name: str, folder: Path) -> Path:
    return folder / (name + "-stubs") / "__init__.pyi"


def _module(name: str, folder: Path) -> dict:
    tree = ast.parse(_file(name, folder).read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}

    def type_of(annotation) -> str:
        if annotation is None:
            return ""
        for node in ast.walk(annotation):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                return f"{node.value.id}.{node.attr}"
            if isinstance(node, ast.Name):
                if node.id in classes:
                    return f"{name}.{node.id}"
                if node.id in imported and imported[node.id].split(".")[0] != "typing":
                    return imported[node.id]
        return ""

    return _names(tree.body, type_of, is_class=False)


def _names(body: list, type_of, is_class: bool) -> dict:
    found = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            made = {"params": _params(node.args, is_class), "returns": type_of(node.returns)}
            if node.name in found:
                made["params"] = None  # several forms
            found[node.name] = made
        elif isinstance(node, ast.ClassDef):
            members = _names(node.body, type_of, is_class=True)
            params = members.get("__init__", {"params": []})["params"]
            bases = [type_of(base) or ast.unparse(base) for base in node.bases]
            found[node.name] = {"members": members, "params": params, "bases": bases}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = {"type": type_of(node.annotation)}
        elif isinstance(node, ast.Assign):
            found.update((name.id, {"type": ""}) for name in node.targets)
    return found


def of_source(text: str) -> dict:
    """The names of a module that is written in Python; imports are not looked at."""
    return _names(ast.parse(text).body, lambda annotation: "", is_class=False)


def _params(args: ast.arguments, is_method: bool) -> list:
    given = [*args.posonlyargs, *args.args]
    first_default = len(given) - len(args.defaults)
    params = [arg.arg + "=" * (at >= first_default) for at, arg in enumerate(given)]
    if is_method and params[:1] == ["self"]:
        del params[0]
    if args.vararg:
        params.append("*" + args.vararg.arg)
    elif args.kwonlyargs:
        params.append("*")
    for arg, default in zip(args.kwonlyargs, args.kw_defaults):
        params.append(arg.arg + "=" * (default is not None))
    if args.kwarg:
        params.append("**" + args.kwarg.arg)
    return params


# What a source asks


class Uses(ast.NodeVisitor):
    """
    Finds all uses of native modules in a source, also through variables. ``missing`` lists the
    places that use a name which a table does not have.

    :param str source: Python
    :param dict table: all modules
    """

    def __init__(self, source: str, table: dict):
        self.missing = []
        self.seen = set()
        """All names that were asked for, as ``module.name.name``."""
        self._table = table
        self._known = {}  # an expression's source -> what it is: (kind, path, entry)
        self.visit(ast.parse(source))

    def visit_Import(self, node):
        for alias in node.names:
            if alias.name in self._table:
                self._known[alias.asname or alias.name] = self._of_module(alias.name)

    def visit_ImportFrom(self, node):
        if node.level or node.module not in self._table:
            return
        for alias in node.names:
            self._known[alias.asname or alias.name] = self._member(
                self._of_module(node.module), alias.name, node
            )

    def visit_Assign(self, node):
        self.generic_visit(node)
        thing = self._what(node.value)
        for target in node.targets:
            if isinstance(target, (ast.Name, ast.Attribute)):
                self._known.pop(ast.unparse(target), None)
                if thing:
                    self._known[ast.unparse(target)] = thing
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for name, value in zip(target.elts, node.value.elts):
                    self._known[ast.unparse(name)] = self._what(value)

    def visit_Attribute(self, node):
        self._what(node)
        self.generic_visit(node)

    def visit_Call(self, node):
        thing = self._what(node.func)
        if thing and thing[0] in ("function", "class") and thing[2]["params"] is not None:
            wrong = _misfit(thing[2]["params"], node)
            if wrong:
                self.missing.append(f"{node.lineno}: {thing[1]}({wrong})")
        self.generic_visit(node)

    def _of_module(self, name):
        return "object", name, self._table[name]

    def _what(self, node):
        known = self._known.get(ast.unparse(node)) if hasattr(node, "ctx") else None
        if known:
            return known
        if isinstance(node, ast.Attribute):
            base = self._what(node.value)
            return base and self._member(base, node.attr, node)
        if isinstance(node, ast.Call):
            thing = self._what(node.func)
            if thing and thing[0] == "class":
                return "object", thing[1], thing[2]["members"]
            return thing and thing[0] == "function" and self._instance(thing[2]["returns"])
        return None

    def _member(self, base, name, node):
        kind, path, names = base
        if kind == "function":
            return None
        if kind == "class":
            names = names["members"]
        path += "." + name
        self.seen.add(path)
        if name not in names:
            self.missing.append(f"{node.lineno}: {path}")
            return None
        entry = names[name]
        if "members" in entry:
            return "class", path, entry
        if "params" in entry:
            return "function", path, entry
        return self._instance(entry["type"])

    def _instance(self, name):
        module, _, rest = name.partition(".")
        entry = self._table.get(module, {}).get(rest)
        return entry and ("object", name, entry["members"])


def _misfit(params: list, call: ast.Call) -> str:
    """What is wrong with a call's arguments; "" if nothing is."""
    starred = any(isinstance(arg, ast.Starred) for arg in call.args)
    names = [param.rstrip("=") for param in params if not param.startswith("*")]
    star = next((at for at, param in enumerate(params) if param.startswith("*")), len(params))
    open_end = star < len(params) and params[star] not in ("*",) and params[star][1:2] != "*"
    if not starred and not open_end and len(call.args) > star:
        return f"{len(call.args)} arguments"
    for keyword in call.keywords:
        if keyword.arg and keyword.arg not in names:
            return keyword.arg + "="
    if not starred and not any(keyword.arg is None for keyword in call.keywords):
        given = {keyword.arg for keyword in call.keywords} | set(names[: len(call.args)])
        for param in params:
            if not param.startswith("*") and not param.endswith("=") and param not in given:
                return f"without {param}"
    return ""


if __name__ == "__main__":
    print(json.dumps(extract(Path(sys.argv[1])), indent=1, sort_keys=True))
