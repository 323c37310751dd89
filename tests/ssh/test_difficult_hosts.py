"""Hosts that are slow, hang, or do not play by the rules, over both transports."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import paramiko
import psutil
import pytest
from paramiko.common import MSG_IGNORE, MSG_KEXINIT, MSG_NEWKEYS
from paramiko.ssh_exception import MessageOrderError
from pytest_django import Settings

from bastion.targets.ssh import open_shell
from bastion.targets.target import (
    WINDOW_BYTES,
    AuthenticationFailedError,
    ConnectRefusedError,
    ConnectTimedOutError,
    ExitInfo,
    HostKeyChangedError,
    HostKeyUnknownError,
    NotSshError,
    ShellRefusedError,
)
from tests.polling import eventually
from tests.ssh.paramiko_host import Interface, paramiko_host
from tests.ssh.reaching import RAW, TRANSPORTS, key_of, password, read_all, read_until, route_to, run, shell_on
from tests.sshd import SshServer, free_port

MEGABYTE = 10**6


@pytest.fixture(params=TRANSPORTS, autouse=True)
def transport(request: pytest.FixtureRequest, settings: Settings) -> str:
    settings.SSH_TRANSPORT = request.param
    return str(request.param)


async def test_a_slow_reader_stops_the_host_within_a_window(sshd: SshServer, tmp_path: Path) -> None:
    done = tmp_path / "done"
    async with shell_on(sshd) as target:
        before = psutil.Process().memory_info().rss
        await target.write(f"head -c 50000000 /dev/zero | tr '\\0' x; touch {done}; echo; exit\r".encode())
        await asyncio.sleep(3)
        assert not done.exists(), "the host was not held back"
        assert psutil.Process().memory_info().rss - before < 12 * 2**20
        assert (await read_all(target)).count(b"x") >= 50_000_000


async def test_a_host_that_takes_no_input_holds_back_whoever_types_and_nobody_else(sshd: SshServer) -> None:
    async with shell_on(sshd) as target, shell_on(sshd) as neighbour:
        await target.write(f"{RAW}; echo GO; sleep 1000\r".encode())
        await read_until(target, b"GO\n")
        typing = asyncio.create_task(target.write(b"x" * 20 * MEGABYTE))
        assert b"42" in await run(neighbour, "echo $((6 * 7))")
        assert not (await asyncio.wait([typing], timeout=0.5))[0]
        await target.close()
        async with asyncio.timeout(5):
            await typing


async def test_closing_works_at_once_while_the_host_hangs(sshd: SshServer) -> None:
    async with shell_on(sshd) as target:
        found = re.search(rb"<(\d+)>", await run(target, "echo '<'$PPID'>'"))
        assert found
        process = int(found[1])
        os.kill(process, signal.SIGSTOP)
        try:
            typing = asyncio.create_task(target.write(b"x" * 20 * MEGABYTE))
            reading = asyncio.create_task(read_all(target))
            await asyncio.wait([typing], timeout=0.5)
            async with asyncio.timeout(3):
                await target.close()
                await typing
                await reading
        finally:
            os.kill(process, signal.SIGKILL)


class Answering:
    """A port that says one thing to whoever connects and then nothing, or something again and again."""

    def __init__(self, greeting: bytes, again: bytes = b"", pause: float = 0.1) -> None:
        self._greeting, self._again, self._pause = greeting, again, pause

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self._greeting)
            while self._again:
                writer.write(self._again)
                await writer.drain()
                await asyncio.sleep(self._pause)
            await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.mark.parametrize(
    ("server", "errors"),
    [
        (Answering(b""), (ConnectTimedOutError, NotSshError)),
        (Answering(b"SSH-2.0-stuck\r\n"), (ConnectTimedOutError, NotSshError)),
        (Answering(b"", b"x", 0.1), (ConnectTimedOutError, NotSshError)),
        (Answering(b"", b"hello\r\n", 0), (NotSshError,)),
        (Answering(b"HTTP/1.1 400 Bad Request\r\n\r\n"), (ConnectTimedOutError, NotSshError)),
        (Answering(b"SSH-1.0-old\r\n"), (NotSshError,)),
        (Answering(b"SSH-2.0-wild\r\n" + b"\xff" * 64), (NotSshError, ConnectTimedOutError)),
        (Answering(b"SSH-2.0-wild\r\n" + bytes([0, 0, 0, 12, 4]) + bytes(11)), (NotSshError,)),
    ],
    ids=["silent", "stuck", "letter by letter", "chatty", "http", "version 1", "long packet", "wrong packet"],
)
async def test_what_does_not_answer_as_ssh_does_is_given_up_in_time(
    server: Answering, errors: tuple[type, ...]
) -> None:
    # Other tests of this process may have connections.
    before = threads_of_connections()
    async with server as port:
        begun = time.monotonic()
        with pytest.raises(errors):
            await open_shell(route_to(port, "SHA256:x", timeout=1), password("root", "x"), cols=80, rows=24)
        assert time.monotonic() - begun < 4
    await asyncio.to_thread(eventually, lambda: threads_of_connections() <= before)


def threads_of_connections() -> set[threading.Thread]:
    """Return the threads that belong to one connection each, with either transport."""
    return {thread for thread in threading.enumerate() if isinstance(thread, paramiko.Transport)}


async def test_a_port_that_nobody_listens_on_is_refused() -> None:
    with pytest.raises(ConnectRefusedError):
        await open_shell(route_to(free_port(), "SHA256:x"), password("root", "x"), cols=80, rows=24)


async def test_a_wrong_password_is_refused(sshd: SshServer) -> None:
    with pytest.raises(AuthenticationFailedError):
        await open_shell(route_to(sshd.port, sshd.fingerprint), password(sshd.user, "wrong"), cols=80, rows=24)


@pytest.mark.parametrize(("pins", "error"), [((), HostKeyUnknownError), (("SHA256:other",), HostKeyChangedError)])
async def test_no_credential_leaves_before_the_host_is_believed(
    sshd: SshServer, pins: tuple[str, ...], error: type
) -> None:
    log = sshd.directory / "sshd.log"
    before = log.stat().st_size
    with pytest.raises(error):
        await open_shell(route_to(sshd.port, *pins), key_of(sshd), cols=80, rows=24)
    assert b"Accepted" not in log.read_bytes()[before:]


class Gate(asyncssh.SSHServer):
    """Lets in who knows the word."""

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 asyncssh asks so
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:  # noqa: ARG002 asyncssh asks so
        return password == "sesame"


@pytest.fixture
async def odd_server(sshd: SshServer) -> AsyncIterator[int]:
    """Another implementation of SSH. Its program says what it gets."""

    async def greet(process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write("hello\r\n")
        line = await process.stdin.readline()
        process.stderr.write(f"got {line.strip()}\r\n")
        process.exit_with_signal("TERM") if "die" in line else process.exit(3)

    listener = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Gate,
        server_host_keys=[str(sshd.directory / "host_ed25519")],
        process_factory=greet,
        line_editor=False,
    )
    yield listener.get_port()
    listener.close()
    await listener.wait_closed()


@pytest.mark.parametrize(("word", "info"), [("live", ExitInfo(status=3)), ("die", ExitInfo(signal="TERM"))])
async def test_another_server(odd_server: int, sshd: SshServer, word: str, info: ExitInfo) -> None:
    target = await open_shell(route_to(odd_server, sshd.fingerprint), password("bob", "sesame"), cols=80, rows=24)
    await target.write(f"{word}\n".encode())
    shown = await read_all(target, 10)
    # stderr comes with the output: on a terminal there is no difference.
    assert f"got {word}".encode() in shown
    assert await target.wait_exit() == info
    await target.close()


async def test_another_server_refuses_a_wrong_password(odd_server: int, sshd: SshServer) -> None:
    with pytest.raises(AuthenticationFailedError):
        await open_shell(route_to(odd_server, sshd.fingerprint), password("bob", "open"), cols=80, rows=24)


class Muttering(paramiko.Transport):
    """Says IGNORE where strict key exchange, the answer to CVE-2023-48795, allows nothing."""

    before = 0

    def _send_message(self, message: paramiko.Message) -> None:
        if message.asbytes()[0] == self.before and not self.initial_kex_done:
            self.packetizer.send_message(paramiko.Message(bytes([MSG_IGNORE, 0, 0, 0, 0])))
        self.packetizer.send_message(message)


@pytest.mark.parametrize("before", [MSG_KEXINIT, MSG_NEWKEYS])
@pytest.mark.parametrize("is_strict", [True, False])
async def test_a_message_that_strict_key_exchange_forbids_ends_the_connection(before: int, is_strict: bool) -> None:
    kind = type("Muttering", (Muttering,), {"before": before})
    with paramiko_host(lambda connection: kind(connection, strict_kex=is_strict)) as host:
        reaching = open_shell(route_to(host.port, host.fingerprint), password("bob", "sesame"), cols=80, rows=24)
        if is_strict:
            with pytest.raises(NotSshError) as caught:
                await reaching
            assert isinstance(caught.value.__cause__, MessageOrderError)
        else:
            target = await reaching
            await target.close()


class Pondering(Interface):
    """Never says whether there is a terminal."""

    def check_channel_pty_request(self, *arguments: object) -> bool:  # noqa: ARG002 paramiko asks so
        time.sleep(3)
        return True


async def test_a_host_that_starts_no_shell_is_given_up_in_time() -> None:
    with paramiko_host(interface=Pondering) as host:
        begun = time.monotonic()
        route = route_to(host.port, host.fingerprint, timeout=1)
        with pytest.raises(ShellRefusedError):
            await open_shell(route, password("bob", "sesame"), cols=80, rows=24)
        assert time.monotonic() - begun < 2.5


class Flooding(Interface):
    """Sends without looking at the window."""

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        def flood() -> None:
            channel.out_window_size = 2**40
            with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
                channel.sendall(bytes(6 * MEGABYTE))

        threading.Thread(target=flood, daemon=True).start()
        return True


async def test_a_host_that_sends_more_than_its_window_is_left() -> None:
    with paramiko_host(interface=Flooding) as host:
        route = route_to(host.port, host.fingerprint)
        target: Any = await open_shell(route, password("bob", "sesame"), cols=80, rows=24)
        await asyncio.to_thread(eventually, lambda: not target._transport.is_active(), 60)
        assert WINDOW_BYTES <= len(await read_all(target)) <= 2 * WINDOW_BYTES
        assert await target.wait_exit() is None
        await target.close()
