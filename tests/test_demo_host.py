"""The demo host: for the first administrator alone, while nobody else can reach the product; a real terminal."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from bastion import demo_host, demo_inventory
from bastion.administrator import ensure_administrator
from bastion.processes import Process, stop
from hosts.access import Action
from hosts.credentials import open_credential
from hosts.inventory import actions_of
from hosts.models import Grant, Host, HostKey
from tests.peers import require_program
from tests.polling import eventually


@pytest.fixture
def data(tmp_path: Path, settings: Settings) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def admin(db: None) -> User:
    ensure_administrator("a password of my own")
    return User.objects.get(username="admin")


@pytest.mark.django_db
def test_only_the_first_administrator_is_granted_the_demo_host(data: Path, admin: User, alice: User, bob: User) -> None:
    demo_inventory.offer()
    host = Host.objects.get()
    assert (host.name, host.address, host.is_demo, host.enabled) == ("demo", "127.0.0.1", True, True)
    assert "same system user" in host.notes
    grant = Grant.objects.get()
    assert (grant.user, grant.host) == (admin, host)
    assert actions_of(grant) == [action.value for action in Action]
    assert [key.source for key in host.keys.all()] == [HostKey.Source.DEMO]


@pytest.mark.django_db
def test_its_key_is_readable_by_us_alone_and_sealed_in_the_database(data: Path, admin: User) -> None:
    demo_inventory.offer()
    for name in ("host_key", "client_key"):
        assert (data / "demo" / name).stat().st_mode & 0o077 == 0
    credential = Host.objects.get().credential
    assert credential
    assert bytes(credential.sealed_secret).find(b"OPENSSH") == -1
    assert open_credential(credential).private_key_pem


@pytest.mark.django_db
def test_a_later_start_keeps_keys_and_adds_nothing(data: Path, admin: User) -> None:
    demo_inventory.offer()
    keys = {path.name: path.read_text() for path in (data / "demo").glob("*key*")}
    demo_inventory.offer()
    assert {path.name: path.read_text() for path in (data / "demo").glob("*key*")} == keys
    assert Host.objects.count() == Grant.objects.count() == HostKey.objects.count() == 1


@pytest.mark.django_db
def test_when_others_can_reach_the_product_it_is_disabled_until_they_cannot(data: Path, admin: User) -> None:
    demo_inventory.offer()
    demo_inventory.withdraw()
    assert not Host.objects.get().enabled
    assert demo_host.read_plan() is None
    demo_inventory.offer()
    assert Host.objects.get().enabled


@pytest.mark.django_db
def test_what_an_administrator_did_to_it_stays_done(data: Path, admin: User) -> None:
    demo_inventory.offer()
    Host.objects.update(enabled=False)
    demo_inventory.offer()
    assert not Host.objects.get().enabled
    host = Host.objects.get()
    host.retired_at = host.created_at
    host.save()
    demo_inventory.offer()
    assert Host.objects.count() == 1
    assert demo_host.read_plan() is None


@pytest.mark.django_db
def test_without_a_demo_host_there_is_nothing_to_withdraw(data: Path) -> None:
    demo_inventory.withdraw()
    assert not Host.objects.exists()


class Terminal:
    """A client of the demo host, as plain as can be."""

    def __init__(self, plan: demo_host.Plan, key: str = "") -> None:
        self.client = paramiko.SSHClient()
        host_key = paramiko.PKey.from_type_string("ssh-ed25519", demo_host.host_key_blob())
        self.client.get_host_keys().add(f"[127.0.0.1]:{plan.port}", "ssh-ed25519", host_key)
        self.client.connect(
            "127.0.0.1",
            plan.port,
            plan.account,
            pkey=paramiko.Ed25519Key.from_private_key(io.StringIO(key or demo_host.client_key())),
            allow_agent=False,
            look_for_keys=False,
            timeout=10,
        )
        self.shell = self.client.invoke_shell("xterm-256color", 91, 33)
        self.shown = ""

    def until(self, text: str) -> None:
        deadline = time.monotonic() + 15
        self.shell.settimeout(15)
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self.shown += self.shell.recv(65536).decode(errors="replace")


@pytest.fixture(params=["sshd", "built in"])
def plan(request: pytest.FixtureRequest, data: Path) -> Iterator[demo_host.Plan]:
    plan = demo_host.make_plan()
    if request.param == "built in":
        plan = demo_host.Plan(plan.port, plan.account, "")
    elif not plan.sshd:
        require_program("sshd")
        pytest.skip("sshd does not let this account in")
    process = Process(demo_host.program(plan), print)
    process.start()
    eventually(lambda: not demo_host._is_free(plan.port))
    yield plan
    stop([process], print)


def test_its_shell_is_a_terminal_that_resizes_takes_ctrl_c_and_tells_its_status(plan: demo_host.Plan) -> None:
    terminal = Terminal(plan)
    terminal.shell.send(b"stty size; echo $TERM-here\n")
    terminal.until("xterm-256color-here")
    assert "33 91" in terminal.shown
    terminal.shell.resize_pty(120, 40)
    terminal.shell.send(b"stty size\n")
    terminal.until("40 120")
    terminal.shell.send(b"echo started-$((1+1)); sleep 600\n")
    terminal.until("started-2")
    time.sleep(0.3)
    terminal.shell.send(b"\x03")
    terminal.shell.send("echo 中文-$((2+3))\n".encode())
    terminal.until("中文-5")
    terminal.shell.send(b"exit 7\n")
    assert terminal.shell.recv_exit_status() == 7
    terminal.client.close()


def test_its_shell_inherits_no_settings(plan: demo_host.Plan) -> None:
    terminal = Terminal(plan)
    terminal.shell.send(b"env | grep -c -e BASTION -e DJANGO; echo done-$((1+1))\n")
    terminal.until("done-2")
    assert re.search(r"[\r\n]0\r\n", terminal.shown), terminal.shown
    terminal.client.close()


def test_another_key_is_refused(plan: demo_host.Plan, tmp_path: Path) -> None:
    stranger = (demo_host.directory() / "host_key").read_text()
    with pytest.raises(paramiko.AuthenticationException):
        Terminal(plan, stranger)


def test_it_is_on_loopback_only(plan: demo_host.Plan) -> None:
    # In the kernel's table: 0100007F is 127.0.0.1, 0A is LISTEN.
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [line[1] for line in lines if line[3] == "0A" and int(line[1].partition(":")[2], 16) == plan.port]
    assert listening == [f"0100007F:{plan.port:04X}"]


def test_programs_end_when_the_person_leaves(plan: demo_host.Plan, tmp_path: Path) -> None:
    terminal = Terminal(plan)
    terminal.shell.send(f"echo $$ > {tmp_path}/pid; exec sleep 600\n".encode())
    pid = int(eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip()))
    terminal.client.close()

    def is_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return "Z (zombie)" in Path(f"/proc/{pid}/status").read_text()

    eventually(is_gone)
