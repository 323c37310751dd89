"""A shell on a host, over both transports: every byte arrives, whatever is agreed upon, and every end is told."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest
from paramiko.common import MSG_NEWKEYS
from paramiko.packet import Packetizer
from pytest_django import Settings

from bastion.targets import ssh
from bastion.targets.loop_packetizer import LoopPacketizer
from bastion.targets.ssh import open_shell
from bastion.targets.target import (
    READ_BYTES,
    ExitInfo,
    Target,
)
from tests.ssh.reaching import RAW, TRANSPORTS, key_of, read_all, read_until, route_to, run, shell_on
from tests.sshd import SshServer, start_sshd

MEGABYTE = 10**6
# Nothing that compression makes smaller.
NOISE = random.Random(1).randbytes(8 * MEGABYTE)  # noqa: S311 - it only has to be the same each time


@pytest.fixture(params=TRANSPORTS, autouse=True)
def transport(request: pytest.FixtureRequest, settings: Settings) -> str:
    settings.SSH_TRANSPORT = request.param
    return str(request.param)


@pytest.fixture(scope="module")
def rekeying_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """Wants new keys after each megabyte, and asks all the time whether we are there."""
    server = start_sshd(tmp_path_factory.mktemp("sshd"), more="RekeyLimit 1M 2\nClientAliveInterval 1")
    yield server
    server.stop()


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A file that holds NOISE."""
    path = tmp_path / "noise"
    path.write_bytes(NOISE)
    return path


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def pour(server: SshServer, path: Path) -> bytes:
    """Return what `cat` of a file shows on a raw terminal."""
    async with shell_on(server) as target:
        await target.write(f"{RAW}; echo GO; exec cat {path}\r".encode())
        shown = await read_until(target, b"GO\n") + await read_all(target)
        assert await target.wait_exit() == ExitInfo(status=0)
        return shown.partition(b"GO\n")[2]


CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"]
COUNTER_CIPHERS = ["aes128-ctr", "aes256-ctr"]
MACS = ["hmac-sha2-256", "hmac-sha2-512", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha1"]


@pytest.mark.parametrize(
    ("cipher", "mac"),
    [(cipher, "hmac-sha2-256") for cipher in CIPHERS]
    + [(COUNTER_CIPHERS[number % 2], mac) for number, mac in enumerate(MACS)],
)
@pytest.mark.parametrize("compression", ["none", "zlib@openssh.com"])
async def test_every_byte_arrives_whatever_protects_it(
    sshd: SshServer, noise: Path, monkeypatch: pytest.MonkeyPatch, cipher: str, mac: str, compression: str
) -> None:
    monkeypatch.setattr(ssh, "CIPHERS", (cipher,))
    monkeypatch.setattr(paramiko.Transport, "_preferred_macs", (mac,))
    monkeypatch.setattr(paramiko.Transport, "_preferred_compression", (compression,))

    async with shell_on(sshd) as target:
        agreed = target._transport
        assert (agreed.local_cipher, agreed.remote_cipher) == (cipher, cipher)
        assert (agreed.local_mac, agreed.remote_mac, agreed.remote_compression) == (mac, mac, compression)
    assert digest(await pour(sshd, noise)) == digest(NOISE)


KEX = [
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
]


@pytest.mark.parametrize("kex", KEX)
async def test_keys_are_exchanged_by_each_method(sshd: SshServer, monkeypatch: pytest.MonkeyPatch, kex: str) -> None:
    monkeypatch.setattr(paramiko.Transport, "_preferred_kex", (kex,))

    async with shell_on(sshd) as target:
        assert b"12345" in await run(target, "echo 1234$((2 + 3))")


def test_curves_are_preferred_to_groups_which_stop_every_session_while_they_compute() -> None:
    kinds = ["group" if "diffie-hellman" in name else "curve" for name in paramiko.Transport._preferred_kex]  # type: ignore[attr-defined]
    assert kinds == sorted(kinds)


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_each_kind_of_key_signs_in(sshd: SshServer, kind: str) -> None:
    target = await open_shell(route_to(sshd.port, sshd.fingerprint), key_of(sshd, kind), cols=80, rows=24)
    await target.close()


@pytest.mark.parametrize("whose", ["ours", "theirs", "both"])
async def test_new_keys_under_load_both_ways_lose_nothing(
    sshd: SshServer, rekeying_sshd: SshServer, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    if whose != "theirs":
        monkeypatch.setattr(Packetizer, "REKEY_BYTES", 2**20)
        monkeypatch.setattr(LoopPacketizer, "REKEY_BYTES", 2**20)
    server = sshd if whose == "ours" else rekeying_sshd

    async with shell_on(server) as target:
        exchanges = count_key_exchanges(target._transport)
        await target.write(f"{RAW}; echo GO; exec cat\r".encode())
        await read_until(target, b"GO\n")
        typing = asyncio.create_task(target.write(NOISE))
        shown = await read_exactly(target, len(NOISE))
        await typing

    assert digest(shown) == digest(NOISE)
    assert exchanges() >= 4


async def test_new_keys_in_a_quiet_session_are_not_noticed(rekeying_sshd: SshServer) -> None:
    async with shell_on(rekeying_sshd) as target:
        exchanges = count_key_exchanges(target._transport)
        deadline = time.monotonic() + 30
        number = 0
        while exchanges() < 2:
            number += 1
            assert str(number * 7).encode() in await run(target, f"echo $(({number} * 7))")
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


def count_key_exchanges(transport: paramiko.Transport) -> Callable[[], int]:
    times = []
    agree = transport._parse_newkeys  # type: ignore[attr-defined]

    def note(message: paramiko.Message) -> None:
        times.append(1)
        agree(message)

    transport._handler_table[MSG_NEWKEYS] = note  # type: ignore[attr-defined]
    return lambda: len(times)


async def read_exactly(target: Target, size: int) -> bytes:
    shown = bytearray()
    async with asyncio.timeout(60):
        while len(shown) < size:
            data = await target.read()
            assert data
            assert len(data) <= READ_BYTES
            shown += data
    return bytes(shown)


# How it ends.


@pytest.mark.parametrize(
    ("command", "info"),
    [
        ("exit 0", ExitInfo(status=0)),
        ("exit 255", ExitInfo(status=255)),
        ("kill -9 $$", ExitInfo(signal="KILL")),
        # sshd's process for this connection: no word about the end can come.
        ("kill -9 $PPID", None),
    ],
)
async def test_the_end_says_how_the_shell_ended(sshd: SshServer, command: str, info: ExitInfo | None) -> None:
    async with shell_on(sshd) as target:
        await target.write(f"{command}\r".encode())
        await read_all(target)
        assert await target.wait_exit() == info
        assert await target.read() == b""


async def test_what_is_typed_after_the_end_goes_nowhere(sshd: SshServer) -> None:
    async with shell_on(sshd) as target:
        await target.write(b"exit\r")
        await read_all(target)
        async with asyncio.timeout(5):
            await target.write(b"x" * 10**6)
            await target.resize(10, 10)


async def test_resizing_reaches_the_program(sshd: SshServer) -> None:
    async with shell_on(sshd, cols=91, rows=17) as target:
        assert b"17 91" in await run(target, "stty size")
        await target.resize(133, 41)
        assert b"41 133" in await run(target, "stty size")


async def test_a_pause_without_output_is_told_and_costs_nothing(sshd: SshServer) -> None:
    async with shell_on(sshd) as target:
        while await target.read(0.3) is not None:
            pass
        await target.write(b'echo a""gain\r')
        await read_until(target, b"again\r\n")


async def test_a_reader_that_is_cancelled_loses_nothing(sshd: SshServer) -> None:
    async with shell_on(sshd) as target:
        for number in range(20):
            reading = asyncio.create_task(target.read())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            assert f"<{number}>".encode() in await run(target, f"echo '<'{number}'>'")


async def test_gathering_ends_with_enough_bytes_with_the_output_or_with_patience(
    sshd: SshServer, transport: str
) -> None:
    # The transport with a thread does not look again while it waits.
    patience = 60 if transport == "loop" else 0.01
    async with shell_on(sshd) as target:
        await target.write(f"{RAW}; echo GO; head -c 300000 /dev/zero; read line; exit 3\r".encode())
        shown = await read_until(target, b"GO\n")
        size = 300_000 - len(shown.partition(b"GO\n")[2])
        # More patience than time: only enough bytes, or the end, can end it.
        async with asyncio.timeout(20):
            await target.gather(1, patience)
            while size > 0:
                await target.gather(min(size, 1000), patience)
                data = await target.read(5)
                assert data
                size -= len(data)

        # Nothing comes: patience ends it, and nothing was lost or made up.
        await target.gather(1, 0.01)
        assert await target.read(0.01) is None

        await target.write(b"\n")
        async with asyncio.timeout(20):
            await target.gather(READ_BYTES, patience)
        # What a login shell says when it leaves.
        assert await read_all(target) == b"logout\n"
        assert await target.wait_exit() == ExitInfo(status=3)
