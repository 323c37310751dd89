"""Everything that is measured, on this machine alone: a private sshd, the product as in production, and webssh.

Only one of them works at a time; the others are idle beside it, so that what else the machine does hits all alike.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench import figures
from bench.clients import PROMPT, ProductSession, Session, SshSession, WebsshSession
from bench.in_product import DATA, ROOT, call
from bench.processes import await_listening, end, tree_of
from bench.sizes import Sizes
from bench.text import write_text
from tests.running_product import Product, short_directory
from tests.sshd import SshServer, free_port, start_sshd

REQUIREMENTS = ROOT / "bench" / "requirements.txt"
SETTINGS = {
    "BASTION_ALLOWED_ADDRESSES": "127.0.0.0/8",
    "BASTION_SESSIONS_PER_USER": "5000",
    "BASTION_WEB_PROCESSES": "1",
}
OPEN_FILES = 20_000
# A prompt that is quickly printed and easily found.
BASHRC = f'PS1="{PROMPT.decode()}"\nunset PROMPT_COMMAND\nbind "set enable-bracketed-paste off" 2>/dev/null\n'
# The cipher and the key exchange that the product asks for first, so that all pay for the same.
SSH_OPTIONS = ("Ciphers=aes128-gcm@openssh.com", "KexAlgorithms=curve25519-sha256")


class Contestant:
    """Somebody who can open terminals. `servers` are the processes that stand between a person and the host."""

    name: str
    # Whether all terminals go through one process of its server.
    is_one_process = True

    async def connect(self) -> Session:
        """Return a terminal that may not have shown anything yet."""
        raise NotImplementedError

    async def open(self) -> Session:
        """Return a terminal at its prompt. Raises ConnectionError when it ends before."""
        session = await self.connect()
        try:
            await session.read_until(PROMPT)
        except EOFError:
            raise ConnectionError(f"{self.name}: the terminal ended before its prompt: {session.why}") from None
        return session

    def servers(self) -> list[psutil.Process]:
        """Return the processes whose CPU counts."""
        raise NotImplementedError

    def application(self) -> list[psutil.Process]:
        """Return all processes of the application, whose memory counts."""
        return self.servers()


class PlainSsh(Contestant):
    """OpenSSH's client, a process for each terminal."""

    name = figures.SSH
    is_one_process = False

    def __init__(self, sshd: SshServer) -> None:
        options = (
            *SSH_OPTIONS,
            f"IdentityFile={sshd.directory / 'client_ed25519'}",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        )
        given = [word for option in options for word in ("-o", option)]
        self._command = ["ssh", "-F", "none", *given, "-p", str(sshd.port), "-tt", f"{sshd.user}@127.0.0.1"]
        self._sessions: list[SshSession] = []

    async def connect(self) -> Session:
        session = await SshSession.start(self._command)
        self._sessions = [*(each for each in self._sessions if not each.has_ended), session]
        return session

    def servers(self) -> list[psutil.Process]:
        return [process for session in self._sessions if not session.has_ended for process in tree_of(session.pid)]


class Webssh(Contestant):
    """The PyPI package, in an environment of its own. It records nothing."""

    name = figures.WEBSSH

    def __init__(self, sshd: SshServer, stack: ExitStack) -> None:
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._form = {
            "hostname": "127.0.0.1",
            "port": str(sshd.port),
            "username": sshd.user,
            "privatekey": sshd.client_key("ed25519"),
            "term": "xterm-256color",
        }
        self._turn = asyncio.Lock()
        command = [
            str(install_webssh()),
            "--address=127.0.0.1",
            f"--port={port}",
            "--maxconn=5000",
            "--xsrf=False",
            "--fbidhttp=False",
            "--timeout=30",
            "--delay=60",
            "--logging=error",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(end, self._process)
        await_listening(self._process, port, "webssh")

    async def connect(self) -> Session:
        # Of first logins at the same moment webssh forgets all but one.
        async with self._turn:
            return await WebsshSession.start(self._url, self._form)

    def servers(self) -> list[psutil.Process]:
        return tree_of(self._process.pid)


class WebProcess(Contestant):
    """One address of the product, and the processes behind it."""

    def __init__(self, name: str, url: str, host: str, token: str, servers: list[psutil.Process]) -> None:
        self.name, self.url, self.host, self.token = name, url, host, token
        self._servers = servers

    async def connect(self) -> ProductSession:
        return await ProductSession.start(self.url, self.host, self.token)

    def servers(self) -> list[psutil.Process]:
        return self._servers


class WholeProduct(WebProcess):
    """The product under its supervisor: web processes, Valkey, worker and scheduler.

    Worker and scheduler stand still: they would index what the rounds before recorded while the next one is timed.
    What they cost is measured apart (bench/indexing.py).
    """

    def __init__(self, name: str, sshd: SshServer, stack: ExitStack, **environment: str) -> None:
        self.directory = stack.enter_context(short_directory())
        self.environment = SETTINGS | environment
        product = Product(self.directory, **self.environment)
        stack.callback(product.end)
        product.wait_until_ready()
        self.pid = product.pid
        children = psutil.Process(product.pid).children(recursive=True)
        for process in children:
            if "celery" in " ".join(process.cmdline()):
                stack.callback(process.resume)
                process.suspend()
        servers = [process for process in children if "bastion.web" in " ".join(process.cmdline())]
        host, token = self._make_inventory(sshd)
        super().__init__(name, product.url, host, token, servers)

    def application(self) -> list[psutil.Process]:
        return tree_of(self.pid)

    def environment_of_a_web_process(self) -> dict[str, str]:
        """Return the environment in which another web process serves the same data."""
        # An empty REDIS_URL stands for the embedded Valkey, which the supervisor runs.
        return {**os.environ, **self.environment, "BASTION_DATA_DIR": str(self.directory), "REDIS_URL": ""}

    def _make_inventory(self, sshd: SshServer) -> tuple[str, str]:
        """Return the host's id and a token."""
        key = str(sshd.directory / "client_ed25519")
        made = call(
            self.directory,
            "bench.inventory.make_inventory",
            sshd.port,
            sshd.user,
            key,
            sshd.fingerprint,
            **self.environment,
        )
        return made["host"], made["token"]


@dataclass
class Surroundings:
    """What a scenario works with."""

    sizes: Sizes
    directory: Path
    sshd: SshServer
    product: WholeProduct
    contestants: list[Contestant] = field(default_factory=list)

    @property
    def text(self) -> Path:
        """A large file of terminal output."""
        return text_of(self.sizes.megabytes)


@contextmanager
def surroundings(
    sizes: Sizes, settings: Mapping[str, str] | None = None, *, with_webssh: bool = True
) -> Iterator[Surroundings]:
    """Start everything, the product with these settings; end everything, whatever happened."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, most), most))
    with ExitStack() as stack:
        directory = stack.enter_context(short_directory())
        # sshd looks at the whole path.
        directory.chmod(0o755)
        (directory / "sshd").mkdir()
        sshd = start_sshd(directory / "sshd")
        stack.callback(sshd.stop)
        home = directory / "sshd" / "home"
        (home / ".bashrc").write_text(BASHRC)
        (home / ".bash_profile").write_text(". ~/.bashrc\n")
        (home / ".hushlogin").touch()
        product = WholeProduct(figures.PRODUCT, sshd, stack, **(settings or {}))
        found = Surroundings(sizes, directory, sshd, product)
        found.contestants = [PlainSsh(sshd), *([Webssh(sshd, stack)] if with_webssh else []), product]
        yield found


def text_of(megabytes: int) -> Path:
    """Return a file with so much terminal output, made once and kept."""
    DATA.mkdir(exist_ok=True)
    path = DATA / f"text-{megabytes}"
    if not path.exists():
        draft = path.with_suffix(".part")
        write_text(draft, megabytes * 10**6)
        draft.replace(path)
    return path


def install_webssh() -> Path:
    """Return webssh's program, installed once into an environment of its own from pinned packages with hashes."""
    directory = DATA / "webssh"
    program, stamp = directory / "bin" / "wssh", directory / ".installed"
    wanted = REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        pip = [str(directory / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
        subprocess.run([*pip, "install", "--require-hashes", "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted)
    return program
