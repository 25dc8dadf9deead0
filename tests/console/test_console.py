# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""The console of a whole link on the desk: what an operator types, and what the terminal shows."""

import json
import types

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.desk import Desk
from support.terminal import Operator, Screen

from nerveshub_link import Console

OPENED = "\x1b[?2004h"


def operator(namespace=None, scripts=None, link=None, **options):
    return Operator(Desk(console=Console(namespace, **options), scripts=scripts, **(link or {})))


@pytest.fixture
def somebody():
    """An operator who has opened the page, and has read the banner."""
    found = operator({"pump": [1, 2]})
    found.push("window_size", {"height": 24, "width": 80})
    found.read()
    return found


def shown(somebody, keys, seconds=0.3):
    """What the terminal shows of it."""
    screen = Screen()
    screen.show(somebody.type(keys, seconds))
    return screen.text.split("\n")


# Joining


def test_console_is_joined_after_the_device_with_its_versions():
    somebody = operator()
    assert somebody.join == {"console_version": "2.0.0", "device_api_version": "2.2.0"}
    assert somebody.sent == []


def test_true_is_a_console_with_the_defaults():
    assert Operator(Desk(console=True)).type("1+1\r", 0.5).endswith("\r\n2\r\n>>> ")


@pytest.mark.parametrize("off", [None, False])
def test_without_the_option_nothing_is_joined_and_nothing_answered(off):
    desk = Desk(console=off)
    peer = desk.joined()
    peer.say(None, None, "console", "dn", {"data": "1+1\r"})
    desk.wait(1)
    assert peer.events("console") == []


@pytest.mark.parametrize("event", ["phx_error", "phx_close"])
def test_a_channel_that_crashed_is_joined_again_and_the_prompt_goes_on(somebody, event):
    somebody.type("x = 5\r1 +")
    somebody.peer.say(somebody.join_ref, somebody.join_ref, "console", event, {})
    somebody.accept()
    assert shown(somebody, " x\r") == [" x", "6", ">>>"]


def test_after_a_lost_connection_the_prompt_goes_on(somebody):
    somebody.type("x = 5\r")
    somebody.peer.end()
    somebody.desk.wait(0.1)
    somebody.peer = somebody.desk.joined()
    somebody.accept()
    assert shown(somebody, "x\r") == ["x", "5", ">>>"]


def test_a_refused_join_is_told_and_tried_again():
    desk = Desk(console=True)
    peer = desk.joined()
    desk.wait(0.1)
    (frame,) = [frame for frame in peer.heard() if frame[2] == "console"]
    peer.reply(frame[1], "console", {"reason": "no console"}, status="error")
    desk.wait(1)
    assert "console refused: {'reason': 'no console'}" in desk.log.text
    desk.wait(5)
    assert [frame[3] for frame in peer.heard() if frame[2] == "console"] == ["phx_join"]


# The prompt


def test_the_page_shows_a_banner_and_a_prompt_when_it_is_opened():
    somebody = operator()
    somebody.push("window_size", {"height": 24, "width": 80})
    text = somebody.read()
    assert text.startswith(OPENED + "\r\ndev-1, cpython 3.")
    assert text.endswith(". Type help() for help.\r\n>>> ")


def test_keys_are_echoed_and_a_value_is_shown(somebody):
    assert somebody.type("1+") == "1+"
    assert somebody.type("1\r") == "1\r\n2\r\n>>> "


def test_the_last_value_has_a_name(somebody):
    assert shown(somebody, "6*7\r_ + 1\rNone\r_\r")[-3:] == [">>> _", "43", ">>>"]


def test_names_of_the_application_are_there_and_stay_its_own(somebody):
    given_names = somebody.desk.link._config.console.names
    assert shown(somebody, "pump.append(3); pump\rpump = 1\rlink.state\r")[1:] == [
        "[1, 2, 3]",
        ">>> pump = 1",
        ">>> link.state",
        "'joined'",
        ">>>",
    ]
    assert given_names == {"pump": [1, 2, 3]}


def test_a_function_is_typed_in_lines(somebody):
    assert somebody.type("def f(a):\r") == "def f(a):\r\n... "
    assert somebody.type("    return a\r") == "    return a\r\n... "
    assert somebody.type("\r") == "\r\n>>> "
    assert somebody.type("f(3)\r") == "f(3)\r\n3\r\n>>> "


@pytest.mark.parametrize(
    "typed, value",
    [
        ("x = [1,\r2]\rx\r", "[1, 2]"),
        ("'''a\rb'''\r", "'a\\nb'"),
        ('"""it\'s\r#"""\r', '"it\'s\\n#"'),
        ("1 + \\\r1\r", "2"),
        ("'a\\\rb'\r", "'ab'"),
        ("for i in range(2): i\r\r", "0\r\n1"),
        ("if False:\r  1\relse:\r  2\r\r", "2"),
        ("try:\r  1/0\rexcept ZeroDivisionError:\r  'none'\r\r", "'none'"),
        ("@str\rdef f(): pass\r\rf[:9]\r", "'<function'"),
        ("{'a':\r 1}\r", "{'a': 1}"),
        ("'#' # no [\r", "'#'"),
        ("'\\''\r", '"\'"'),
        ("class A:\r  # (\r\r\r  b = 3\r\rA.b\r", "3"),
        ("lambda x: (\r x)\r_(4)\r", "4"),
        ("1; 2\r", "1\r\n2"),
    ],
)
def test_where_a_statement_ends(somebody, typed, value):
    assert "\r\n" + value + "\r\n>>> " in somebody.type(typed, 1)


def test_a_pasted_file_runs_as_it_would_from_a_file(somebody):
    paste = """\
# A comment, and blank lines in a function

import sys
def f(x):
    if x:
        y = 1

        return y

    # back
    return 2
print(f(0), f(1))
for i in range(2): print(i)
else:
    print('end')
@staticmethod
def g():
\treturn 7


class A:

    def m(self):
        return 'm'

print(g(), A().m())
"""
    for text in (paste.replace("\n", "\r"), "\x1b[200~" + paste + "\x1b[201~\r"):
        out = somebody.type(text, 2)
        printed = [line for line in out.split("\r\n") if not line.startswith((">>>", "...", "#"))]
        assert printed == ["2 1", "0", "1", "end", "7 m"]


def test_an_error_is_told_by_the_users_lines_only(somebody):
    assert shown(somebody, "def f():\r  return 1/0\r\rf()\r")[4:] == [
        "Traceback (most recent call last):",
        '  File "<console>", line 1, in <module>',
        '  File "<console>", line 2, in f',
        "ZeroDivisionError: division by zero",
        ">>>",
    ]


def test_a_wrong_line_is_told_and_forgotten(somebody):
    text = somebody.type("1 +\r2\r")
    assert "SyntaxError: invalid syntax\r\n>>> 2\r\n2\r\n>>> " in text


@pytest.mark.parametrize(
    "code, told",
    [
        ("raise SystemExit", []),
        ("raise SystemExit('enough')", ["SystemExit: enough"]),
        ("import sys; sys.exit(0)", []),
        ("raise KeyboardInterrupt", ["KeyboardInterrupt"]),
        ("raise GeneratorExit", None),
        ("raise BaseException('no exception')", None),
        ("raise type('E', (Exception,), {'__str__': lambda s: 1/0})()", None),
        ("type('R', (), {'__repr__': lambda s: 1/0})()", None),
        ("input()", None),
        ("def f(): f()\r\rf()", None),
        ("exec('(' * 500)", None),
        ("bytearray(-1)", None),
        ("del print, help", []),
        ("globals().clear()", []),
    ],
)
def test_no_command_ends_more_than_itself(somebody, code, told):
    lines = shown(somebody, code + "\r", 1)
    if told is not None:
        assert lines[1:] == told + [">>>"]
    assert shown(somebody, "1 + 1\r") == ["1 + 1", "2", ">>>"]
    assert somebody.desk.link.connected
    assert "fault" not in somebody.desk.log.text


def test_what_leaves_the_program_on_a_board_is_let_through(somebody):
    # supervisor.reload() and a deep sleep end the program by exceptions of these names.
    somebody.push("dn", {"data": "class ReloadException(BaseException): pass\r\r"})
    somebody.peer.say(somebody.join_ref, None, "console", "dn", {"data": "raise ReloadException\r"})
    with pytest.raises(BaseException) as caught:
        somebody.desk.wait(0.2)
    assert type(caught.value).__name__ == "ReloadException"


def test_print_knows_what_the_builtin_knows(somebody, tmp_path):
    file = tmp_path / "out"
    typed = "print(1, 'a', sep='-', end='!\\n', flush=True); print(); print('é')\r"
    assert shown(somebody, typed)[1:] == ["1-a!", "", "é", ">>>"]
    somebody.type("f = open(%r, 'w'); print('there', file=f); f.close()\r" % str(file))
    assert file.read_text() == "there\n"


def test_help_tells_what_is_there(somebody):
    text = somebody.type("help()\r")
    assert "download(path)" in text
    assert "Names of the application: link, pump\r\n>>> " in text
    assert "  append -- <built-in method append" in somebody.type("help(pump)\r")


def test_tab_completes_names_and_attributes(somebody):
    assert somebody.type("pu\t") == "pump" + ""
    assert somebody.type(".app\t") == ".append"
    assert somebody.type("\x15\t") == "\x1b[11D\x1b[J    "
    assert somebody.type("\x15imp\t") == "\x1b[4D\x1b[Jimport"
    assert somebody.type("\x15xyz\t") == "\x1b[6D\x1b[Jxyz\a"
    assert somebody.type("\x15nothing.at.all\t")[-1] == "\a"
    assert somebody.type("\x151.\t")[-1] == "\a"


def test_several_names_are_listed_below_the_line(somebody):
    typed = "alpha_one = alpha_two = 1\rprint(alp\t"
    assert shown(somebody, typed)[-1:] == [">>> print(alpha_"]
    assert shown(somebody, "\t") == ["", "alpha_one  alpha_two", ">>> print(alpha_"]


def test_completion_survives_attributes_that_raise(somebody):
    code = "class A:\r  @property\r  def p(self): raise SystemExit\r\ra = A()\r"
    somebody.type(code, 1)
    assert somebody.type("a.p.\t")[-1] == "\a"


def test_ctrl_c_drops_the_block_and_what_waits(somebody):
    somebody.type("if True:\r  x")
    assert shown(somebody, "\x03") == ["^C", ">>>"]
    somebody.peer.say(somebody.join_ref, None, "console", "dn", {"data": "a = 1\r" * 100})
    somebody.peer.say(somebody.join_ref, None, "console", "dn", {"data": "print(2)\r\x03b"})
    text = somebody.type("\r", 1)
    assert "print(2)" not in text and text.count("a = 1") < 100


def test_restart_begins_with_fresh_names(somebody):
    somebody.type("x = 5\rif x:\r")
    somebody.push("restart", {})
    assert somebody.read().endswith("Type help() for help.\r\n>>> ")
    assert "NameError" in somebody.type("x\r")


@pytest.mark.parametrize("keys", ["exit()\r", "quit()\r", "\x04"])
def test_leaving_closes_the_prompt_and_any_key_opens_it(somebody, keys):
    assert "[prompt closed; any key opens it again]\r\n" in somebody.type(keys)
    assert somebody.desk.link._config.console._session is None
    assert somebody.type("1\r").endswith("\r\n>>> 1\r\n1\r\n>>> ")


def test_what_was_printed_before_leaving_arrives_and_what_was_typed_behind_it_does_not(somebody):
    text = somebody.type("print('a' * 7000)\rexit()\rprint('b')\r", 2)
    assert "a" * 7000 in text
    assert text.endswith(">>> exit()\r\n\x1b[?2004l\r\n[prompt closed; any key opens it again]\r\n")
    assert somebody.type("1\r").endswith("\r\n>>> 1\r\n1\r\n>>> ")


def test_an_idle_prompt_is_closed_and_says_so(somebody):
    somebody.wait(299, 1000)
    assert somebody.read() == ""
    somebody.wait(2, 1000)
    assert somebody.read() == "\x1b[?2004l\r\n[prompt closed after 300 s without a key]\r\n"
    assert somebody.desk.link._config.console._session is None


def test_a_prompt_may_stay_open_without_a_limit():
    somebody = operator(idle_timeout=0)
    somebody.type("x = 1\r")
    somebody.wait(3600, 1000)
    assert somebody.type("x\r").endswith("\r\n1\r\n>>> ")


def test_a_narrow_window_is_honoured(somebody):
    somebody.push("window_size", {"height": 24, "width": 30})
    somebody.read()
    assert somebody.type("x" * 26) == "x" * 26 + " \r"


# Output


def test_output_comes_in_pieces_and_is_never_cut_within_a_character(somebody):
    somebody.type("print('é漢' * 2000)\r", 3)
    pieces = [payload["data"] for event, payload in somebody.sent if event == "up"]
    assert max(len(piece) for piece in pieces) <= 512
    assert "é漢" * 2000 in "".join(pieces)


def test_what_a_command_prints_without_an_end_is_dropped_and_counted(somebody):
    text = somebody.type("for i in range(100000): print('0123456789')\r\r", 5)
    assert len(text) < 12_000
    printed, _, rest = text.partition("... \r\n")[2].partition("\r\n[")
    assert len(printed) > 8000
    assert len(printed.replace("\r\n", "\n")) + int(rest.split(" ")[0]) == 100_000 * 11
    assert text.endswith(" more characters were dropped]\r\n>>> ")


def test_an_error_is_told_though_the_output_was_dropped(somebody):
    text = somebody.type("for i in range(100000): print(i, 1 / (i < 50000))\r\r", 5)
    assert text.endswith("ZeroDivisionError: division by zero\r\n>>> ")


def test_a_congested_network_loses_no_output_and_lets_no_more_in():
    somebody = operator(output_limit=2000)
    somebody.type("x = 'y' * 1500\r")
    transport = somebody.desk.link._connection.socket._transport
    room, transport.room = transport.room, [0] * 400
    somebody.type("x; print('z' * 300)\rprint('end')\r", 8)
    queue = somebody.desk.link._connection.socket._queue
    assert len(queue) <= 12
    transport.room = room
    somebody.desk.wait(3)
    text = somebody.read()
    assert "y" * 1500 in text and "z" * 300 in text
    assert text.endswith("print('end')\r\nend\r\n>>> ")


def test_keys_wait_while_output_does(somebody):
    session = somebody.desk.link._config.console._session
    push, session._push = session._push, lambda event, payload: False
    somebody.push("dn", {"data": "print('x' * 2000)\ry = 1\r"}, 1)
    assert "y" not in session.runner().namespace
    session._push = push
    somebody.desk.wait(1)
    assert session.runner().namespace["y"] == 1


def test_text_that_no_utf_8_can_hold_is_replaced(somebody):
    assert shown(somebody, "print('a' + chr(0xd800) + 'b' + chr(0xd7ff))\r")[1] == "a?b\ud7ff"


# What does not fit


def test_a_paste_beyond_the_message_limit_is_told_at_the_prompt(somebody):
    somebody.type("1 +")
    lines = shown(somebody, "y" * 70_000 + "\r", 1)
    assert lines[1].startswith("[a message of 700")
    assert "".join(lines[1:-1]).endswith(
        " bytes was skipped; at most 16384 bytes (max_message_size) are allowed]"
    )
    assert lines[-1] == ">>> 1 +"
    assert somebody.type(" 1\r").endswith("\r\n2\r\n>>> ")


def test_a_paste_of_70_kb_runs_where_the_application_gave_room_for_it():
    somebody = operator(link={"max_message_size": 131072})
    paste = "".join("total = %d\r" % number for number in range(6000))
    assert len(paste) > 70_000
    assert somebody.type(paste + "total\r", 60).endswith("\r\n>>> total\r\n5999\r\n>>> ")


def test_output_for_which_there_is_no_memory_is_sent_later_and_the_prompt_stays(
    somebody, monkeypatch
):
    somebody.type("x = 5\r")
    dumps = json.dumps

    def none(value):
        if value[3] == "up":
            raise MemoryError("memory allocation failed, allocating 64 bytes")
        return dumps(value)

    with monkeypatch.context() as patch:
        traps = types.SimpleNamespace(loads=json.loads, dumps=none)
        patch.setattr("nerveshub_link.wire.phoenix.json", traps)
        assert somebody.type("x + 1\r", 2) == ""
    somebody.desk.wait(0.2)
    assert somebody.read() == "x + 1\r\n6\r\n>>> "


LONG = "x = 1 # " + "y" * 2000 + "\r"
BLOCK = "if True:\r" + ("  x = 1 # " + "y" * 900 + "\r") * 10
BEGIN, END = "\x1b[200~", "\x1b[201~"


@pytest.mark.parametrize("rest", ["", "print('the tail ran')\r"])
@pytest.mark.parametrize(
    "refused, why",
    [
        (LONG, "the line was too long: dropped"),
        ("if True:\r  x = 2\r" + LONG, "the line was too long: dropped"),
        (BLOCK, "the block has more than 8192 characters: dropped"),
        ("y = 2\r" + BLOCK + "\r", "the block has more than 8192 characters: dropped"),
    ],
)
@pytest.mark.parametrize("marks", [("", ""), (BEGIN, END)], ids=["unmarked", "marked"])
def test_of_a_paste_that_is_too_long_nothing_runs_any_more(somebody, marks, refused, why, rest):
    text = somebody.type(marks[0] + refused + rest * 30 + marks[1], 3)
    assert "[" + why in text
    assert "the tail ran" not in text
    assert text.endswith(">>> ")
    assert "NameError" in somebody.type("x\r")


def test_what_is_typed_behind_a_refused_paste_counts(somebody):
    text = somebody.type(BEGIN + LONG + "print('the tail')\r" + END + "6 * 7\r", 2)
    assert "dropped, with all that followed]" in text
    assert text.endswith(">>> 6 * 7\r\n42\r\n>>> ")


def test_a_refused_paste_that_comes_in_pieces_is_dropped_up_to_its_end(somebody):
    somebody.type(BEGIN + LONG + "print('tail 1')\r", 2)
    for piece in ("print('tail 2')\r" * 40, "print('tail 3')\r\x1b[20", "1~6 * 7\r"):
        text = somebody.type(piece, 2)
        assert "tail" not in text
    assert text.endswith("6 * 7\r\n42\r\n>>> ")


def test_ctrl_c_ends_a_refused_paste_whose_end_does_not_come(somebody):
    somebody.type(BEGIN + LONG, 2)
    assert somebody.type("1 + 1\r") == ""
    assert somebody.type("\x03") == "^C\r\n>>> "
    assert somebody.type("6 * 7\r").endswith("\r\n42\r\n>>> ")


def test_a_paste_behind_a_line_too_long_is_one_of_its_own(somebody):
    text = somebody.type(LONG + "print('the tail')\r" + BEGIN + "6 * 7\r" + END, 2)
    assert text.endswith("dropped, with all that followed]\r\n>>> 6 * 7\r\n42\r\n>>> ")


def test_a_long_line_typed_alone_takes_nothing_with_it(somebody):
    text = somebody.type(LONG, 2)
    assert text.endswith("[the line was too long: dropped]\r\n>>> ")


LINE = "print('it ran')\r"
PIECE = LINE * 800  # with its escapes just below max_message_size


def flood(somebody, *pieces):
    """Messages that come faster than the prompt uses them; what the terminal shows in the end."""
    for piece in pieces:
        somebody.peer.say(somebody.join_ref, None, "console", "dn", {"data": piece})
    text = somebody.type("1 + 2\r", 15)
    assert text.endswith("1 + 2\r\n3\r\n>>> ")
    return text


@pytest.mark.parametrize(
    "last",
    [[LINE, LINE + END], [LINE + END + LINE], [LINE + "\x1b[2", "01~"], [END]],
    ids=["later", "within", "in two pieces", "alone"],
)
def test_a_paste_for_which_too_much_waits_runs_neither_before_nor_behind_the_hole(somebody, last):
    text = flood(somebody, "6 * 7\r" + BEGIN + PIECE, PIECE, PIECE, *last)
    assert "characters of input were dropped: queue full]" in text
    assert "6 * 7\r\n42\r\n" in text
    assert "\r\nit ran" not in text.replace(last[0].partition(END)[2] or "-", "")


@pytest.mark.parametrize("last", [[], [END], [LINE, LINE + END]], ids=len)
def test_a_paste_that_is_being_used_runs_no_further_when_too_much_waits(somebody, last):
    somebody.type(BEGIN + "if True:\r  print('it ran')\r", 1)
    pieces = [("  " + LINE) * 700] * 3
    if not last:
        pieces[-1] += END
    text = flood(somebody, *pieces, *last)
    assert "characters of input were dropped: queue full]" in text
    assert "\r\nit ran" not in text


@pytest.mark.parametrize("end", [LINE + END, LINE + END + "\r", LINE])
def test_of_a_paste_whose_beginning_was_passed_over_the_tail_is_dropped(somebody, end):
    text = flood(somebody, BEGIN + PIECE * 2, LINE * 10, LINE + END)
    assert "(max_message_size) are allowed]" in text
    assert "\r\nit ran" not in text


def test_of_a_paste_whose_middle_was_passed_over_nothing_runs_any_more(somebody):
    somebody.type(BEGIN + "if True:\r  print('it ran')\r", 1)
    text = flood(somebody, "  " + PIECE * 2, "  " + LINE + END)
    assert "\r\nit ran" not in text


def test_a_paste_that_was_passed_over_as_a_whole_takes_nothing_with_it(somebody):
    text = flood(somebody, BEGIN + PIECE * 2 + END, "6 * 7\r")
    assert "6 * 7\r\n42\r\n" in text


def test_a_paste_too_long_for_a_closed_prompt_is_told():
    somebody = operator()
    somebody.push("dn", {"data": BEGIN + PIECE * 2 + END})
    assert "(max_message_size) are allowed]" in somebody.read()


@pytest.mark.parametrize(
    "event, payload",
    [
        ("dn", {}),
        ("dn", {"data": None}),
        ("dn", {"data": 5}),
        ("dn", {"data": ""}),
        ("dn", []),
        ("window_size", {}),
        ("window_size", {"width": "80", "height": None}),
        ("window_size", {"width": True}),
        ("window_size", {"width": -1}),
        ("window_size", {"width": 1e9}),
        ("restart", None),
        ("message", {"event": "hi"}),
        ("nosuch", {}),
    ],
)
def test_strange_messages_do_no_harm(somebody, event, payload):
    somebody.push(event, payload)
    assert somebody.type("\x03") or True
    somebody.read()
    assert shown(somebody, "1+1\r")[-2:] == ["2", ">>>"]
    assert "fault" not in somebody.desk.log.text


# Options


@pytest.mark.parametrize(
    "options, words",
    [
        ({"namespace": []}, "namespace must be a dict"),
        ({"namespace": {1: 2}}, "namespace must be a dict"),
        ({"upload_folder": ""}, "upload_folder must be a path"),
        ({"upload_folder": 3}, "upload_folder must be a path"),
        ({"upload_limit": 0}, "upload_limit must be a whole number from 1"),
        ({"download_limit": 1.5}, "download_limit must be a whole number"),
        ({"idle_timeout": -1}, "idle_timeout must be a whole number from 0 to 86400"),
        ({"idle_timeout": True}, "idle_timeout must be a whole number"),
        ({"output_limit": 10}, "output_limit must be a whole number from 512"),
    ],
)
def test_mistakes_in_options_are_told_at_construction(options, words):
    with pytest.raises(ValueError, match="console: " + words):
        Console(**options)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"console": "yes"}, "console must have a method"),
        ({"scripts": "console"}, "scripts='console' needs the option console"),
        ({"scripts": "yes"}, "scripts must be True, False, a dict of names, or 'console'"),
        ({"scripts": 1}, "scripts must be"),
    ],
)
def test_mistakes_in_the_links_options_are_told_at_construction(options, words):
    with pytest.raises(ValueError, match=words):
        Desk(**options)


# Anything at all

FRAMES = st.one_of(
    st.tuples(st.just("dn"), st.fixed_dictionaries({"data": st.text(max_size=40)})),
    st.tuples(
        st.just("dn"),
        st.fixed_dictionaries(
            {
                "data": st.sampled_from(
                    ["\r", "\t", "\x03", "\x04", "\x1b[A", "\x1b[200~", "\x1b[201~", "if 1:\r"]
                    + ["1/0\r", "exit()\r", "x = [\r", "print('a' * 9999)\r", "_\r", "link.\t"]
                )
            }
        ),
    ),
    st.tuples(
        st.sampled_from(
            ["window_size", "restart", "file-data/start", "file-data", "file-data/stop", "x"]
        ),
        st.dictionaries(
            st.sampled_from(["width", "filename", "data", "chunk"]),
            st.one_of(st.none(), st.integers(), st.text(max_size=10), st.just("QUJD")),
        ),
    ),
)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # what the keys make of Python
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(FRAMES, max_size=30))
def test_no_keys_and_no_frames_make_poll_raise(tmp_path, frames):
    somebody = operator(upload_folder=str(tmp_path / "up"), scripts="console")
    for event, payload in frames:
        somebody.push(event, payload, 0.05)
    somebody.push("dn", {"data": "\x1b[201~\x03\r"}, 3)
    somebody.read()
    assert somebody.type("\x03'still ' + 'here'\r", 0.5).endswith("\r\n'still here'\r\n>>> ")
    assert "fault" not in somebody.desk.log.text
    assert somebody.desk.link.connected
