"""Dropbear, which runs on small machines: another implementation, without GCM, with its own ideas of when to answer."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from paramiko.packet import Packetizer
from pytest_django import Settings

from bastion.targets.loop_packetizer import LoopPacketizer
from bastion.targets.ssh import fetch_host_keys, open_shell
from bastion.targets.target import AuthenticationFailedError, ExitInfo, TargetError
from hosts.destinations import SocketAddress
from tests.peers import require_program, require_root
from tests.ssh.reaching import RAW, TRANSPORTS, password, read_all, read_until, route_to, run
from tests.sshd import free_port

PASSWORD = "sesame"


@dataclass(frozen=True)
class Dropbear:
    port: int
    user: str
    fingerprint: str


@pytest.fixture(params=TRANSPORTS, autouse=True)
def transport(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.SSH_TRANSPORT = request.param


@pytest.fixture(scope="module")
def dropbear(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dropbear]:
    program, keygen = require_program("dropbear"), require_program("dropbearkey")
    require_root()
    directory = tmp_path_factory.mktemp("dropbear")
    user = f"bastion-drop-{os.getpid()}"
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", user], check=True)
    subprocess.run(["chpasswd"], input=f"{user}:{PASSWORD}", text=True, check=True)
    subprocess.run([keygen, "-t", "ed25519", "-f", directory / "key"], check=True, capture_output=True)
    port = free_port()
    with (directory / "log").open("wb") as log:
        command = [
            program,
            "-F",
            "-E",
            "-p",
            f"127.0.0.1:{port}",
            "-r",
            str(directory / "key"),
            "-P",
            str(directory / "pid"),
        ]
        server = subprocess.Popen(command, stderr=log)
    try:
        yield Dropbear(port, user, wait_for_key(port, directory / "log"))
    finally:
        server.terminate()
        server.wait(10)
        subprocess.run(["userdel", "--remove", "--force", user], check=False, capture_output=True)


def wait_for_key(port: int, log: Path) -> str:
    address: SocketAddress = ("127.0.0.1", port)
    deadline = time.monotonic() + 10
    while True:
        try:
            [(_, fingerprint)] = fetch_host_keys([(socket.AF_INET, address)], 5)
            return fingerprint
        except TargetError:
            if time.monotonic() > deadline:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.1)


async def test_a_session_from_prompt_to_exit(dropbear: Dropbear) -> None:
    route = route_to(dropbear.port, dropbear.fingerprint)
    target = await open_shell(route, password(dropbear.user, PASSWORD), cols=91, rows=17)
    assert b"17 91" in await run(target, "stty size")
    await target.resize(133, 41)
    assert b"41 133" in await run(target, "stty size")
    await target.write(b"exit 5\r")
    await read_all(target)
    assert await target.wait_exit() == ExitInfo(status=5)
    await target.close()


async def test_new_keys_under_load_both_ways_lose_nothing(dropbear: Dropbear, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packetizer, "REKEY_BYTES", 2**19)
    monkeypatch.setattr(LoopPacketizer, "REKEY_BYTES", 2**19)
    route = route_to(dropbear.port, dropbear.fingerprint)
    target = await open_shell(route, password(dropbear.user, PASSWORD), cols=80, rows=24)
    await target.write(f"{RAW}; echo GO; seq 1000000; exit\r".encode())
    shown = await read_until(target, b"GO\n") + await read_all(target)
    numbers = b"".join(b"%d\n" % number for number in range(1, 1_000_001))
    assert shown.partition(b"GO\n")[2].startswith(numbers)
    await target.close()


async def test_a_wrong_password_is_refused(dropbear: Dropbear) -> None:
    route = route_to(dropbear.port, dropbear.fingerprint)
    with pytest.raises(AuthenticationFailedError):
        await open_shell(route, password(dropbear.user, "wrong"), cols=80, rows=24)
