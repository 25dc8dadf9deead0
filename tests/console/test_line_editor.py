# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""What keys do to a line, byte by byte, and that the terminal shows what the editor holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.terminal import Screen, cells_of

from nerveshub_link.console.line_editor import (
    COMPLETE,
    END,
    INTERRUPT,
    LINE,
    NOTHING,
    TOO_LONG,
    LineEditor,
)

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"


class Terminal:
    """An editor with a prompt, and what it wrote."""

    def __init__(self, width=80, **options):
        self.out = []
        self.editor = LineEditor(self.out.append, width, **options)
        self.editor.begin(">>> ")
        self.lines = []
        self.events = []
        self.take()

    def take(self):
        """What was written since the last call."""
        text = "".join(self.out)
        self.out.clear()
        return text

    def type(self, keys, split=None):
        """Feed keys, show a new prompt after each line; return what was written."""
        pieces = [keys] if split is None else [keys[:split], keys[split:]]
        for piece in pieces:
            rest = piece
            while rest:
                rest = rest[self.editor.feed(rest) :]
                event = self.editor.event
                if event != NOTHING:
                    self.events.append(event)
                if event == LINE:
                    self.lines.append(self.editor.line)
                if event in (LINE, INTERRUPT, END, TOO_LONG):
                    self.editor.begin(">>> ")
        return self.take()


@pytest.mark.parametrize(
    "keys, echo",
    [
        ("a", "a"),
        ("abc", "abc"),
        ("é漢", "é漢"),
        ("ab\x7f", "ab" + LEFT + "\x1b[J"),
        ("ab\x08", "ab" + LEFT + "\x1b[J"),
        ("ab" + LEFT, "ab" + LEFT),
        ("ab" + LEFT + "X", "ab" + LEFT + "\x1b[JXb" + LEFT),
        ("ab\x02\x06", "ab" + LEFT + RIGHT),
        ("abc\x01", "abc\x1b[3D"),
        ("abc\x01\x05", "abc\x1b[3D\x1b[3C"),
        ("abc\x1b[H", "abc\x1b[3D"),
        ("abc\x1b[1~\x1b[4~", "abc\x1b[3D\x1b[3C"),
        ("abc\x1b[7~\x1b[8~", "abc\x1b[3D\x1b[3C"),
        ("abc\x1bOH\x1bOF", "abc\x1b[3D\x1b[3C"),
        ("abc\x1b[1;5D", "abc" + LEFT),
        ("abc\x01\x1b[3~", "abc\x1b[3D\x1b[Jbc\x1b[2D"),
        ("abc\x01\x04", "abc\x1b[3D\x1b[Jbc\x1b[2D"),
        ("abc" + LEFT + "\x0b", "abc" + LEFT + "\x1b[J"),
        ("abc" + LEFT + "\x15", "abc" + LEFT + "\x1b[2D\x1b[Jc" + LEFT),
        ("one two  \x17", "one two  \x1b[5D\x1b[J"),
        ("ab\x0c", "ab\x1b[H\x1b[2J>>> ab"),
        ("ab\r", "ab\n>>> "),
        ("ab" + LEFT + "\r", "ab" + LEFT + RIGHT + "\n>>> "),
        ("ab\x03", "ab^C\n>>> "),
        ("\x04", "\n>>> "),
        ("\x7f" + LEFT + "\x01\x15\x0b\x17\x1b[3~" + UP + DOWN, ""),
        ("\x00\x07\x0f\x1c\x1f", ""),
        ("\x80\x9b\ud800x", "x"),
        ("\x1bb\x1b[5~\x1b[Z\x1b[15~\x1b[?1;2cx", "x"),
        ("\x1b\rx", "\n>>> x"),
        ("\x1b[12\x15x", "x"),
    ],
)
def test_keys_and_what_the_terminal_is_told(keys, echo):
    assert Terminal().type(keys) == echo


@pytest.mark.parametrize(
    "keys", ["abc\x1b[1;5D\x1b[3~x\x1bOHy", "a\r\nb\r\n", "é漢\x1b[200~a\tb\x1b[201~"]
)
def test_keys_may_be_cut_anywhere(keys):
    whole = Terminal()
    whole.type(keys)
    for at in range(1, len(keys)):
        cut = Terminal()
        cut.type(keys, at)
        assert (cut.editor.text, cut.editor.cursor, cut.lines) == (
            whole.editor.text,
            whole.editor.cursor,
            whole.lines,
        )


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_paste_of_many_lines_loses_none(end):
    terminal = Terminal()
    wanted = ["line %d" % number for number in range(500)]
    terminal.type("".join(line + end for line in wanted))
    assert terminal.lines == wanted


def test_within_a_bracketed_paste_keys_have_no_meaning():
    terminal = Terminal()
    terminal.type("\x1b[200~a\tb\x01\x04\x1b[Ac\rd\x1b[201~")
    assert terminal.lines == ["a    bc"]
    assert terminal.editor.text == "d"
    assert not terminal.editor.pasting


def test_ctrl_c_ends_a_bracketed_paste_whose_end_never_comes():
    terminal = Terminal()
    terminal.type("\x1b[200~a\rb\x03\t")
    assert terminal.events == [LINE, INTERRUPT, COMPLETE]


def test_tab_asks_for_completion():
    terminal = Terminal()
    terminal.type("im\t")
    assert terminal.events == [COMPLETE]
    terminal.editor.insert("port")
    assert terminal.editor.text == "import"


def test_ctrl_d_leaves_on_an_empty_line_only():
    terminal = Terminal()
    terminal.type("a\x04")
    assert terminal.events == []
    terminal.type("\x15\x04")
    assert terminal.events == [END]


def test_history_goes_back_and_forth_and_keeps_what_was_being_typed():
    terminal = Terminal()
    terminal.type("one\rtwo\rtwo\r\r  \rdraft")
    seen = []
    for key in (UP, UP, UP, DOWN, DOWN, DOWN):
        terminal.type(key)
        seen.append(terminal.editor.text)
    assert seen == ["two", "one", "one", "two", "draft", "draft"]


def test_history_is_bounded_in_characters_not_in_lines():
    terminal = Terminal(history=20)
    terminal.type("a" * 8 + "\r" + "b" * 8 + "\r" + "c" * 8 + "\r")
    assert terminal.editor._history == ["b" * 8, "c" * 8]
    terminal.type("d" * 30 + "\r")
    assert terminal.editor._history == []


def test_a_line_that_does_not_fit_is_never_entered_in_part():
    terminal = Terminal(limit=10)
    assert terminal.type("x" * 30).count("\a") == 1
    assert terminal.editor.text == "x" * 10
    terminal.type("\rok\r")
    assert terminal.events == [TOO_LONG, LINE]
    assert terminal.lines == ["ok"]


def test_a_full_row_is_wrapped_at_once():
    terminal = Terminal(width=20)
    assert terminal.type("x" * 16) == "x" * 16 + " \r"
    assert terminal.type("y") == "y"
    assert terminal.type(LEFT + LEFT) == LEFT + "\x1b[A\x1b[19C"


def test_width_is_taken_within_reason():
    editor = LineEditor(print)
    for width, taken in ((1, 20), (132, 132), (10**9, 500)):
        editor.set_width(width)
        assert editor.width == taken


KEYS = st.one_of(
    st.sampled_from(
        [UP, DOWN, LEFT, RIGHT, "\x01", "\x05", "\x7f", "\x1b[3~", "\x0b", "\x15", "\x17", "\x04"]
    ),
    st.text("ab cé漢😀\u0301", min_size=1, max_size=25),
    st.sampled_from(["\r", "\t", "\x1b", "\x1b[200~", "\x1b[201~", "\x1bO"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(KEYS, max_size=40), st.integers(20, 45))
def test_the_terminal_shows_what_the_editor_holds(keys, width):
    terminal = Terminal(width=width)
    screen = Screen(width)
    screen.show(">>> ")
    for key in keys:
        screen.show(terminal.type(key).replace("\n", "\r\n"))
    line = ">>> " + terminal.editor.text
    expected = Screen(width)
    expected.show(line)
    rows = expected.text.split("\n")
    shown = screen.text.rstrip().split("\n")[-len(expected.text.rstrip().split("\n")) :]
    assert shown == [row.rstrip() for row in expected.text.rstrip().split("\n")]
    # The cursor stands where the next character will appear.
    before = Screen(width)
    before.show(">>> " + terminal.editor.text[: terminal.editor.cursor])
    place = (before.row + 1, 0) if before.full else (before.row, before.column)
    following = terminal.editor.text[terminal.editor.cursor :][:1]
    if not before.full and following and cells_of(following) == 2 and before.column == width - 1:
        return  # it will stand in the next row; the cursor may be at either place
    first = screen.row - place[0]
    assert screen.line(first).startswith(">>>")
    assert screen.column == place[1]
    assert len(rows) >= 1


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=20), st.integers(1, 300))
def test_no_text_makes_it_raise(texts, width):
    terminal = Terminal(width=width)
    for text in texts:
        terminal.type(text)
    assert len(terminal.editor.text) <= 1000
    assert 0 <= terminal.editor.cursor <= len(terminal.editor.text)
