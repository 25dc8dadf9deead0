# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""A queue of text in bounded memory: what is dropped, and how it is taken out."""

from nerveshub_link.console.code_runner import CodeRunner
from nerveshub_link.console.output_buffer import OutputBuffer


def pieces(buffer):
    found = []
    while buffer.first():
        found.append(buffer.first())
        buffer.drop_first()
    return found


def test_small_texts_become_few_pieces_and_long_ones_many():
    buffer = OutputBuffer(5000)
    for _ in range(300):
        buffer.write("abc\n")
    buffer.write("x" * 1100)
    assert [len(piece) for piece in pieces(buffer)] == [512, 512, 176, 512, 512, 76]
    assert buffer.size == 0


def test_a_piece_stays_until_it_is_dropped():
    buffer = OutputBuffer(100)
    buffer.write("abc")
    assert buffer.first() == buffer.first() == "abc"


def test_line_feeds_become_what_a_terminal_wants():
    buffer = OutputBuffer(100, "\r\n")
    buffer.write("a\nb\r\nc")
    assert pieces(buffer) == ["a\r\nb\r\nc"]


def test_once_something_was_dropped_all_is_until_it_is_told():
    buffer = OutputBuffer(10)
    buffer.write("0123456789ab")
    assert buffer.first() == "0123456789"
    buffer.drop_first()
    buffer.write("in the middle of a hole")
    assert pieces(buffer) == ["\n[25 more characters were dropped]\n"]
    buffer.write("again")
    assert pieces(buffer) == ["again"]


def test_what_must_be_told_comes_behind_the_number_of_what_was_dropped():
    buffer = OutputBuffer(10)
    buffer.write("0123456789ab")
    buffer.tell("an error\n")
    assert "".join(pieces(buffer)) == ("0123456789\n[2 more characters were dropped]\nan error\n")


def test_what_must_be_told_is_bounded_too():
    buffer = OutputBuffer(1000)
    for _ in range(100):
        buffer.tell("x" * 10_000)
    assert buffer.size < 10_000


def test_everything_at_once():
    buffer = OutputBuffer(10)
    buffer.write("0123456789ab")
    assert buffer.take_all() == "0123456789\n[2 more characters were dropped]\n"
    assert buffer.take_all() == ""


def test_what_is_printed_after_the_command_goes_where_it_went_before(capsys):
    runner, output = CodeRunner({}), OutputBuffer(100)
    assert runner.run("def later(): print('later')\nprint('now')", output, "exec")
    runner.namespace["later"]()
    assert output.take_all() == "now\n"
    assert capsys.readouterr().out == "later\n"
