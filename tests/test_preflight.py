"""What keeps a start from happening, each as one line that says what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bastion import embedded_valkey, preflight
from bastion.environment import socket_path
from bastion.preflight import StartError


def test_a_full_disk_is_refused_with_what_is_free_and_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"Only 12 MB are free in .*, and recording needs at least 256 MB"):
        preflight.check_data_directory(tmp_path, lambda _: 12 * 2**20)


def test_a_data_directory_that_takes_no_files_is_refused() -> None:
    with pytest.raises(StartError, match=r"The data directory /proc cannot be written"):
        preflight.check_data_directory(Path("/proc"))


def test_a_frontend_that_is_not_built_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="make frontend"):
        preflight.check_frontend(tmp_path)


def test_a_data_directory_belongs_to_one_supervisor_of_a_role(tmp_path: Path) -> None:
    lock = preflight.claim(tmp_path, "supervisor")
    with pytest.raises(StartError, match=f"process {os.getpid()}"):
        preflight.claim(tmp_path, "supervisor")
    os.close(preflight.claim(tmp_path, "worker"))
    os.close(lock)
    os.close(preflight.claim(tmp_path, "supervisor"))


def test_processes_of_an_earlier_start_are_waited_for(tmp_path: Path) -> None:
    earlier = preflight.await_remains(tmp_path, "supervisor", lambda _: None)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(earlier,))
    os.close(earlier)
    said: list[str] = []

    def end_child_when_asked(text: str) -> None:
        said.append(text)
        child.communicate(b"\n")

    os.close(preflight.await_remains(tmp_path, "supervisor", end_child_when_asked))
    assert said == ["Waiting for processes of an earlier start to end …"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost"])
def test_a_port_of_zero_is_a_free_one(address: str) -> None:
    try:
        with preflight.open_port(address, 0) as listener:
            assert listener.getsockname()[1] > 0
    except StartError:
        if address == "::1":
            pytest.skip("this machine has no IPv6")
        raise


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} on 127.0.0.1 is in use"):
            preflight.open_port("127.0.0.1", port)


def test_the_socket_is_in_the_data_directory_where_its_path_will_do(tmp_path: Path) -> None:
    assert socket_path(Path("/srv/bastion/data/run")) == Path("/srv/bastion/data/run/valkey.sock")


@pytest.mark.parametrize("directory", ["/srv/" + "x" * 120, "/srv/with space", "/srv/100%", "/srv/数据"])
def test_a_path_that_urls_or_sockets_cannot_carry_is_replaced(directory: str) -> None:
    path = socket_path(Path(directory))
    assert len(os.fsencode(path)) < 107
    assert path == socket_path(Path(directory))
    assert path != socket_path(Path(directory + "2"))


def test_a_directory_for_the_socket_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(embedded_valkey.PrivateDirectoryError):
        embedded_valkey.make_private(shared)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(embedded_valkey.PrivateDirectoryError):
        embedded_valkey.make_private(link)
    embedded_valkey.make_private(tmp_path / "private")
