"""The supervisor with everything it starts, as real processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedOK
from websockets.sync.client import connect

from tests.polling import eventually
from tests.running_product import ROOT, Product, product, short_directory, still_running

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("supervisor")]


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as path:
        yield path


@pytest.fixture(scope="module")
def running() -> Iterator[Product]:
    with short_directory() as path, product(path, "--demo-host") as started:
        started.wait_until_ready()
        yield started


def test_the_ready_file_names_the_url_and_the_process(running: Product) -> None:
    content = json.loads(running.ready_file.read_text())
    assert content == {"url": running.url, "pid": running.pid}
    assert re.fullmatch(r"http://127\.0\.0\.1:\d{2,5}", running.url)


def test_a_first_start_prints_url_name_and_a_random_password(running: Product) -> None:
    assert f"ready at {running.url}" in running.output
    password = re.search(r"Sign in as admin with the password (\S+)", running.output)
    assert password
    assert len(password[1]) >= 16


def test_it_is_ready_when_it_says_so(running: Product) -> None:
    status, body = running.get("/readyz")
    assert status == 200
    assert json.loads(body)["status"] == "ready"
    assert running.get("/healthz")[0] == 200


def test_the_server_does_not_tell_what_it_is(running: Product) -> None:
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2]))) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b"server:" not in client.recv(65536).lower()


def test_metrics_are_open_to_this_machine_but_not_through_a_proxy(running: Product) -> None:
    status, body = running.get("/metrics")
    assert status == 200
    assert b"bastion_sessions_live" in body
    assert b"bastion_queue_depth" in body
    assert running.get("/metrics", **{"X-Forwarded-For": "192.0.2.7"})[0] == 403


def test_all_children_stay_in_one_process_group(running: Product) -> None:
    group = os.getpgid(running.pid)
    assert {os.getpgid(child.pid) for child in running.children()} == {group}


def test_the_demo_host_knows_no_settings(running: Product) -> None:
    plan = json.loads((running.directory / "demo" / "plan.json").read_text())
    demo = running.child("sshd" if plan["sshd"] else "demo_server")
    assert not [name for name in demo.environ() if name.startswith(("BASTION_", "DATABASE_", "REDIS_"))]


def test_the_demo_host_can_be_reached_recorded_and_found(running: Product) -> None:
    def manage(*arguments: str) -> str:
        environment = os.environ | {"BASTION_DATA_DIR": str(running.directory), "BASTION_PORT": port}
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout

    def api(path: str) -> Any:
        status, body = running.get(f"/api/v1/{path}", **authorization)
        assert status == 200, body
        return json.loads(body)

    port = running.url.rpartition(":")[2]
    token = manage("create_token", "admin", "--name", "test", "--scope", "read", "connect", "audit").strip()
    authorization = {"Authorization": f"Bearer {token}"}
    host = api("hosts/")["results"][0]
    assert (host["name"], host["is_demo"]) == ("demo", True)
    address = f"ws://127.0.0.1:{port}/ws/hosts/{host['id']}/terminal/?cols=80&rows=24"
    with connect(address, additional_headers=authorization) as terminal:
        assert json.loads(terminal.recv(30))["type"] == "ready"
        terminal.send(b"echo marmalade-$((40+2)); exit\n")
        shown = b""
        with contextlib.suppress(ConnectionClosedOK):
            while True:
                frame = terminal.recv(30)
                shown += frame if isinstance(frame, bytes) else b""
    assert b"marmalade-42" in shown
    # The worker and the scheduler do the rest.
    hits = eventually(lambda: api("search/?q=marmalade-42")["results"], 60)
    assert hits[0]["session"]["host"] == "demo"


def test_a_second_supervisor_on_the_same_data_says_so(running: Product) -> None:
    with product(running.directory, BASTION_READY_FILE="") as second:
        assert second.wait() == 1
        assert f"Another Bastion (process {running.pid})" in second.output
        assert len(second.output.splitlines()) == 1
    assert running.get("/healthz")[0] == 200


def test_a_port_in_use_is_one_clear_line(running: Product, directory: Path) -> None:
    port = running.url.rpartition(":")[2]
    with product(directory, BASTION_PORT=port) as second:
        assert second.wait() == 1
        reason = f"Port {port} on 127.0.0.1 is in use. Stop what listens there, or set BASTION_PORT."
        assert second.output == f"Bastion did not start. {reason}\n"


def test_a_killed_web_process_starts_again_on_the_same_port(running: Product) -> None:
    web = running.child("bastion.web")
    web.kill()
    eventually(lambda: "The web process ended (SIGKILL); it starts again in 1 s." in running.output)
    eventually(lambda: running.get("/healthz")[0] == 200, 30)
    assert running.child("bastion.web").pid != web.pid


def test_ctrl_c_stops_everything_and_the_next_start_keeps_the_data(directory: Path) -> None:
    with product(directory, BASTION_ADMIN_PASSWORD="a password of my own") as first:
        first.wait_until_ready()
        assert "password" not in first.output
        children = first.children()
        assert len(children) >= 4
        assert first.interrupt() == 0, first.output
        assert "Stopped." in first.output
        assert "killed" not in first.output
        assert "Traceback" not in first.output
        assert not first.ready_file.exists()
        assert not still_running(children)
    with product(directory) as second:
        second.wait_until_ready()
        assert "password" not in second.output
    with sqlite3.connect(directory / "bastion.sqlite3") as database:
        assert database.execute("SELECT username FROM auth_user").fetchall() == [("admin",)]


def test_children_end_with_a_killed_supervisor_and_the_next_one_waits_for_them(directory: Path) -> None:
    with product(directory) as first:
        first.wait_until_ready()
        children = first.children()
        os.kill(first.pid, signal.SIGKILL)
        with product(directory) as second:
            second.wait_until_ready()
            assert not still_running(children)


def test_a_signal_while_starting_stops_the_start(directory: Path) -> None:
    with product(directory) as started:
        eventually(lambda: "Preparing the database" in started.output)
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait() == 0
        assert "Traceback" not in started.output
        assert not started.ready_file.exists()


@pytest.mark.parametrize("role", ["worker", "beat"])
def test_each_role_runs_by_itself(running: Product, role: str) -> None:
    redis_url = f"unix://{running.directory}/run/valkey.sock"
    with product(running.directory, role, REDIS_URL=redis_url, BASTION_READY_FILE="") as started:
        eventually(lambda: f"Running: {role}." in started.output, 60)
        assert started.child("celery", role).is_running()
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait() == 0


def test_the_healthchecks_of_the_containers_pass(running: Product) -> None:
    environment = os.environ | {
        "BASTION_DATA_DIR": str(running.directory),
        "BASTION_PORT": running.url.rpartition(":")[2],
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    for command in (
        ["python", "-m", "bastion.probe", "/readyz"],
        ["celery", "-A", "celery_app", "inspect", "ping", "--timeout", "5"],
    ):
        result = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


def test_several_web_processes_share_the_port_and_their_counters(running: Product) -> None:
    redis_url = f"unix://{running.directory}/run/valkey.sock"
    with product(
        running.directory, "web", REDIS_URL=redis_url, BASTION_WEB_PROCESSES="2", BASTION_READY_FILE=""
    ) as started:
        eventually(lambda: "ready at" in started.output, 60)
        assert len([child for child in started.children() if "bastion.web" in child.cmdline()]) == 2
        os.kill(started.pid, signal.SIGTERM)
        assert started.wait() == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"BASTION_PORT": "http"}, "BASTION_PORT: expected a whole number from 0 to 65535, got 'http'"),
        ({"BASTION_BIND": "192.0.2.1"}, "The address 192.0.2.1 cannot be listened on"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL: expected postgres://"),
        ({"BASTION_DATA_DIR": "/dev/null/data"}, "/dev/null/data"),
        ({"BASTION_WEB_PROCESSES": "0"}, "BASTION_WEB_PROCESSES: expected a whole number from 1 to 64, got '0'"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_clear_line(
    directory: Path, environment: dict[str, str], message: str
) -> None:
    with product(directory, **environment) as started:
        assert started.wait() == 1
        assert message in started.output
        assert "Traceback" not in started.output
        assert [line for line in started.output.splitlines() if line.startswith("Bastion did not start.")]


def test_an_unknown_role_is_refused(directory: Path) -> None:
    with product(directory, "webs") as started:
        assert started.wait() == 2
        assert "expected one of web, worker, beat, got webs" in started.output
