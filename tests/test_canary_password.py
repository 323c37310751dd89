"""A password that is typed at hidden prompts in a recorded session is found nowhere that Bastion keeps anything."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import secrets
import shlex
import sqlite3
import string
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.peers import find_program, require_program
from tests.polling import eventually
from tests.running_product import Product, product, short_directory
from tests.sshd import SshServer
from tests.terminal import Terminal, open_terminal

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]

# A part of it this long is a find too. No hexadecimal digits: hashes must not look like it by chance.
PART = 7
THINKING_SECONDS = 0.5
SETTINGS = {"BASTION_LOG_LEVEL": "debug", "BASTION_SEGMENT_SECONDS": "5"}


def canary() -> str:
    return "".join(secrets.choice("ghijklmnopqrstuvwxyz") for _ in range(20))


def traces(text: str) -> list[bytes]:
    """Return what would give `text`, or a part of it, away: as it is, turned round, as base64, hex and UTF-16."""
    found: list[bytes] = []
    for start in range(len(text) - PART + 1):
        part = text[start : start + PART]
        found += [part.encode(), part[::-1].encode(), part.encode().hex().encode(), part.encode("utf-16-le")]
    for shift in range(3):
        # The characters that lie wholly in the text, wherever it begins in what was encoded.
        encoded = base64.b64encode(b"\0" * shift + text.encode() + b"\0" * 3)
        first, last = -(-shift * 8 // 6), (shift + len(text)) * 8 // 6
        found.append(encoded[first:last])
    return found


def is_in(text: str, data: bytes) -> bool:
    lowered = data.lower()
    return any(trace in data or trace in lowered for trace in traces(text))


def test_the_net_has_no_holes() -> None:
    fish = canary()

    for catch in (fish, f"xx{fish[5:]}", fish[::-1], fish.encode().hex()):
        assert is_in(fish, catch.encode())
    for before in ("", "a", "ab", "abc"):
        assert is_in(fish, base64.b64encode(f"{before}{fish}.".encode()))
    assert not is_in(fish, string.printable.encode() + canary().encode() + fish[: PART - 1].encode())


@pytest.fixture(scope="module")
def running() -> Iterator[Product]:
    require_program("sshd")
    with short_directory() as directory, product(directory, "--demo-host", **SETTINGS) as started:
        started.wait_until_ready()
        yield started


@contextmanager
def overheard(client: Redis) -> Iterator[list[bytes]]:
    """Collect every command that Redis obeys, Celery's jobs among them."""
    heard: list[bytes] = []

    def listen() -> None:
        try:
            with client.monitor() as monitor:  # type: ignore[no-untyped-call]
                heard.append(b"")
                while True:
                    heard.append(str(monitor.next_command()).encode())
        except (RedisConnectionError, ValueError, OSError):
            return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    eventually(lambda: heard)
    yield heard
    client.connection_pool.disconnect()


def prompts(target: SshServer, directory: Path) -> dict[str, str]:
    """Return command lines, each with how its question for a password begins and ends, as a regular expression."""
    ssh = "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o PreferredAuthentications=password"
    return {
        asking("[sudo] password for bob: "): "\\[sudo\\] password for bob: ",
        asking("Enter password: "): "Enter password: ",
        asking("Password for 'https://bob@example.org': "): "Password for 'https://bob@example.org': ",
        asking("> "): "> ",
        "bash -c 'read -r -s -p \"Code? \" x'": "Code\\? ",
        "sh -c 'stty -echo; printf \"say: \"; read x; stty echo'": "say: ",
        f"{ssh} -o NumberOfPasswordPrompts=2 -p {target.port} {target.user}@127.0.0.1": ".*'s password: ",
        f"ssh-keygen -q -t ed25519 -f {directory}/made": "Enter (.*no passphrase\\)|same passphrase again): ",
        # root would be asked for no password, and could really change it.
        "passwd" if os.geteuid() else "su -s /bin/sh nobody -c passwd": "(Current|.*New) password: ",
        "openssl passwd -5": "(Verifying - )?Password: ",
        "docker login -u bob 127.0.0.1:1": "Password: ",
    }


def asking(prompt: str) -> str:
    """Return a command that asks as many programs do that are not installed everywhere."""
    return "python3 -c " + shlex.quote(f"import getpass; getpass.getpass({prompt!r})")


def answer(terminal: Terminal, command: str, question: str, secret: str) -> None:
    """Run a command, and type a password at each of its prompts in another way, until it is done."""
    ways = [list(secret), [secret], [*secret[:9], "\x7f", "\x7f", *secret[7:]], [secret[:8], "\x15", secret]]
    begun, asked, done = len(terminal.shown), 0, f"done-{secrets.token_hex(4)}"
    terminal.type(f"{command}; echo {done[:4]}''{done[4:]}\r")
    while done.encode() not in terminal.shown[begun:]:
        assert terminal.read_one(60), f"closed with {terminal.close_code} {terminal.close_reason}"
        if len(re.findall(f"[\r\n]{question}".encode(), terminal.shown[begun:])) > asked:
            # OpenSSL prints its prompt before it switches the echo off, and nothing tells when it has.
            time.sleep(THINKING_SECONDS)
            for keys in ways[asked % len(ways)]:
                terminal.type(keys)
            terminal.type("\r")
            asked += 1
    assert asked, f"{command} asked for nothing: {bytes(terminal.shown[begun:])!r}"


def kept_in_redis(client: Redis) -> bytes:
    read: dict[Any, Callable[[Any], Any]] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"hash": client.hgetall,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"stream": client.xrange,
    }
    return repr([(key, read[client.type(key)](key)) for key in client.scan_iter()]).encode()


def kept_in_databases(directory: Path) -> bytes:
    lines: list[str] = []
    for path in directory.rglob("*.sqlite3"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                lines += map(repr, database.execute(f'SELECT * FROM "{table}"'))  # noqa: S608 - names of our tables
    return "\n".join(lines).encode()


def fetched(running: Product, token: str, session_id: UUID) -> dict[str, bytes]:
    """Return what an auditor with every right is told about the session."""
    paths = ("", "recording.cast", "recording.raw", "transcript.txt", "commands/", "replay.json", "evidence.zip")
    answers = {
        path: running.get(f"/api/v1/sessions/{session_id}/{path}", Authorization=f"Bearer {token}") for path in paths
    }
    assert [status for status, _ in answers.values()] == [200] * len(paths)
    with zipfile.ZipFile(io.BytesIO(answers.pop("evidence.zip")[1])) as bundle:
        inside = {f"evidence.zip {name}": bundle.read(name) for name in bundle.namelist()}
    return inside | {path: body for path, (_, body) in answers.items()}


def test_a_password_typed_at_hidden_prompts_is_found_nowhere(running: Product, sshd: SshServer, tmp_path: Path) -> None:
    password, visible = canary(), canary()
    running.manage("grant", "admin", "demo", "audit", "export", "view_input")
    token = running.manage("create_token", "admin", "--name", "test", "--scope", "read", "connect", "audit")
    hosts = json.loads(running.get("/api/v1/hosts/", Authorization=f"Bearer {token}")[1])["results"]
    redis = Redis(unix_socket_path=str(running.directory / "run" / "valkey.sock"))

    with overheard(redis) as heard:
        with open_terminal(urlsplit(running.url).port or 0, UUID(hosts[0]["id"]), token) as terminal:
            session_id = terminal.wait_ready()
            terminal.type(f"echo {visible}; echo rea''dy\r")
            terminal.wait_for("ready")
            for command, question in prompts(sshd, tmp_path).items():
                if find_program(command.split()[0]):
                    answer(terminal, command, question, password)
            terminal.type("exit\r")
            terminal.wait_closed()

        def is_indexed() -> bool:
            answers = running.get(f"/api/v1/sessions/{session_id}/commands/", Authorization=f"Bearer {token}")[1]
            return visible.encode() in answers

        eventually(is_indexed, 60)
        in_redis = kept_in_redis(redis)
    bodies = fetched(running, token, session_id)
    events = [json.loads(line) for line in bodies["recording.cast"].splitlines()[1:]]
    typed = "".join(data for _, code, data in events if code == "i")

    assert f"echo {visible}; " in typed, "the keys were not kept at all"
    assert sum(int(data) for _, code, data in events if code == "h") >= 11 * len(password)
    assert is_in(visible, kept_in_databases(running.directory)), "the databases were not read"
    for path, body in bodies.items():
        assert not is_in(password, body), path
    assert not is_in(password, b"\n".join(heard)), "told to Redis"
    assert not is_in(password, in_redis), "kept in Redis"
    assert not is_in(password, kept_in_databases(running.directory)), "kept in a database"
    assert not is_in(password, running.output.encode()), "logged"
    for file in filter(Path.is_file, running.directory.rglob("*")):
        assert not is_in(password, file.read_bytes()), file
