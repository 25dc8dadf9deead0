# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""Support scripts of a link on the desk: what runs, and what the operator reads."""

import json
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.desk import Desk
from support.raw_server import server_frame
from support.terminal import Operator

from nerveshub_link import Console
from nerveshub_link.console.python_source import keep_last_value


def run(text, desk=None, **options):
    """The answer to a script."""
    options.setdefault("scripts", True)
    desk = desk or Desk(**options)
    peer = desk.joined()
    peer.say(None, None, "device", "scripts/run", {"ref": "5W9YlQ", "text": text})
    desk.wait(0.1)
    (answer,) = [value for event, value in peer.events() if event == "scripts/run"]
    assert answer["ref"] == "5W9YlQ"
    assert "fault" not in desk.log.text
    return answer


def test_a_script_answers_with_its_output_and_its_last_value():
    assert run("print('hi')\n1 + 1\n") == {
        "ref": "5W9YlQ",
        "result": "completed",
        "output": "hi\n",
        "return": "2",
    }


@pytest.mark.parametrize(
    "text, value",
    [
        ("1 + 1", "2"),
        ("'a'", "'a'"),
        ("x = 5\nx", "5"),
        ("x = 5\nx  # the answer\n\n# no more\n", "5"),
        ("x = 5\r\nx\r\n", "5"),
        ("max(\n  1,\n  2,\n)", "2"),
        ("'''a\nb\n'''", "'a\\nb\\n'"),
        ("[\n1,\n2]", "[1, 2]"),
        ("1 + \\\n1", "2"),
        ("def f():\n    return 3\n\nf()", "3"),
        # These have no value.
        ("", ""),
        ("# nothing", ""),
        ("None", ""),
        ("x = 5", ""),
        ("x = '''\n1 + 1\n'''", ""),
        ("x = [\n1\n]", ""),
        ("if True:\n  1\nelse:\n  2", ""),
        ("for _ in range(3): pass", ""),
        ("_ = 3\nx = 1", ""),
    ],
)
def test_what_the_value_of_a_script_is(text, value):
    answer = run(text)
    assert (answer["result"], answer["return"], answer["output"]) == ("completed", value, "")


def test_lines_of_an_error_are_those_of_the_script():
    answer = run("x = 1\n\n(x /\n 0)")
    assert answer["result"] == "error"
    assert answer["reason"] == "the script raised an exception"
    assert answer["return"] == ""
    lines = answer["output"].splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].startswith('  File "<script>", line ')
    assert lines[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    "text, result, output",
    [
        ("raise SystemExit", "completed", ""),
        ("import sys\nsys.exit(0)", "completed", ""),
        ("import sys\nprint('a')\nsys.exit('no')", "error", "a\nSystemExit: no\n"),
        ("raise KeyboardInterrupt", "error", "KeyboardInterrupt\n"),
    ],
)
def test_an_exit_ends_the_script_only(text, result, output):
    answer = run(text)
    assert (answer["result"], answer["output"]) == (result, output)


@pytest.mark.parametrize(
    "text",
    [
        "def f(",
        "  x = 1",
        "raise BaseException('no exception')",
        "raise type('E', (Exception,), {'__str__': lambda s: 1/0})()",
        "\0",
        "input()",
        "def f(): f()\nf()",
    ],
)
def test_whatever_a_script_does_it_is_answered(text):
    answer = run(text)
    assert answer["result"] == "error"
    assert answer["output"]


def test_a_value_whose_repr_raises_is_told():
    answer = run("type('R', (), {'__repr__': lambda s: 1/0})()")
    assert answer["return"] == "<R, whose repr() failed>"


def test_output_and_value_are_bounded_and_an_error_is_told_all_the_same():
    answer = run("for i in range(10000): print(i)\n'x' * 5000")
    assert len(answer["output"]) < 4200
    assert answer["output"].endswith(" more characters were dropped]\n")
    assert answer["return"] == "'" + "x" * 1023 + "..."
    assert run("for i in range(10000): print(i)\n1/0")["output"].endswith("by zero\n")


def test_text_that_no_utf_8_can_hold_is_replaced():
    answer = run("print(chr(0xd800))\nchr(0x41) + 'b'")
    assert (answer["output"], answer["return"]) == ("?\n", "'Ab'")


def test_every_script_has_names_of_its_own():
    desk = Desk(scripts={"pump": [1]})
    peer = desk.joined()
    for text in ("x = 1", "x", "pump.append(2); pump = 0", "pump", "link.state"):
        peer.say(None, None, "device", "scripts/run", {"ref": text, "text": text})
    desk.wait(0.5)
    answers = {
        value["ref"]: (value["result"], value["return"])
        for event, value in peer.events()
        if event == "scripts/run"
    }
    assert answers["x"][0] == "error"
    assert answers["pump"] == ("completed", "[1, 2]")
    assert answers["link.state"] == ("completed", "'joined'")


def test_scripts_share_the_consoles_names_if_the_application_says_so():
    somebody = Operator(Desk(console=Console({"pump": 7}), scripts="console"))
    assert somebody.run("x = pump + 1\nx")["return"] == "8"
    assert somebody.type("x\r").endswith("\r\n8\r\n>>> ")
    somebody.type("def f(): print('from f')\r\r")
    assert somebody.run("f()")["output"] == "from f\n"
    # What is printed later goes to the console again.
    assert somebody.type("f()\r").endswith("\r\nfrom f\r\n>>> ")


def test_names_of_a_console_that_nobody_uses_go_after_a_while():
    somebody = Operator(Desk(console=Console(), scripts="console"))
    somebody.run("x = 1")
    somebody.wait(301, 1000)
    assert somebody.desk.link._config.console._session is None
    assert somebody.run("x")["result"] == "error"


def test_a_script_that_held_the_loop_for_more_than_ten_seconds_is_told_so():
    desk = Desk(scripts={"sleep": lambda seconds: desk.clock.advance(seconds * 1000)})
    answer = run("sleep(12)\n1", desk)
    assert answer["result"] == "completed"
    assert answer["return"] == "1"
    assert "[this blocked the main loop for 12 s]" in answer["output"]
    desk.wait(1)
    assert desk.link.connected


@pytest.mark.parametrize("off", [None, False])
def test_off_is_answered_politely(off):
    answer = run("1 + 1", scripts=off)
    assert answer["result"] == "error"
    assert answer["output"] == "scripts are off on this device"


@pytest.mark.parametrize("payload", [{}, {"ref": 5}, {"ref": "a", "text": None}, {"text": ["1"]}])
def test_a_script_without_a_text_is_answered_by_an_error(payload):
    desk = Desk(scripts=True)
    peer = desk.joined()
    peer.say(None, None, "device", "scripts/run", payload)
    desk.wait(0.1)
    (answer,) = [value for event, value in peer.events() if event == "scripts/run"]
    assert answer["reason"] == "a script without text"
    assert answer["ref"] == payload.get("ref")


def test_more_scripts_than_a_board_can_keep_are_refused_not_lost():
    desk = Desk(scripts=True)
    peer = desk.joined()
    for number in range(30):
        payload = {"ref": str(number), "text": "%d" % number}
        peer.say(None, None, "device", "scripts/run", payload)
    desk.wait(2)
    answers = [value for event, value in peer.events() if event == "scripts/run"]
    assert {answer["ref"] for answer in answers} == {str(number) for number in range(30)}
    for answer in answers:
        assert answer["return"] == answer["ref"] or answer["reason"] == "the script queue is full"
    assert 8 <= len([1 for answer in answers if answer["result"] == "completed"]) < 30


def test_an_answer_that_finds_nobody_is_logged():
    desk = Desk(scripts=True)
    peer = desk.joined()
    peer.say(None, None, "device", "scripts/run", {"ref": "a", "text": "link.reconnect()"})
    desk.wait(0.1)
    assert "a script's answer was not sent: not joined" in desk.log.text


def test_no_memory_for_the_answer_is_answered(monkeypatch):
    desk = Desk(scripts=True)
    peer = desk.joined()
    push = desk.link._device._scripts._push

    def scarce(event, payload):
        if len(payload["output"]) > 100:
            raise MemoryError
        return push(event, payload)

    monkeypatch.setattr(desk.link._device._scripts, "_push", scarce)
    peer.say(None, None, "device", "scripts/run", {"ref": "a", "text": "print('x' * 1000)"})
    desk.wait(0.1)
    (answer,) = [value for event, value in peer.events() if event == "scripts/run"]
    assert answer["reason"] == "it ran, but no memory for its answer"
    assert desk.link.connected


@pytest.mark.parametrize("scripts", [True, None], ids=["on", "off"])
@pytest.mark.parametrize("ref_first", [True, False])
def test_a_script_over_the_limit_is_answered_with_the_limit(scripts, ref_first):
    desk = Desk(scripts=scripts)
    peer = desk.joined()
    text = 'x = 1 # "ref":"no" 漢\n' * 2000
    payload = {"ref": "5W9YlQ", "text": text} if ref_first else {"text": text, "ref": "5W9YlQ"}
    message = '[null,null,"device","scripts/run",' + compact(payload) + "]"
    peer.put(server_frame(0x1, message.encode()))
    desk.wait(1)
    (answer,) = [value for event, value in peer.events() if event == "scripts/run"]
    reason = "the script's message has %d bytes, at most 16384 (max_message_size) are allowed"
    reason %= len(message.encode())
    assert answer == {
        "ref": "5W9YlQ",
        "result": "error",
        "reason": reason,
        "output": reason,
        "return": "",
    }
    assert desk.link.connected


def compact(value):
    """As the real server writes JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def test_a_long_message_that_is_no_script_is_not_answered():
    desk = Desk(scripts=True)
    peer = desk.joined()
    peer.events()
    peer.say(None, None, "device", "other", {"ref": "5W9YlQ", "text": "x" * 20_000})
    peer.say(None, None, "device", "scripts/run", {"text": "x" * 20_000})
    desk.wait(1)
    assert peer.events() == []


def test_a_script_for_whose_message_there_is_no_memory_is_answered(monkeypatch):
    desk = Desk(scripts=True)
    peer = desk.joined()

    def scarce(text):
        if len(text) > 1000:
            raise MemoryError
        return json.loads(text)

    scarce_json = types.SimpleNamespace(loads=scarce, dumps=json.dumps)
    monkeypatch.setattr("nerveshub_link.wire.phoenix.json", scarce_json)
    message = {"ref": "5W9YlQ", "text": "x = 1\n" * 300}
    peer.put(
        server_frame(0x1, ('[null,null,"device","scripts/run",%s]' % compact(message)).encode())
    )
    desk.wait(1)
    (answer,) = [value for event, value in peer.events() if event == "scripts/run"]
    assert (answer["ref"], answer["result"]) == ("5W9YlQ", "error")
    assert answer["reason"] == "no memory for the script on this device"


def test_an_answer_for_which_there_is_no_memory_at_first_is_sent_later(monkeypatch):
    desk = Desk(scripts=True)
    peer = desk.joined()
    dumps, failures = json.dumps, [MemoryError] * 30

    def scarce(value):
        if "scripts/run" in value and failures:
            raise failures.pop()
        return dumps(value)

    scarce_json = types.SimpleNamespace(loads=json.loads, dumps=scarce)
    monkeypatch.setattr("nerveshub_link.wire.phoenix.json", scarce_json)
    peer.say(None, None, "device", "scripts/run", {"ref": "a", "text": "1 + 1"})
    desk.wait(3)
    (answer,) = [value for event, value in peer.events() if event == "scripts/run"]
    assert answer["reason"] == "it ran, but no memory for its answer"
    assert desk.link.connected


def test_what_is_kept_for_an_answer_is_given_back_before_it_is_made(monkeypatch):
    desk = Desk(scripts=True)
    peer = desk.joined()
    scripts = desk.link._device._scripts
    assert sum(len(piece) for piece in scripts._reserve) == 1024
    seen = []
    refuse = scripts._refuse

    def noting(ref, reason):
        seen.append(scripts._reserve)
        refuse(ref, reason)

    monkeypatch.setattr(scripts, "_refuse", noting)
    monkeypatch.setattr("nerveshub_link.console.python_source.keep_last_value", lambda text: 1 / 0)
    peer.say(None, None, "device", "scripts/run", {"ref": "a", "text": "1 + 1"})
    desk.wait(0.1)
    assert seen == [None]
    assert scripts._reserve is not None  # for the next one


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # what chance makes of Python
@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab1 \n\t\"'\\#:()[]=_\r"), max_size=60))
def test_a_script_means_the_same_with_its_value_kept(text):
    plain, kept = text.replace("\r\n", "\n").replace("\r", "\n"), None
    try:
        compile(plain + "\n", "<script>", "exec")
    except (SyntaxError, ValueError):
        return
    kept, has_value = keep_last_value(text)
    compile(kept, "<script>", "exec")
    if not has_value:
        assert kept == plain + "\n"


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(max_size=60), st.none(), st.integers(), st.lists(st.integers())))
def test_no_script_makes_poll_raise(text):
    desk = Desk(scripts=True)
    peer = desk.joined()
    peer.say(None, None, "device", "scripts/run", {"ref": "a", "text": text})
    desk.wait(0.2)
    assert len([1 for event, _ in peer.events() if event == "scripts/run"]) == 1
    assert "fault" not in desk.log.text
