"""The event loop's transport: no threads, no waiting, and no host that plays by other rules can hold or fill it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import paramiko
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
    MSG_DISCONNECT,
    MSG_GLOBAL_REQUEST,
    MSG_KEXINIT,
    MSG_NEWKEYS,
    MSG_REQUEST_FAILURE,
    MSG_UNIMPLEMENTED,
    MSG_USERAUTH_INFO_REQUEST,
)

from bastion.targets import loop_transport
from bastion.targets.loop_outbox import MOST_PUT_ASIDE
from bastion.targets.loop_target import WINDOW_SLACK_BYTES, LoopTarget
from bastion.targets.loop_transport import LoopTransport
from bastion.targets.packets import PacketReader, PacketWriter
from bastion.targets.target import READ_BYTES, WINDOW_BYTES, ExitInfo
from tests.ssh.reaching import read_all, read_until, run, shell_on
from tests.sshd import SshServer

OURS, THEIRS = 0, 7


@pytest.fixture(autouse=True)
def on_the_loop(settings: Any) -> None:
    settings.SSH_TRANSPORT = "loop"


# With a real host.


async def test_a_key_goes_to_the_socket_at_once_and_causes_no_executor_submit(
    sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shell_on(sshd) as target:
        submitted: list[object] = []
        monkeypatch.setattr(ThreadPoolExecutor, "submit", lambda *arguments: submitted.append(arguments))
        for key in b"echo $((6 * 7))\r":
            writing = target.write(bytes([key]))
            # It ends without ever waiting for anything.
            with pytest.raises(StopIteration):
                writing.send(None)
        await read_until(target, b"42\r\n")
        assert submitted == []


async def test_sessions_have_no_threads(sshd: SshServer) -> None:
    async with contextlib.AsyncExitStack() as sessions:
        targets = [await sessions.enter_async_context(shell_on(sshd)) for _ in range(5)]
        assert not any(isinstance(thread, paramiko.Transport) for thread in threading.enumerate())
        others = {thread.name for thread in threading.enumerate() if not thread.name.startswith(("hosts", "endings"))}
        for target in targets:
            await run(target, "seq 1000")
        after = {thread.name for thread in threading.enumerate() if not thread.name.startswith(("hosts", "endings"))}
        assert after <= others


async def test_output_of_any_length_is_read_in_few_pieces(sshd: SshServer) -> None:
    async with shell_on(sshd) as target:
        await target.write(b"stty -onlcr; head -c 1000000 /dev/zero | tr '\\0' x; echo; exit\r")
        # Let a window full arrive.
        await asyncio.sleep(1)
        assert len(await target.read()) == READ_BYTES
        await read_all(target)


async def test_an_error_of_whoever_reads_is_no_error_of_the_connection(sshd: SshServer) -> None:
    async with shell_on(sshd) as target:

        async def read_and_fail() -> None:
            await target.read()
            raise ValueError("ours")

        await target.write(b"echo one\r")
        with pytest.raises(ValueError, match="ours"):
            await read_and_fail()
        assert b"two" in await run(target, "echo two")


# With a host of our own, which says whatever a test wants it to, in plain packets.


class Host:
    """The other end of a transport whose key exchange is done and whose channel has a shell."""

    def __init__(self, transport: LoopTransport, target: LoopTarget, reader: asyncio.StreamReader, writer: Any) -> None:
        self.transport, self.target = transport, target
        self._reader, self._writer = reader, writer
        self._packets_in, self._packets_out = PacketReader(), PacketWriter()

    def say(self, kind: int, *parts: object) -> None:
        self._writer.write(self._packets_out.build(message(kind, *parts)))

    async def hear(self) -> bytes:
        """Return the next payload; b"" if the connection is closed."""
        async with asyncio.timeout(10):
            while (payload := self._packets_in.read()) is None:
                try:
                    data = await self._reader.read(65536)
                except ConnectionError:
                    data = b""
                if not data:
                    return b""
                self._packets_in.feed(data)
        return bytes(payload)

    async def is_left(self) -> bool:
        """Whether the product ends the connection."""
        while await self.hear():
            pass
        return True


def message(kind: int, *parts: object) -> bytes:
    built = paramiko.Message()
    built.add_byte(bytes([kind]))
    for part in parts:
        if isinstance(part, bool):
            built.add_boolean(part)
        elif isinstance(part, int):
            built.add_int(part)
        else:
            assert isinstance(part, str | bytes)
            built.add_string(part)
    return built.asbytes()


def with_channel(transport: LoopTransport, loop: asyncio.AbstractEventLoop) -> LoopTarget:
    """Make a transport believe that keys were exchanged and a shell was opened."""
    transport._expected_packet = ()
    transport.in_kex = False
    transport.local_kex_init = None
    transport.initial_kex_done = True
    transport.clear_to_send.set()
    channel: Any = paramiko.Channel(OURS)
    channel._set_transport(transport)
    channel._set_window(WINDOW_BYTES, 32768)
    channel._set_remote_channel(THEIRS, 100_000, 32768)
    channel.combine_stderr = True
    transport._channels.put(OURS, channel)
    transport.channels_seen[OURS] = True
    return LoopTarget(transport, channel, loop)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    transport = LoopTransport(ours, loop)
    transport.active = True
    await transport._attach()
    target = with_channel(transport, loop)
    reader, writer = await asyncio.open_connection(sock=theirs)
    host = Host(transport, target, reader, writer)
    # Its offer of keys, which is not answered.
    await host.hear()
    yield host
    await target.close()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_what_came_before_the_end_is_read_first_and_the_end_is_told_at_close(host: Host) -> None:
    host.say(MSG_CHANNEL_DATA, OURS, b"one ")
    host.say(MSG_CHANNEL_EXTENDED_DATA, OURS, 1, b"two ")
    host.say(MSG_CHANNEL_EOF, OURS)
    assert await host.target.read(1) == b"one two "
    assert await host.target.read(0.2) is None
    host.say(MSG_CHANNEL_REQUEST, OURS, "exit-signal", False, "ABRT", False, "core", "")
    host.say(MSG_CHANNEL_CLOSE, OURS)
    assert await host.target.read(1) == b""
    assert await host.target.wait_exit() == ExitInfo(signal="ABRT")


async def test_data_and_end_in_one_packet_train_lose_nothing(host: Host) -> None:
    for number in range(100):
        host.say(MSG_CHANNEL_DATA, OURS, b"%02d" % number)
    host.say(MSG_CHANNEL_REQUEST, OURS, "exit-status", False, 9)
    host.say(MSG_CHANNEL_CLOSE, OURS)
    host.say(MSG_DISCONNECT, 11, "bye", "")
    assert await read_all(host.target, 5) == b"".join(b"%02d" % number for number in range(100))
    assert await host.target.wait_exit() == ExitInfo(status=9)


async def test_a_host_that_sends_more_than_its_window_is_left_with_what_came_before(host: Host) -> None:
    before = psutil.Process().memory_info().rss
    for _ in range(20 * 2**20 // 32000):
        host.say(MSG_CHANNEL_DATA, OURS, bytes(32000))
    assert await host.is_left()
    size = len(await read_all(host.target))
    assert WINDOW_BYTES <= size <= WINDOW_BYTES + WINDOW_SLACK_BYTES
    assert await host.target.wait_exit() is None
    assert psutil.Process().memory_info().rss - before < 80 * 2**20


async def test_the_window_grows_by_what_was_read_and_only_then(host: Host) -> None:
    for _ in range(60):
        host.say(MSG_CHANNEL_DATA, OURS, bytes(30_000))
    await asyncio.sleep(0.3)
    read = 0
    while data := await host.target.read(0.1):
        read += len(data)
    assert read == 1_800_000
    granted = 0
    while granted < read - WINDOW_BYTES // 10:
        heard = await host.hear()
        assert heard[:5] == message(MSG_CHANNEL_WINDOW_ADJUST, THEIRS)
        granted += int.from_bytes(heard[5:9], "big")
    assert granted <= read


async def test_input_waits_for_the_hosts_window(host: Host) -> None:
    typing = asyncio.create_task(host.target.write(b"x" * 150_000))
    heard = 0
    while heard < 100_000:
        heard += len(await host.hear()) - 9
    assert heard == 100_000
    assert not (await asyncio.wait([typing], timeout=0.2))[0]
    host.say(MSG_CHANNEL_WINDOW_ADJUST, OURS, 60_000)
    while heard < 150_000:
        heard += len(await host.hear()) - 9
    await asyncio.wait_for(typing, 1)


async def test_nothing_but_the_exchange_is_sent_while_keys_are_exchanged(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(transport: paramiko.Transport, _: paramiko.Message) -> None:
        transport.clear_to_send.set()

    monkeypatch.setattr(paramiko.Transport, "_parse_newkeys", finish)
    host.transport.clear_to_send.clear()
    typing = asyncio.create_task(host.target.write(b"typed"))
    await host.target.resize(10, 20)
    host.say(MSG_GLOBAL_REQUEST, "keepalive@openssh.com", True)
    # UNIMPLEMENTED is of the transport, and must not wait.
    host.say(199)
    assert (await host.hear())[0] == MSG_UNIMPLEMENTED
    host.say(MSG_NEWKEYS)
    kinds = [(await host.hear())[0] for _ in range(3)]
    assert kinds == [MSG_CHANNEL_REQUEST, MSG_REQUEST_FAILURE, MSG_CHANNEL_DATA]
    await asyncio.wait_for(typing, 1)


async def test_a_host_that_never_ends_the_exchange_of_keys_is_left(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_transport, "EXCHANGE_SECONDS", 0.2)
    host.transport.handshake_timeout = 0.1
    host.transport._send_kex_init()
    assert (await host.hear())[0] == MSG_KEXINIT
    assert await host.is_left()
    assert await host.target.read() == b""


async def test_a_host_that_asks_for_much_while_keys_are_exchanged_is_left(host: Host) -> None:
    host.transport.clear_to_send.clear()
    for _ in range(MOST_PUT_ASIDE + 1):
        host.say(MSG_GLOBAL_REQUEST, "again@example.org", True)
    assert await host.is_left()


async def test_a_host_that_asks_and_never_reads_the_answers_is_left(host: Host) -> None:
    request = host._packets_out.build(message(MSG_GLOBAL_REQUEST, "x", True)) * 1000
    before = psutil.Process().memory_info().rss
    async with asyncio.timeout(60):
        while host.transport.active:
            host._writer.write(request)
            # Not drain: it would wait for ever if the other end stopped reading instead.
            await asyncio.sleep(0)
    assert psutil.Process().memory_info().rss - before < 60 * 2**20
    assert await host.target.read() == b""


@pytest.mark.parametrize(
    "payload",
    [
        message(MSG_CHANNEL_DATA, OURS, b"x" * 20)[:-10],
        message(MSG_CHANNEL_DATA, OURS)[:5],
        message(MSG_CHANNEL_DATA, 99, b"x"),
        message(MSG_CHANNEL_CLOSE, 99),
        message(MSG_CHANNEL_REQUEST, OURS, b"\xff\xfe", False),
        message(MSG_DISCONNECT, 2, "go away", ""),
        bytes([20]),
        bytes([21]),
        message(7, 2**32 - 1),
    ],
    ids=[
        "short data",
        "no data",
        "foreign data",
        "foreign close",
        "no text",
        "disconnect",
        "no offer",
        "no keys",
        "many extensions",
    ],
)
async def test_nonsense_ends_the_connection(host: Host, payload: bytes) -> None:
    host._writer.write(host._packets_out.build(payload))
    assert await host.is_left()
    assert await host.target.read() == b""
    assert await host.target.wait_exit() is None


async def test_a_host_that_asks_more_questions_than_it_says_is_left(host: Host) -> None:
    auth = host.transport.auth_handler = AuthHandler(host.transport)
    auth.auth_method = "keyboard-interactive"
    auth.interactive_handler = lambda title, instructions, questions: ["sesame" for _ in questions]
    host.say(MSG_USERAUTH_INFO_REQUEST, "", "", "", 2, "one", False, "two", False)
    assert await host.hear() == message(61, 2, "sesame", "sesame")
    host.say(MSG_USERAUTH_INFO_REQUEST, "", "", "", 2**32 - 1)
    assert await host.is_left()


async def test_a_message_that_nobody_knows_is_said_to_be_unknown(host: Host) -> None:
    host.say(199)
    assert await host.hear() == message(MSG_UNIMPLEMENTED, 0)
    assert host.transport.active


async def test_a_channel_that_the_host_opens_is_refused(host: Host) -> None:
    for kind in ("session", "x11", "forwarded-tcpip", "auth-agent@openssh.com"):
        host.say(90, kind, 5, 1000, 1000, "127.0.0.1", 6000, "127.0.0.1", 6000)
        assert (await host.hear())[0] == 92
    assert len(host.transport._channels) == 1


async def test_a_silent_connection_is_kept_alive(host: Host) -> None:
    host.transport.set_keepalive(0.1)
    for _ in range(2):
        assert (await host.hear())[0] == MSG_GLOBAL_REQUEST


# Fuzzing: what a host that was let in may say.


class Nowhere(asyncio.Transport):
    """A socket that takes everything."""

    def __init__(self) -> None:
        super().__init__()
        self.was_aborted = False

    def write(self, data: object) -> None:
        pass

    def is_closing(self) -> bool:
        return self.was_aborted

    def abort(self) -> None:
        self.was_aborted = True

    def get_write_buffer_size(self) -> int:
        return 0


@pytest.fixture(scope="module")
def idle_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@settings(max_examples=500, deadline=None)
@given(
    payloads=st.lists(
        st.one_of(
            st.binary(min_size=1, max_size=60),
            st.tuples(st.integers(0, 127), st.binary(max_size=60)).map(lambda both: bytes([both[0]]) + both[1]),
            st.tuples(st.integers(91, 100), st.binary(max_size=30)).map(
                lambda both: bytes([both[0]]) + OURS.to_bytes(4, "big") + both[1]
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_whatever_a_host_says_the_connection_goes_on_or_ends(
    idle_loop: asyncio.AbstractEventLoop, payloads: list[bytes]
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport = LoopTransport(ours, idle_loop)
        transport.active = True
        transport._loop_thread = threading.get_ident()
        stream = transport._stream = Nowhere()
        transport._outbox.open(stream)
        with_channel(transport, idle_loop)
        writer = PacketWriter()
        transport.data_received(b"".join(map(writer.build, payloads)))
        assert transport.active != stream.was_aborted
        transport.close()
