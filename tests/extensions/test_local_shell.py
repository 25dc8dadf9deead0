# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The extension ``local_shell``: an operator's keys go in, what a terminal shows comes out."""

import gc
import os
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.desk import META, Desk, RecordingWriter, update

from nerveshub_link import DeviceLogs, LocalShell, NervesHubError
from nerveshub_link.extensions.shell_commands import Commands, split
from nerveshub_link.update import manager as updates


class Terminal:
    """An operator at the shell of a device whose drive is a folder of this machine."""

    def __init__(self, shell=True, **options):
        extensions = {"local_shell": shell}
        extensions.update(options.pop("extensions", {}))
        self.desk = Desk(extensions=extensions, **options)
        self.shell = self.desk.link._dispatch._topics["extensions"]._extensions["local_shell"]
        self.peer = self.desk.attach(*extensions)
        self.desk.peer.say(self.peer.ref, None, "extensions", "local_shell:request_shell", {})
        self.banner = self.read()

    def type(self, keys):
        self.desk.peer.say(
            self.peer.ref, None, "extensions", "local_shell:shell_input", {"data": keys}
        )

    def read(self, seconds=1.0):
        """What the terminal was told since the last call, until nothing more comes."""
        found = ""
        while True:
            self.desk.wait(seconds)
            new = ""
            for event, payload in self.peer.events("extensions"):
                if event == "local_shell:shell_output":
                    new += payload["data"]
            if not new:
                return found
            found += new

    def run(self, line):
        """Type a line; return what came between its echo and the next prompt."""
        self.type(line + "\r")
        shown = self.read()
        echo = line + "\r\n"
        assert shown.startswith(echo), shown
        assert shown.endswith("$ "), shown
        return shown[len(echo) : -2]


@pytest.fixture(autouse=True)
def drive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.py").write_text("import board\nprint(1)\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "x.mpy").write_bytes(bytes(700))
    return tmp_path


def test_shell_greets_and_shows_a_prompt_when_it_is_opened():
    assert Terminal().banner == "This is nerveshub_link; help lists the commands.\r\n$ "


def test_keys_are_echoed_and_edited():
    terminal = Terminal()
    terminal.type("pwx")
    assert terminal.read() == "pwx"
    terminal.type("\x7fd\r")
    assert terminal.read().endswith(os.getcwd() + "\r\n$ ")


def test_line_before_comes_back_with_the_arrow():
    terminal = Terminal()
    terminal.run("pwd")
    terminal.type("\x1b[A\r")
    assert terminal.read() == "pwd\r\n" + os.getcwd() + "\r\n$ "


def test_files_are_listed_shown_copied_renamed_and_removed(drive):
    terminal = Terminal()
    assert terminal.run("ls") == "code.py\r\nlib/\r\n"
    assert terminal.run("ls -l lib") == "     700  x.mpy\r\n"
    assert terminal.run("ls -l code.py") == "      22  code.py\r\n"
    assert terminal.run("cat code.py") == "import board\r\nprint(1)\r\n\r\n"
    assert terminal.run("cp code.py 'my copy.py'") == ""
    assert (drive / "my copy.py").read_text() == "import board\nprint(1)\n"
    assert terminal.run("mv my\\ copy.py lib") == ""
    assert terminal.run("ls lib/../lib") == "my copy.py\r\nx.mpy\r\n"
    assert terminal.run("mkdir data") == ""
    assert terminal.run("rm data lib/x.mpy") == ""
    assert terminal.run("ls") == "code.py\r\nlib/\r\n"
    assert terminal.run("cd lib") == ""
    assert terminal.run("pwd") == str(drive / "lib") + "\r\n"
    assert terminal.run("cat 'my copy.py'").startswith("import board")
    assert os.getcwd() == str(drive)  # the application's own folder stays


def test_head_shows_the_first_lines(drive):
    (drive / "many").write_text("".join("line %d\n" % number for number in range(500)))
    terminal = Terminal()
    assert terminal.run("head many").split("\r\n")[:-1] == ["line %d" % n for n in range(10)]
    assert terminal.run("head -n 200 many").split("\r\n")[:-1] == [
        "line %d" % n for n in range(200)
    ]
    assert terminal.run("head -n 0 many") == ""
    assert terminal.run("head -n x many") == "head: x is not a number\r\n"


@pytest.mark.parametrize(
    "line, said",
    [
        ("nosuch", "nosuch: no such command; help lists them"),
        ("cat", "cat: an argument is missing; help tells which"),
        ("cat nosuch", "nosuch: no such file or folder"),
        ("cat lib", "lib: is a folder"),
        ("ls nosuch", "nosuch: no such file or folder"),
        ("cp code.py", "cp: an argument is missing; help tells which"),
        ("cp code.py code.py", "cp: both are the same file"),
        ("cp code.py nosuch/x", "nosuch: no such file or folder"),
        ("mkdir lib", "lib: it exists already"),
        ("rm lib", "lib: the folder is not empty"),
        ("cd code.py", "cd: not a folder"),
        ("ls 'lib", "a quote is missing"),
        ("log debug", "log: the extension logging is off"),
        ("py 1+1", "py: no such command; help lists them"),
        ("reload", "reload: boards only"),
    ],
)
def test_mistake_is_told_as_a_shell_does(line, said):
    found = Terminal().run(line)
    assert found.endswith(said + "\r\n")
    assert found.count("\r\n") == 1


def test_copy_that_is_ended_leaves_no_half_file(drive):
    (drive / "large").write_bytes(bytes(200_000))
    terminal = Terminal()
    terminal.type("cp large copy\r")
    terminal.desk.wait(0.5)
    assert (drive / ".cp.part").exists()
    terminal.type("\x03")
    assert terminal.read().endswith("^C\r\n$ ")
    assert sorted(os.listdir(drive)) == ["code.py", "large", "lib"]


def test_copy_that_fails_leaves_what_was_in_its_place(drive):
    (drive / "large").write_bytes(bytes(200_000))
    terminal = Terminal()
    terminal.type("cp large code.py\r")
    terminal.desk.wait(0.5)
    terminal.type("\x03")
    terminal.read()
    assert (drive / "code.py").read_text() == "import board\nprint(1)\n"
    assert terminal.run("cp lib/x.mpy code.py") == ""
    assert (drive / "code.py").stat().st_size == 700


class Fat:
    """``os`` and ``open`` of a drive that finds names in any case, umlauts too."""

    def __getattr__(self, name):
        return getattr(os, name)

    def _real(self, path):
        found = ""
        for part in path.strip("/").split("/"):
            names = os.listdir(found or "/") if os.path.isdir(found or "/") else []
            same = [name for name in names if name.lower() == part.lower()]
            found += "/" + (same[0] if same and part not in names else part)
        return found

    def stat(self, path):
        return os.stat(self._real(path))

    def listdir(self, path):
        return os.listdir(self._real(path))

    def rename(self, old, new):
        os.rename(self._real(old), self._real(new))

    def open(self, path, mode):
        return open(self._real(path), mode)


@pytest.mark.parametrize("command", ["cp", "mv"])
@pytest.mark.parametrize(
    "source, target",
    [
        ("code.py", "CODE.PY"),
        ("Code.py", "code.PY"),
        ("lib/x.mpy", "LIB/x.mpy"),
        ("lib/x.mpy", "LIB"),
        ("code.py", "./lib/../Code.py"),
    ],
)
def test_a_file_is_not_copied_onto_itself_where_fat_folds_case(
    drive, monkeypatch, command, source, target
):
    terminal = Terminal()
    terminal.run("pwd")  # so that the commands are imported
    monkeypatch.setattr("nerveshub_link.extensions.shell_drive.os", Fat())
    monkeypatch.setattr("nerveshub_link.extensions.shell_drive.open", Fat().open, raising=False)
    said = terminal.run("%s %s %s" % (command, source, target))
    assert said == command + ": both are the same file\r\n"
    assert (drive / "code.py").read_text() == "import board\nprint(1)\n"
    assert (drive / "lib" / "x.mpy").stat().st_size == 700


def test_a_name_that_only_fat_knows_to_be_another_one_is_refused(drive, monkeypatch):
    # A board's lower() knows ASCII alone; FAT finds a file under its short name, too.
    (drive / "readme first.txt").write_text("precious")
    terminal = Terminal()
    terminal.run("pwd")
    fat = Fat()
    fat._real = lambda path: path.replace("README~1.TXT", "readme first.txt")
    monkeypatch.setattr("nerveshub_link.extensions.shell_drive.os", fat)
    monkeypatch.setattr("nerveshub_link.extensions.shell_drive.open", fat.open, raising=False)
    said = terminal.run("cp 'readme first.txt' README~1.TXT")
    assert said.endswith("README~1.TXT is another name of a file that is there\r\n")
    assert (drive / "readme first.txt").read_text() == "precious"


def test_copying_within_a_drive_that_folds_case_works(drive, monkeypatch):
    terminal = Terminal()
    terminal.run("pwd")
    monkeypatch.setattr("nerveshub_link.extensions.shell_drive.os", Fat())
    monkeypatch.setattr("nerveshub_link.extensions.shell_drive.open", Fat().open, raising=False)
    assert terminal.run("cp CODE.py LIB/New.py") == ""
    assert (drive / "lib" / "New.py").read_text() == "import board\nprint(1)\n"
    assert terminal.run("mv lib/new.PY code.py") == ""
    assert sorted(os.listdir(drive / "lib")) == ["x.mpy"]


def test_large_file_comes_in_pieces_and_ctrl_c_ends_it(drive):
    (drive / "large").write_text("0123456789abcde\n" * 20_000)
    terminal = Terminal()
    terminal.type("cat large\r")
    for _ in range(40):
        before = len(terminal.peer.sent)
        terminal.desk.wait(0.025)
        assert len(terminal.peer.sent) - before < 3000
    some = terminal.peer.events("extensions")
    assert 1000 < sum(len(payload["data"]) for _, payload in some) < 100_000
    terminal.type("\x03")
    assert terminal.read() == "^C\r\n$ "
    assert terminal.run("pwd") == str(drive) + "\r\n"


def test_large_file_is_shown_whole(drive):
    text = "".join("line %d \u00e4\u20ac\U0001f600\n" % number for number in range(3000))
    (drive / "large").write_text(text, encoding="utf-8")
    assert Terminal().run("cat large") == (text + "\n").replace("\n", "\r\n")


def test_binary_file_is_shown_as_text_that_a_terminal_can_bear(drive):
    (drive / "bin").write_bytes(b"\x1b[2J\x00A\r\n\xff\xed\xa0\x80\xc0\x80B\t\x80")
    shown = Terminal().run("cat bin")
    assert shown == ".[2J.A\r\n??????B\t?\r\n"


def test_what_the_board_is_like():
    terminal = Terminal()
    assert "KB free" in terminal.run("df")
    assert "days, " in terminal.run("uptime")
    version = terminal.run("version")
    assert "cpython 3." in version and "product demo\r\nversion 1.0.0\r\n" in version
    assert terminal.run("free") == "free: not known on this machine\r\n"


def test_memory_where_the_machine_tells(monkeypatch):
    monkeypatch.setattr(gc, "mem_alloc", lambda: 3000, raising=False)
    monkeypatch.setattr(gc, "mem_free", lambda: 1000, raising=False)
    assert Terminal().run("free") == "4000 bytes, 3000 used, 1000 free\r\n"


def test_help_lists_every_command_and_the_users_own():
    shell = LocalShell(python=True)
    shell.command("water", "SECONDS: run the pump")(lambda args: None)
    words = [line.split(" ")[0] for line in Terminal(shell).run("help").split("\r\n")[:-1]]
    needed = (
        "ls cat head cp mv rm mkdir df free uptime version reset reload update log help py water"
    )
    assert set(needed.split()) <= set(words)
    assert words == sorted(words)
    assert "py" not in [line.split(" ")[0] for line in Terminal().run("help").split("\r\n")]


def test_reset_says_goodbye_to_the_server_and_restarts():
    terminal = Terminal()
    assert terminal.run("reset") == "restarting\r\n"
    assert terminal.desk.client.named("reboot") == [("reboot",)]


def test_reload_starts_code_py_again(monkeypatch):
    calls = []
    supervisor = types.SimpleNamespace(reload=lambda: calls.append(1))
    monkeypatch.setitem(sys.modules, "supervisor", supervisor)
    assert Terminal().run("reload") == "reloading\r\n"
    assert calls == [1]


def test_update_tells_its_state():
    writer = RecordingWriter(meta=META)
    terminal = Terminal(fwup_writer=writer)
    desk = terminal.desk
    assert terminal.run("update") == "idle\r\n"
    image = bytes(20_000)
    terminal.peer.say(None, None, "device", "update", update(image))
    desk.until(lambda: desk.peer is not terminal.peer and desk.peer.asked, 1)
    desk.peer.answer(200, body=image)
    (packet,) = desk.peer.incoming
    desk.peer.incoming[:] = [packet[:10_000]]
    desk.wait(0.5)
    terminal.peer.say(
        terminal.peer.ref, None, "extensions", "local_shell:shell_input", {"data": "update\r"}
    )
    assert "downloading, 49 %\r\n" in terminal.read(0.1)


def test_log_shows_and_sets_the_level():
    logs = DeviceLogs(level="info")
    terminal = Terminal(extensions={"logging": logs})
    assert terminal.run("log") == "info and above\r\n"
    assert terminal.run("log error") == "error and above\r\n"
    assert logs.level == 40
    assert terminal.run("log loud") == "log: level must be one of debug, info, warning, error\r\n"


@pytest.mark.parametrize(
    "word", "idle renewing downloading verifying installing reporting installed closed".split()
)
def test_update_tells_each_state_by_its_name(word):
    terminal = Terminal()
    commands = Commands(terminal.shell._port, {}, None)
    terminal.desk.link._updates.state = getattr(updates, word.upper())
    _, pieces = commands.start("update")
    assert "".join(pieces).split(",")[0].strip() == word


# Commands of the user


@pytest.mark.parametrize(
    "answer, shown",
    [
        (lambda args: "watered %s" % args, "watered ['3', 'a b']\r\n"),
        (lambda args: None, ""),
        (lambda args: 42, "42\r\n"),
        (lambda args: iter(["a", "b\n", 5]), "ab\r\n5"),
        (lambda args: 1 / 0, "water: ZeroDivisionError: division by zero\r\n"),
        (lambda args: sys.exit(3), "water: SystemExit: 3\r\n"),
        (lambda args: (_ for _ in [1 / 0]), "water: ZeroDivisionError: division by zero\r\n"),
        (lambda args: "\ud83d!", "?!\r\n"),
    ],
)
def test_command_of_the_user_is_run_and_shown(answer, shown):
    shell = LocalShell()
    shell.command("water")(answer)
    terminal = Terminal(shell)
    assert terminal.run("water 3 'a b'") == shown
    assert terminal.desk.link.connected


def test_command_of_the_user_goes_before_one_of_that_name():
    shell = LocalShell()

    @shell.command("reset", ": not here")
    def refuse(args):
        return "no"

    terminal = Terminal(shell)
    assert terminal.run("reset") == "no\r\n"
    assert refuse([]) == "no"


def test_command_without_an_end_is_ended_by_ctrl_c_and_may_tidy_up():
    shell, tidied = LocalShell(), []

    @shell.command("watch")
    def watch(args):
        try:
            while True:
                yield "tick\n"
        finally:
            tidied.append(True)
            raise OSError("even so")

    terminal = Terminal(shell)
    terminal.type("watch\r")
    terminal.desk.wait(1)
    terminal.type("pwd\r\x03")
    assert terminal.read().endswith("^C\r\n$ ")
    assert tidied == [True]


@pytest.mark.parametrize("name", ["", "two words", None, 5])
def test_name_of_a_command_that_is_invalid_is_refused(name):
    with pytest.raises(ValueError, match="must be one word"):
        LocalShell().command(name)


@pytest.mark.parametrize("options", [{"python": 1}, {"namespace": []}, {"prompt": None}])
def test_option_that_is_invalid_is_refused(options):
    with pytest.raises(ValueError, match="local_shell: " + next(iter(options))):
        LocalShell(**options)


# Python


def test_py_runs_expressions_and_statements_with_the_users_names():
    names = {"pump": 7}
    terminal = Terminal(LocalShell(python=True, namespace=names))
    assert terminal.run("py 1+1") == "2\r\n"
    assert terminal.run("py _ * pump") == "14\r\n"
    assert terminal.run("py x = pump; print('x', x)") == "x 7\r\n"
    assert terminal.run("py 'a \"quoted\" text'") == "'a \"quoted\" text'\r\n"
    assert "ZeroDivisionError" in terminal.run("py 1/0")
    assert "SyntaxError" in terminal.run("py 1+")
    assert terminal.run("py raise SystemExit") == ""
    assert "x" not in names
    assert "were dropped" in terminal.run("py 'x' * 100000")


# Bounds and life


def test_paste_that_is_too_long_is_refused_and_said():
    terminal = Terminal()
    terminal.type("x" * 3000)
    assert "too much input: 3000 characters dropped" in terminal.read()
    assert terminal.desk.link.connected


def test_lines_typed_ahead_are_run_one_after_the_other():
    terminal = Terminal()
    terminal.type("mkdir a\rcd a\rpwd\r")
    assert terminal.read().endswith(os.path.join(os.getcwd(), "a") + "\r\n$ ")


def test_window_size_is_taken_and_nonsense_is_not():
    terminal = Terminal()
    for size in ({"rows": 24, "cols": 40}, {}, {"cols": "wide"}, {"cols": -3}, {"cols": None}):
        terminal.desk.ask("local_shell:window_size", size)
    assert terminal.run("pwd")


def test_shell_is_dropped_when_the_connection_is_lost():
    shell = LocalShell()
    terminal = Terminal(shell)
    terminal.type("cat code.py\r")
    terminal.peer.end()
    terminal.desk.wait(0.2)
    assert shell._session is None


def test_input_before_the_shell_was_asked_for_is_taken():
    desk = Desk(extensions={"local_shell": True})
    desk.attach("local_shell")
    shown = desk.ask("local_shell:shell_input", {"data": "p"})
    assert "".join(payload["data"] for _, payload in shown) == "p"


def test_shell_that_nobody_uses_for_five_minutes_gives_its_memory_back_and_says_so():
    shell = LocalShell()
    terminal = Terminal(shell, heartbeat_interval=150, reply_timeout=120)
    terminal.run("cd lib")
    for _ in range(3):
        terminal.desk.wait(95)
        for frame in terminal.peer.heard():
            if frame[2] == "phoenix":
                terminal.peer.reply(frame[1], "phoenix")
    assert shell._session is not None
    terminal.desk.wait(20)
    assert shell._session is None
    ((_, payload),) = terminal.peer.events("extensions")
    assert payload["data"] == "\r\nNo key for 5 minutes: the shell was restarted.\r\n$ "
    assert terminal.run("pwd") == os.getcwd() + "\r\n"


@pytest.mark.parametrize("payload", [{}, {"data": None}, {"data": 5}, {"data": ["ls"]}])
def test_input_that_is_no_text_is_ignored(payload):
    terminal = Terminal()
    terminal.desk.ask("local_shell:shell_input", payload)
    assert terminal.run("pwd")


@pytest.mark.parametrize(
    "line, words",
    [
        ("", []),
        ("  a \t b ", ["a", "b"]),
        ("'a b' \"c d\"e", ["a b", "c de"]),
        ('a\\ b "\\"" \'\\\'', ["a b", '"', "\\"]),
        ("'' x", ["", "x"]),
    ],
)
def test_words_of_a_line(line, words):
    assert split(line) == words


@pytest.mark.parametrize("line", ["'", 'a "b', "\\"])
def test_line_whose_quote_is_open_is_refused(line):
    with pytest.raises(NervesHubError, match="a quote is missing"):
        split(line)


KEYS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["\r", "\n", "\x03", "\x04", "\x7f", "\t", "\x1b[A", "\x1b[", "\x1b", "\ud83d"]
        + ["ls\r", "cat code.py\r", "py 1+1\r", "py raise KeyboardInterrupt\r", "py exit()\r"]
        + ["head code.py\r", "help\r", "rm -r x\r", "log\r", "update\r", "'\r"]
    ),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(KEYS, max_size=12))
def test_no_keys_make_poll_raise_or_the_link_fail(keys):
    terminal = Terminal(LocalShell(python=True))
    for key in keys:
        terminal.type(key)
        terminal.desk.wait(0.05)
    terminal.type("\x03")
    terminal.read()
    assert "fault" not in terminal.desk.log.text
    assert terminal.desk.link.connected
    assert terminal.peer.events("extensions") == []
