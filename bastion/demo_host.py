"""The demo host: this very machine, offered over SSH on loopback so that a first start has something to connect to.

It runs as the system user that runs Bastion, so it is offered to the first administrator alone, and only while Bastion
itself can be reached from this machine alone. sshd serves it where it can, else bastion/targets/demo_server.py.
"""

from __future__ import annotations

import base64
import grp
import json
import os
import pty
import pwd
import shutil
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings

from bastion.processes import Program

SHELLS_THAT_REFUSE = {"nologin", "false", "sync", "halt", "shutdown"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How the demo host runs. `sshd` is the path of the system's sshd, empty for the built-in server."""

    port: int
    account: str
    sshd: str


def directory() -> Path:
    path: Path = settings.DATA_DIR / "demo"
    return path


def read_plan() -> Plan | None:
    """Return the plan that `make_plan` wrote, or None if there is to be no demo host."""
    try:
        return Plan(**json.loads((directory() / "plan.json").read_text()))
    except FileNotFoundError:
        return None


def drop_plan() -> None:
    (directory() / "plan.json").unlink(missing_ok=True)


def make_plan() -> Plan:
    """Make the keys at the first start, choose port and server, and write it all down."""
    directory().mkdir(mode=0o700, exist_ok=True)
    _make_key("host_key")
    public = _make_key("client_key")
    _write("authorized_keys", f"{public}\n")
    before = read_plan()
    port = before.port if before and _is_free(before.port) else _free_port()
    account = pwd.getpwuid(os.getuid())
    sshd = find_sshd() if _lets_sshd_in(account) and can_sshd_open_terminals() else ""
    plan = Plan(port=port, account=account.pw_name, sshd=sshd)
    if sshd:
        _write("sshd_config", sshd_config(plan))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, parents=True, exist_ok=True)
        check = subprocess.run([sshd, "-t", "-f", str(directory() / "sshd_config")], check=False, capture_output=True)  # noqa: S603
        if check.returncode:
            plan = Plan(port=port, account=account.pw_name, sshd="")
    _write("plan.json", json.dumps(asdict(plan)))
    return plan


def find_sshd() -> str:
    """Return the path of the system's sshd, or nothing. sshd insists on being started by its full path."""
    return (
        shutil.which(
            "sshd", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"))
        )
        or ""
    )


def can_sshd_open_terminals() -> bool:
    """Return whether an sshd of this user could give people a terminal.

    sshd gives each terminal to the group `tty`. An ordinary user may not do that, and need not where the kernel has
    done it already (devpts mounted with gid=5, as is usual, but not everywhere).
    """
    if os.geteuid() == 0:
        return True
    try:
        group = grp.getgrnam("tty").gr_gid
    except KeyError:
        group = os.getgid()
    leader, follower = pty.openpty()
    try:
        return os.fstat(follower).st_gid == group
    finally:
        os.close(leader)
        os.close(follower)


def sshd_config(plan: Plan) -> str:
    """Return the configuration: one key, one account, one loopback port, nothing that forwards."""
    files = {name: _quoted(directory() / name) for name in ("host_key", "authorized_keys")}
    options = {
        "ListenAddress": "127.0.0.1",
        "Port": plan.port,
        "HostKey": files["host_key"],
        "AuthorizedKeysFile": files["authorized_keys"],
        "AuthenticationMethods": "publickey",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "UseDNS": "no",
        "PrintMotd": "no",
        "AcceptEnv": "LANG LC_*",
        "DisableForwarding": "yes",
        "PermitTunnel": "no",
        "LogLevel": "ERROR",
    }
    return "".join(f"{name} {value}\n" for name, value in options.items())


def program(plan: Plan) -> Program:
    """Return what the supervisor runs. It gets no settings: a shell on the demo host must not inherit secrets."""
    if plan.sshd:
        command = [plan.sshd, "-D", "-e", "-f", str(directory() / "sshd_config")]
    else:
        command = [sys.executable, "-m", "bastion.targets.demo_server", str(directory()), str(plan.port)]
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ", "HOME") if name in os.environ}
    return Program("demo host", command, 5, environment=environment, serves_shells=True, is_optional=True)


def host_key_blob() -> bytes:
    """Return the public host key as it goes over the wire."""
    return base64.b64decode((directory() / "host_key.pub").read_text().split()[1])


def client_key() -> str:
    """Return the private key that the authorized key belongs to, in OpenSSH's format."""
    return (directory() / "client_key").read_text()


def _make_key(name: str) -> str:
    """Return the public key of the pair with this name, which is made if it does not exist."""
    public = directory() / f"{name}.pub"
    if not public.exists():
        key = Ed25519PrivateKey.generate()
        _write(name, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode())
        _write(f"{name}.pub", key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + "\n")
    return public.read_text().strip()


def _write(name: str, text: str) -> None:
    path = directory() / name
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _quoted(path: Path) -> str:
    return '"{}"'.format(str(path).replace("%", "%%").replace('"', '\\"'))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _lets_sshd_in(account: pwd.struct_passwd) -> bool:
    """Return whether sshd would let this account in: it refuses locked ones, and a shell that refuses is no demo."""
    shell = Path(account.pw_shell or "/bin/sh")
    if shell.name in SHELLS_THAT_REFUSE or not os.access(shell, os.X_OK):
        return False
    try:
        entries = Path("/etc/shadow").read_text().splitlines()
    except OSError:
        return True
    return not any(line.startswith(f"{account.pw_name}:!") for line in entries)
