# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What the README and the pages about boards and settings promise holds."""

import re
import textwrap

import click
import hub_replay
from nerveshub_tools.ca import Authority
from nerveshub_tools.cli import main
from nerveshub_tools.packer import pack
from nerveshub_tools.server import HubThread
from nerveshub_tools.tls import ServerTls
from support import checkout
from support.board import META, TIMEOUT, application, new_drive, running
from support.vm import HEAP_32_BIT, HEAP_FOR_TLS

assert hub_replay  # it puts the tools of the working tree on the path

PAGES = [checkout.ROOT / "README.rst", *sorted((checkout.ROOT / "docs").glob("**/*.rst"))]
README = (checkout.ROOT / "README.rst").read_text("utf-8")
BOARDS = [
    line.split("\t")
    for line in (checkout.ROOT / "tests/data/espressif_boards.tsv").read_text("utf-8").splitlines()
    if line.split("\t")[3:4] in (["esp32s2"], ["esp32s3"])
]
NEW = "import time\nprint('1.1.0 runs')\nwhile True:\n    time.sleep(0.01)\n"


def block(language: str) -> str:
    """The first block of code in a language."""
    _, _, rest = README.partition(f".. code-block:: {language}\n\n")
    return textwrap.dedent(re.match(r"(?:    .*\n|\n)+", rest)[0])


def test_code_py_of_the_readme_installs_an_update(tmp_path):
    authority = Authority(tmp_path / "ca")
    with HubThread(product="demo", tls=ServerTls(*authority.server())) as hub:
        settings = {
            "NERVESHUB_HOST": "localhost",
            "NERVESHUB_PORT": str(hub.port),
            "NERVESHUB_PRODUCT_KEY": hub.product_key,
            "NERVESHUB_PRODUCT_SECRET": hub.product_secret,
        }
        drive = new_drive(tmp_path, block("python"), **settings)
        archive = tmp_path / "new.fw"
        new = {**META, "version": "1.1.0", "platform": "simulated", "architecture": "xtensa"}
        new["uuid"] = pack(application(tmp_path / "new", NEW), archive, new).uuid
        hub.add_firmware(archive.read_bytes(), new)
        with running(drive, ca=authority.cert, sleep_scale=0.01) as (_, events):
            hub.wait(lambda hub: hub.device("0123456789ab").joined, TIMEOUT)
            hub.wait(lambda hub: hub.device("0123456789ab").health, TIMEOUT)
            hub.push_update("0123456789ab", new["uuid"])
            events.said("1.1.0 runs")
        assert not hub.violations and not hub.dropped


def test_it_has_some_fifteen_lines():
    assert len([line for line in block("python").splitlines() if line]) <= 15


def test_links_into_the_repository_lead_to_files():
    linked = re.findall(r"nerveshub_link/(?:blob/)?main/([\w./]+)", README)
    assert len(linked) > 5
    assert [path for path in linked if not (checkout.ROOT / path).is_file()] == []


def test_the_settings_of_the_readme_are_those_of_the_example():
    example = (checkout.ROOT / "examples" / "settings.toml").read_text("utf-8").splitlines()
    assert [line for line in block("toml").splitlines() if line and line not in example] == []


def test_the_numbers_of_boards_are_those_of_circuitpython():
    page = (checkout.ROOT / "docs" / "compatibility.rst").read_text("utf-8")
    assert f"CircuitPython 10.2.1 has {len(BOARDS)} boards with an ESP32-S2 or ESP32-S3" in page
    assert f"CircuitPython 10.2.1 has {len(BOARDS)} boards with an ESP32-S2 or ESP32-S3" in README
    for flash in ("4MB", "8MB", "16MB", "32MB"):
        sort = [row for row in BOARDS if row[4] == flash]
        bare = [row for row in sort if row[5] in ("", "0")]
        row = rf"^{flash[:-2]} MB +{len(sort)} +{len(bare)} +`AppSlotWriter`"
        assert re.search(row, page, re.M), row
    bare = len([row for row in BOARDS if row[5] in ("", "0")])
    assert f"**With PSRAM** ({len(BOARDS) - bare} of the {len(BOARDS)})" in page
    assert f"**Without PSRAM** ({bare})" in page
    # One of them has no module dualbank: boards/deshipu_ugame_s3/mpconfigboard.mk.
    large = len([row for row in BOARDS if row[4] != "4MB"])
    assert re.search(rf"8 MB flash or more: {large - 1}\b", README)
    # Without USB: CIRCUITPY_USB_DEVICE = 0 in boards/*/mpconfigboard.mk. No drive, so no slots.
    _, _, usb = page.partition("* **USB.**")
    named = re.findall(r"``(\w+)``", usb.partition("* **Other chips")[0])
    without = [row for row in BOARDS if row[0] in named]
    assert len(without) == 6
    assert f"``AppSlotWriter``    {len(BOARDS) - len(without)}; six have no USB drive" in README
    small = [row for row in BOARDS if row[5] in ("", "0") and row[3] == "esp32s2"]
    assert f"The {len(small)} boards with an ESP32-S2 and without PSRAM" in README
    assert f"**ESP32-S2** ({len(small)} boards)" in page
    assert f"**ESP32-S3** ({bare - len(small)} boards)" in page


def limit(module: str, pattern: str) -> int:
    """A number of KB in the source of a test."""
    text = (checkout.ROOT / "tests" / "vm" / module).read_text("utf-8")
    return int(re.search(pattern, text)[1])


def test_the_heap_that_the_page_about_memory_tells_is_what_the_tests_give():
    page = (checkout.ROOT / "docs" / "compatibility.rst").read_text("utf-8")
    slots = limit("test_vm_slots.py", r"SESSION_HEAP = \(\d+, (\d+)\)")
    heaps = [
        HEAP_32_BIT // 1024,
        (HEAP_32_BIT + HEAP_FOR_TLS) // 1024,
        slots,
        slots + limit("test_vm_slots.py", r"SIGNED = (\d+)"),
        limit("test_vm_extensions.py", r"\((\d+) if vm.is_32_bit"),
    ]
    assert [int(told) for told in re.findall(r"^      - (\d+) KB$", page, re.M)] == heaps


def test_the_page_of_settings_lists_those_that_library_and_guard_read():
    page = (checkout.ROOT / "docs" / "settings.rst").read_text("utf-8")
    listed = re.findall(r"^``([A-Z_]+)``", page, re.M)
    read = {"CIRCUITPY_SAFE_MODE_DELAY"}  # CircuitPython alone reads it
    for folder in ("nerveshub_link", "examples/board"):
        for path in (checkout.ROOT / folder).rglob("*.py"):
            text = path.read_text("utf-8")
            read.update(re.findall(r"\bNERVESHUB_[A-Z]+(?:_[A-Z]+)*\b", text))
            read.update(re.findall(r"\bCIRCUITPY_WIFI_[A-Z]+\b", text))
    assert sorted(listed) == sorted(read)


def test_no_row_of_a_table_is_cut_in_two():
    # In a table of "=" each line with a text in its first column begins a row of its own.
    cut = []
    for page in PAGES:
        columns = []
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            if re.fullmatch(r" *=+( +=+)+", line):
                columns = [match.start() for match in re.finditer("=+", line)]
            elif not line.strip():
                columns = []
            elif columns and line[: columns[1]].strip():
                first, rest = line[: columns[1]].strip(), line[columns[1] :].strip()
                if first.endswith(",") or not rest:
                    cut.append(f"{page.name}:{number}: {first}")
    assert cut == []


def commands() -> list:
    """Every ``nerveshub-link`` line in a block of code, its options, and where it stands."""
    found = []
    for page in [*PAGES, checkout.ROOT / "tools" / "README.md"]:
        text = page.read_text("utf-8").replace("\\\n", " ")
        for line in re.findall(r"^ +(?:\.venv/bin/)?nerveshub-link (.+)$", text, re.M):
            words = line.partition(" #")[0].split()
            found.append((page.name, words))
    return found


def test_the_commands_of_the_documentation_exist_with_their_options():
    unknown = []
    for page, words in commands():
        command = main
        while isinstance(command, click.Group) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {
            name for option in command.params for name in (*option.opts, *option.secondary_opts)
        }
        wrong = [
            word for word in words if word.startswith("--") and word.split("=")[0] not in known
        ]
        if isinstance(command, click.Group) and words and words[0] != "--help":
            wrong.append(words[0])
        unknown += [f"{page}: {word}" for word in wrong if word != "--help"]
    assert len(commands()) > 30
    assert unknown == []
