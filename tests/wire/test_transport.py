# SPDX-FileCopyrightText: Copyright (c) 2026 nerveshub_link contributors
#
# SPDX-License-Identifier: MIT
"""
The one module that touches sockets: against real TCP and TLS servers where sockets matter, and
against a scripted pool where a board behaves in a way that no desktop does.
"""

import errno
import select
import socket as socket_pool  # CPython's socket module is one
import threading
import types

import adafruit_connection_manager
import pytest
from support.ca import ThrowawayCa
from support.driving import read, wait, write
from support.raw_server import DEADLINE, RawServer, hold, read_exactly, read_to_end, reset

from nerveshub_link.errors import TransportError
from nerveshub_link.wire.transport import Transport


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return ThrowawayCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(params=["tcp", "tls"])
def contexts(request, ca):
    """Server and client context for TLS, or two times None."""
    if request.param == "tcp":
        return None, None
    return ca.server_context(), ca.client_context()


def connect(server, context=None, host=None, timeout=DEADLINE):
    transport = Transport(socket_pool, context)
    transport.open(host or server.host, server.port, context is not None, timeout)
    return transport


def managed():
    """How many sockets the connection manager keeps."""
    return adafruit_connection_manager.get_connection_manager(socket_pool).managed_socket_count


@pytest.fixture(autouse=True)
def nothing_is_left_open():
    before = managed()
    yield
    assert managed() == before


# Bytes both ways


def test_bytes_go_both_ways(contexts):
    def behave(peer):
        assert read_exactly(peer, 5) == b"hello"
        peer.sendall(b"and hello to you")
        assert read_to_end(peer) == b""

    with RawServer(behave, tls=contexts[0]) as server:
        transport = connect(server, contexts[1])
        assert transport.is_open
        assert transport.send(memoryview(b"hello")) == 5
        assert read(transport, 16) == b"and hello to you"
        transport.close()
        assert not transport.is_open


def test_nothing_yet_is_zero_bytes_and_not_the_end(contexts):
    with RawServer(hold, tls=contexts[0]) as server:
        transport = connect(server, contexts[1])
        view = memoryview(bytearray(10))
        for _ in range(3):
            assert transport.recv_into(view) == 0
        assert transport.is_open
        transport.close()


def test_readable_tells_of_data_and_of_the_end(contexts):
    go_on = threading.Event()

    def behave(peer):
        assert go_on.wait(DEADLINE)
        peer.sendall(b"x")
        read_exactly(peer, 1)

    with RawServer(behave, tls=contexts[0]) as server:
        transport = connect(server, contexts[1])
        view = memoryview(bytearray(10))
        if contexts[0] is None:  # a TLS server may send session tickets, which are no data
            assert not transport.readable()
        go_on.set()
        while not transport.recv_into(view):
            wait(transport)
        assert view[0] == ord("x")
        assert not transport.readable()
        transport.send(memoryview(b"y"))
        wait(transport)
        assert transport.readable()
        with pytest.raises(TransportError, match="closed by the server"):
            while not transport.recv_into(view):
                wait(transport)
        transport.close()


@pytest.mark.parametrize("size", [1, 100, 1000, 16384])
def test_data_that_fills_more_than_one_read_stays_readable(contexts, size):
    # Under TLS the rest lies deciphered in the TLS layer, where poll() does not see it.
    data = bytes(range(256)) * 120

    def behave(peer):
        peer.sendall(data)
        hold(peer)

    with RawServer(behave, tls=contexts[0]) as server:
        transport = connect(server, contexts[1])
        assert read(transport, len(data), size) == data
        transport.close()


def test_server_that_reads_late_gets_every_byte_in_order(contexts):
    read_now = threading.Event()
    data = bytes(range(256)) * 4 * 8192  # 8 MB: more than any socket buffer here

    def behave(peer):
        assert read_now.wait(DEADLINE)
        assert read_exactly(peer, len(data)) == data
        peer.sendall(b"!")
        hold(peer)

    with RawServer(behave, tls=contexts[0]) as server:
        transport = connect(server, contexts[1])
        rest = memoryview(data)
        while True:
            count = transport.send(rest)
            if not count:
                break
            rest = rest[count:]
        assert len(rest), "the network took 8 MB at once"
        assert transport.is_open
        read_now.set()
        write(transport, rest)
        assert read(transport, 1) == b"!"
        transport.close()


# The end


def test_end_of_the_stream_is_told_after_the_last_byte(contexts):
    with RawServer(lambda peer: peer.sendall(b"last"), tls=contexts[0]) as server:
        transport = connect(server, contexts[1])
        assert read(transport, 4) == b"last"
        with pytest.raises(TransportError, match="connection closed by the server"):
            read(transport, 1)
        transport.close()


def test_tls_that_ends_without_a_goodbye_is_told(ca):
    def behave(peer):
        peer.sendall(b"x")
        socket_pool.socket.shutdown(peer, socket_pool.SHUT_RDWR)

    with RawServer(behave, tls=ca.server_context()) as server:
        transport = connect(server, ca.client_context())
        assert read(transport, 1) == b"x"
        with pytest.raises(TransportError, match="closed by the server|broke"):
            read(transport, 1)
        transport.close()


def test_reset_is_told():
    def behave(peer):
        read_exactly(peer, 1)
        reset(peer)

    with RawServer(behave) as server:
        transport = connect(server)
        transport.send(memoryview(b"x"))
        with pytest.raises(TransportError, match="connection broke: .*Errno"):
            read(transport, 1)
        with pytest.raises(TransportError, match="connection broke"):
            write(transport, b"x" * 100)
        transport.close()


def test_close_may_be_called_at_any_time_and_twice():
    transport = Transport(socket_pool, None)
    transport.close()
    assert not transport.readable()
    with RawServer(hold) as server:
        transport.open(server.host, server.port, False, DEADLINE)
        transport.close()
        transport.close()
        assert not transport.is_open
        assert not transport.readable()


def test_open_closes_the_connection_that_was_there():
    seen = []

    def second(peer):
        peer.sendall(b"2")
        hold(peer)

    with RawServer(lambda peer: seen.append(read_to_end(peer)), second) as server:
        transport = connect(server)
        before = managed()
        transport.open(server.host, server.port, False, DEADLINE)
        assert managed() == before
        assert read(transport, 1) == b"2"
        transport.close()
    assert seen == [b""]


def test_two_connections_to_one_server_are_two_sockets():
    def echo(peer):
        peer.sendall(read_exactly(peer, 1))
        hold(peer)

    with RawServer(echo) as server:
        first, second = connect(server), connect(server)
        first.send(memoryview(b"1"))
        second.send(memoryview(b"2"))
        assert read(second, 1) == b"2"
        assert read(first, 1) == b"1"
        first.close()
        assert second.is_open
        second.close()


def test_close_survives_that_the_user_closed_all_sockets():
    with RawServer(hold) as server:
        transport = connect(server)
        adafruit_connection_manager.connection_manager_close_all(socket_pool)
        transport.close()
        assert not transport.is_open


def test_socket_that_the_user_closed_is_a_broken_connection():
    with RawServer(hold) as server:
        transport = connect(server)
        adafruit_connection_manager.connection_manager_close_all(socket_pool)
        with pytest.raises(TransportError):
            transport.recv_into(memoryview(bytearray(1)))
        with pytest.raises(TransportError):
            transport.send(memoryview(b"x"))
        transport.close()


# No connection


def refused(transport, *arguments):
    with pytest.raises(TransportError) as caught:
        transport.open(*arguments)
    assert not transport.is_open
    assert not transport.readable()
    assert str(caught.value).startswith("can't connect to " + arguments[0] + ": ")
    return caught.value


def test_refused_connection_is_told_and_proves_that_the_network_works():
    listener = socket_pool.socket()
    listener.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets this port
    error = refused(Transport(socket_pool, None), "127.0.0.1", listener.getsockname()[1], False, 5)
    listener.close()
    assert error.reached
    assert not error.no_memory
    assert "refused" in str(error)


def test_untrusted_certificate_is_refused(ca, tmp_path):
    stranger = ThrowawayCa(tmp_path, "Stranger")
    with RawServer(hold, tls=stranger.server_context()) as server:
        transport = Transport(socket_pool, ca.client_context())
        error = refused(transport, server.host, server.port, True, DEADLINE)
        assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert server.connections == 1


def test_certificate_for_another_host_is_refused(ca):
    with RawServer(hold, tls=ca.server_context("other.example")) as server:
        transport = Transport(socket_pool, ca.client_context())
        error = refused(transport, server.host, server.port, True, DEADLINE)
        assert "not valid for '127.0.0.1'" in str(error)


def test_server_that_is_mute_in_the_handshake_is_given_up(ca):
    with RawServer(hold) as server:
        transport = Transport(socket_pool, ca.client_context())
        error = refused(transport, server.host, server.port, True, 0.05)
        assert "timed out" in str(error)
        assert not error.no_memory


@pytest.mark.parametrize(
    "behave", [lambda peer: None, lambda peer: peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")]
)
def test_server_that_speaks_no_tls_is_refused(ca, behave):
    with RawServer(behave) as server:
        transport = Transport(socket_pool, ca.client_context())
        refused(transport, server.host, server.port, True, DEADLINE)


def test_tls_without_a_context_is_refused():
    with RawServer(hold) as server:
        refused(Transport(socket_pool, None), server.host, server.port, True, DEADLINE)
        assert server.connections == 0


def test_connection_can_be_opened_after_a_failed_one(ca):
    def behave(peer):
        peer.sendall(b"x")
        hold(peer)

    with RawServer(hold) as mute, RawServer(behave, tls=ca.server_context()) as server:
        transport = Transport(socket_pool, ca.client_context())
        refused(transport, mute.host, mute.port, True, 0.05)
        transport.open(server.host, server.port, True, DEADLINE)
        assert read(transport, 1) == b"x"
        transport.close()


# As a board does it


class BoardSocket:
    """A socket of a scripted pool: notes what is done to it, in the pool's diary."""

    def __init__(self, pool):
        self._pool = pool
        self.closed = False

    def settimeout(self, value):
        self._pool.diary.append(("settimeout", value))

    def connect(self, address):
        self._pool.diary.append(("connect", address))
        if self._pool.connect_error is not None:
            raise self._pool.connect_error

    def recv_into(self, view):
        result = self._pool.receive.pop(0)
        if isinstance(result, Exception):
            raise result
        view[: len(result)] = result
        return len(result)

    def send(self, view):
        result = self._pool.sending.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    def close(self):
        self._pool.diary.append("close")
        self.closed = True
        if self._pool.close_error is not None:
            raise self._pool.close_error


class BoardPool:
    """A socket pool whose failures the test writes down."""

    SOCK_STREAM = 1

    def __init__(self):
        self.diary = []
        self.receive = []
        self.sending = []
        self.lookup_error = None
        self.socket_error = None
        self.connect_error = None
        self.close_error = None

    def getaddrinfo(self, host, port, family, kind):
        if self.lookup_error is not None:
            raise self.lookup_error
        return [(2, 1, 0, "", ("192.0.2.1", port))]

    def socket(self, family, kind):
        if self.socket_error is not None:
            raise self.socket_error
        return BoardSocket(self)


class BoardPoller:
    """CircuitPython's poller: has ipoll, and must never see a closed socket."""

    def __init__(self, diary):
        self._diary = diary
        self._socket = None

    def register(self, socket, events):
        assert events == select.POLLIN
        self._diary.append("register")
        self._socket = socket

    def unregister(self, socket):
        assert socket is self._socket
        assert not socket.closed, "a closed socket in the poller: a board crashes"
        self._diary.append("unregister")
        self._socket = None

    def ipoll(self, timeout):
        assert timeout == 0
        assert self._socket is not None and not self._socket.closed
        return []

    def poll(self, timeout):
        raise AssertionError("poll() allocates; ipoll() is there")


@pytest.fixture
def pool(monkeypatch):
    pool = BoardPool()
    monkeypatch.setattr(select, "poll", lambda: BoardPoller(pool.diary))
    yield pool
    manager = adafruit_connection_manager.get_connection_manager(pool)
    assert manager.managed_socket_count == 0 or pool.close_error


def board(pool):
    transport = Transport(pool, None)
    transport.open("h.example", 80, False, 7)
    return transport


def test_a_socket_that_the_application_has_closed_is_not_polled(pool):
    # On a board poll() crashes on it, if it was one of TLS; here BoardPoller fails.
    transport = board(pool)
    adafruit_connection_manager.connection_manager_close_all(pool)
    assert transport.readable()
    for use in (transport.recv_into, transport.send):
        with pytest.raises(TransportError, match="connection_manager_close_all"):
            use(memoryview(bytearray(4)))
    transport._poller.unregister = lambda socket: None  # a look-up by identity, harmless
    transport.close()
    transport.open("h.example", 80, False, 7)
    assert not transport.readable()
    transport.close()


def test_without_memory_to_forget_a_socket_it_is_closed_and_forgotten_later(pool, monkeypatch):
    def no_memory(self, socket):
        raise MemoryError

    transport = board(pool)
    socket = transport._socket
    with monkeypatch.context() as patch:
        kind = adafruit_connection_manager.ConnectionManager
        patch.setattr(kind, "close_socket", no_memory)
        transport.close()
    assert socket.closed and not transport.is_open
    transport.open("h.example", 80, False, 7)
    manager = adafruit_connection_manager.get_connection_manager(pool)
    assert manager.managed_socket_count == 1
    transport.close()


def test_timeout_is_set_for_the_connect_and_then_never_again(pool):
    transport = board(pool)
    assert pool.diary == [
        ("settimeout", 7),
        ("connect", ("192.0.2.1", 80)),
        ("settimeout", 0),
        "register",
    ]
    transport.close()


def test_socket_leaves_the_poller_before_it_is_closed(pool):
    transport = board(pool)
    assert not transport.readable()
    pool.diary.clear()
    transport.close()
    assert pool.diary == ["unregister", "close"]
    assert not transport.readable()


def test_socket_leaves_the_poller_before_the_next_connect(pool):
    transport = board(pool)
    pool.diary.clear()
    transport.open("h.example", 80, False, 7)
    assert pool.diary[:2] == ["unregister", "close"]
    assert pool.diary[-1] == "register"
    transport.close()


def test_close_never_raises(pool):
    pool.close_error = OSError(errno.EBADF, "EBADF")
    transport = board(pool)
    transport.close()
    assert not transport.is_open


@pytest.mark.parametrize(
    "number", [errno.ENOTCONN], ids=["end of stream as CircuitPython tells it at timeout 0"]
)
def test_board_tells_the_end_by_an_error(pool, number):
    transport = board(pool)
    pool.receive = [OSError(number, "")]
    with pytest.raises(TransportError, match="connection closed by the server"):
        transport.recv_into(memoryview(bytearray(4)))
    transport.close()


def test_nothing_yet_is_not_the_end_on_a_board_either(pool):
    transport = board(pool)
    pool.receive = [OSError(errno.EAGAIN, "EAGAIN"), b"ab", OSError(errno.EAGAIN, "EAGAIN")]
    view = memoryview(bytearray(4))
    assert [transport.recv_into(view) for _ in range(3)] == [0, 2, 0]
    pool.sending = [OSError(errno.EAGAIN, "EAGAIN"), 2]
    assert [transport.send(memoryview(b"abc")) for _ in range(2)] == [0, 2]
    transport.close()


def test_session_ticket_of_tls_1_3_is_nothing_to_read(pool):
    transport = board(pool)
    pool.receive = [OSError(-0x7B00, "MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET"), b"ab"]
    view = memoryview(bytearray(4))
    assert [transport.recv_into(view) for _ in range(2)] == [0, 2]
    transport.close()


def test_full_read_makes_it_readable_until_nothing_more_comes(pool):
    transport = board(pool)
    pool.receive = [b"abcd", OSError(errno.EAGAIN, ""), b"abcd", b"ab"]
    view = memoryview(bytearray(4))
    transport.recv_into(view)
    assert transport.readable()
    transport.recv_into(view)
    assert not transport.readable()
    transport.recv_into(view)
    assert transport.readable()
    transport.recv_into(view)
    assert not transport.readable()
    transport.close()


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.ETIMEDOUT, errno.EBADF, -29184, -1])
def test_any_other_error_is_a_broken_connection(pool, number):
    transport = board(pool)
    pool.receive = [OSError(number, "text")]
    pool.sending = [OSError(number, "text")]
    with pytest.raises(TransportError, match="connection broke"):
        transport.recv_into(memoryview(bytearray(4)))
    with pytest.raises(TransportError, match="connection broke"):
        transport.send(memoryview(b"x"))
    transport.close()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("memory allocation failed, allocating 2048 bytes"),
        RuntimeError("Out of sockets"),
        OSError(-0x7F00, ""),
        OSError(-0x2880, ""),
        OSError(errno.ENOMEM, "ENOMEM"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("where", ["socket_error", "connect_error"])
def test_lack_of_memory_is_told_apart(pool, error, where):
    setattr(pool, where, error)
    told = refused(Transport(pool, None), "h.example", 80, False, 7)
    assert told.no_memory
    assert not told.reached
    assert pool.diary[-1:] != ["register"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ETIMEDOUT, ""),
        OSError(errno.ECONNREFUSED, ""),
        OSError(errno.EHOSTUNREACH, ""),
        OSError(-0x2700, ""),
        RuntimeError("pystack exhausted"),
        ValueError("x"),
    ],
    ids=repr,
)
def test_other_failures_are_no_lack_of_memory(pool, error):
    pool.connect_error = error
    told = refused(Transport(pool, None), "h.example", 80, False, 7)
    assert not told.no_memory
    assert told.reached == (error.args[0] in (errno.ECONNREFUSED, -0x2700))


def test_unknown_host_is_told(pool):
    # No real lookup: it would leave this machine.
    pool.lookup_error = socket_pool.gaierror(-2, "Name or service not known")
    error = refused(Transport(pool, None), "h.example", 80, False, 7)
    assert "Name or service not known" in str(error)
    assert not error.reached
    assert not error.no_memory
    assert pool.diary == []


def test_certificate_that_mbedtls_does_not_trust_is_told_in_words(pool):
    pool.connect_error = OSError(-0x2700, "")
    error = refused(Transport(pool, None), "h.example", 80, False, 7)
    assert "certificate is not trusted" in str(error)


def test_port_without_tls_is_guessed_on_a_board(pool):
    pool.connect_error = OSError(-0x7200, "MBEDTLS_ERR_SSL_INVALID_RECORD")
    error = refused(Transport(pool, None), "h.example", 80, False, 7)
    assert "does this port speak TLS?" in str(error)
    assert error.reached


def test_port_without_tls_is_guessed_on_a_computer(ca):
    def behave(peer):
        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        read_to_end(peer)

    with RawServer(behave) as server:
        transport = Transport(socket_pool, ca.client_context())
        error = refused(transport, "localhost", server.port, True, DEADLINE)
    assert "does this port speak TLS?" in str(error)


class Mute(Exception):
    """An exception that can't be shown."""

    def __str__(self):
        raise ValueError("no text")


def test_error_that_can_not_be_shown_is_told_by_its_name(pool):
    pool.connect_error = Mute()
    error = refused(Transport(pool, None), "h.example", 80, False, 7)
    assert str(error) == "can't connect to h.example: Mute"


def test_no_memory_for_the_words_is_told_as_no_memory(pool, monkeypatch):
    def no_memory(*args):
        raise MemoryError

    monkeypatch.setattr("nerveshub_link.wire.connect_errors.connect_error", no_memory)
    pool.connect_error = OSError(errno.ETIMEDOUT, "")
    assert refused(Transport(pool, None), "h.example", 80, False, 7).no_memory


def test_what_must_be_done_before_a_connect_is_done_and_says_how_long_it_may_last(pool):
    transport = Transport(pool, None, lambda timeout: pool.diary.append("fed") or timeout // 2)
    transport.open("h.example", 80, False, 20)
    assert pool.diary[:2] == ["fed", ("settimeout", 10)]
    transport.close()


# All addresses of a name


def two_addresses(first, second):
    """CPython's socket module, for which ``two.example`` is two addresses."""
    pool = types.ModuleType("pool")
    vars(pool).update({k: v for k, v in vars(socket_pool).items() if not k.startswith("__")})
    asked = []

    def getaddrinfo(host, port, *rest):
        asked.append(host)
        if host != "two.example":
            return socket_pool.getaddrinfo(host, port, *rest)
        return [
            (socket_pool.AF_INET, socket_pool.SOCK_STREAM, 6, "", (address, port))
            for address in (first, first, second)
        ]

    pool.getaddrinfo = getaddrinfo
    pool.asked = asked
    return pool


@pytest.mark.parametrize("order", [("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2")])
def test_each_address_of_a_name_is_tried(order):
    # The server listens at 127.0.0.1; nobody does at 127.0.0.2.
    with RawServer(lambda peer: peer.sendall(b"hello")) as server:
        transport = Transport(two_addresses(*order), None)
        transport.open("two.example", server.port, False, DEADLINE)
        assert read(transport, 5) == b"hello"
        transport.close()


def test_certificate_is_checked_for_the_name_and_not_for_the_address(ca):
    def behave(peer):
        peer.sendall(b"hello")
        hold(peer)

    with RawServer(behave, tls=ca.server_context("two.example")) as server:
        pool = two_addresses("127.0.0.2", "127.0.0.1")
        transport = Transport(pool, ca.client_context())
        transport.open("two.example", server.port, True, DEADLINE)
        assert read(transport, 5) == b"hello"
        transport.close()


def test_name_none_of_whose_addresses_answers_is_told():
    pool = two_addresses("127.0.0.2", "127.0.0.3")
    with RawServer(lambda peer: None) as server:
        error = refused(Transport(pool, None), "two.example", server.port, False, DEADLINE)
    assert "ConnectionRefusedError" in str(error)
    assert pool.asked == ["two.example", "127.0.0.2", "127.0.0.3"]


@pytest.mark.skipif(not socket_pool.has_ipv6, reason="this machine has no IPv6")
def test_ipv6_address_is_an_address_like_any():
    with socket_pool.socket(socket_pool.AF_INET6, socket_pool.SOCK_STREAM) as listening:
        try:
            listening.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        listening.listen(1)
        transport = Transport(socket_pool, None)
        transport.open("::1", listening.getsockname()[1], False, DEADLINE)
        assert transport.is_open
        transport.close()


def test_failed_connect_leaves_no_socket_open(pool):
    pool.connect_error = OSError(errno.ETIMEDOUT, "")
    refused(Transport(pool, None), "h.example", 80, False, 7)
    assert pool.diary[-1] == "close"


def test_failure_behind_the_connect_closes_the_socket(pool, monkeypatch):
    def no_memory():
        raise MemoryError

    monkeypatch.setattr(select, "poll", no_memory)
    assert refused(Transport(pool, None), "h.example", 80, False, 7).no_memory
    assert pool.diary[-1] == "close"


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "EBADF"), OSError(errno.ECONNRESET, "")])
def test_close_that_raises_once_leaves_no_socket_with_the_manager(pool, monkeypatch, error):
    errors = []
    close = BoardSocket.close

    def raising(socket):
        close(socket)
        if errors:
            raise errors.pop()

    monkeypatch.setattr(BoardSocket, "close", raising)
    manager = adafruit_connection_manager.get_connection_manager(pool)
    for _ in range(3):
        transport = board(pool)
        errors.append(error)
        transport.close()
        assert errors == []
        assert not transport.is_open
        assert manager.managed_socket_count == 0
