"""A real OpenSSH server on a loopback port, with keys of its own, for as long as a test run lasts."""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bastion.demo_host import can_sshd_open_terminals
from tests.peers import miss, require_program

KEY_TYPES = ("ed25519", "rsa", "ecdsa")


@dataclass(frozen=True)
class SshServer:
    """Where it listens, how it is known, and with which keys a person gets in."""

    port: int
    directory: Path
    user: str
    process: subprocess.Popen[bytes]

    @property
    def fingerprint(self) -> str:
        return self.fingerprint_of("ed25519")

    def fingerprint_of(self, kind: str) -> str:
        listing = subprocess.run(
            ["ssh-keygen", "-lf", str(self.directory / f"host_{kind}.pub")], check=True, capture_output=True, text=True
        )
        return listing.stdout.split()[1]

    def client_key(self, kind: str) -> str:
        return (self.directory / f"client_{kind}").read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def start_sshd(directory: Path, *, more: str = "", pam: str = "no") -> SshServer:
    """Start sshd with its own keys in `directory`, believing the three client keys made there."""
    sshd = require_program("sshd")
    if not can_sshd_open_terminals():
        miss("only root's sshd can open terminals on this machine (devpts is mounted without gid=5)")
    require_program("ssh-keygen")
    directory.chmod(0o755)
    if os.geteuid() == 0:
        # Debian's package makes it at boot.
        Path("/run/sshd").mkdir(exist_ok=True)
    for kind in KEY_TYPES:
        for role in ("host", "client"):
            path = directory / f"{role}_{kind}"
            if not path.exists():
                command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"test {role}", "-f", str(path)]
                subprocess.run(command, check=True)
    home = directory / "home"
    home.mkdir(exist_ok=True)
    authorized = directory / "authorized_keys"
    authorized.write_text("".join((directory / f"client_{kind}.pub").read_text() for kind in KEY_TYPES))
    port = free_port()
    config = directory / "sshd_config"
    config.write_text(
        "\n".join(
            [
                f"Port {port}",
                "ListenAddress 127.0.0.1",
                *(f"HostKey {directory / f'host_{kind}'}" for kind in KEY_TYPES),
                f"AuthorizedKeysFile {authorized}",
                f"PidFile {directory / 'sshd.pid'}",
                "StrictModes no",
                f"UsePAM {pam}",
                "PermitRootLogin yes",
                "PasswordAuthentication yes",
                "PrintMotd no",
                "PrintLastLog no",
                # Not the home of whoever runs the tests: its .bashrc takes time, and may not like to be killed.
                f"SetEnv HOME={home}",
                # As Debian ships it.
                "AcceptEnv LANG LC_*",
                "MaxStartups 100",
                more,
                "",
            ]
        )
    )
    with (directory / "sshd.log").open("wb") as log:
        process = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stderr=log, stdin=subprocess.DEVNULL)
    server = SshServer(port, directory, getpass.getuser(), process)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise RuntimeError(f"sshd did not start: {(directory / 'sshd.log').read_text()}")
