"""A small SSH server for machines without sshd: a login shell in a pty, as the user that runs it, by one public key.

`python -m bastion.targets.demo_server DIRECTORY PORT` with host_key and authorized_keys (one line) in the directory. It
listens on loopback only. Shell, exec (in a pty too), window changes and the exit status work; nothing else is offered.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import pty
import pwd
import select
import signal
import socket
import struct
import sys
import termios
import threading
from pathlib import Path

import paramiko
from paramiko import common

SHELLS_THAT_REFUSE = {"nologin", "false", "sync", "halt", "shutdown"}
HANDSHAKE_SECONDS = 15


def set_size(terminal: int, cols: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


# ruff: noqa: ARG002, PLR0917 - paramiko says which arguments these methods get


class DemoSession(paramiko.ServerInterface):
    """One connection: lets the one key in and starts at most one program."""

    def __init__(self, account: pwd.struct_passwd, authorized: paramiko.PKey) -> None:
        self._account = account
        self._authorized = authorized
        self._term = ""
        self._size = (80, 24)
        self._environment: dict[str, str] = {}
        self._terminal = -1
        self._pid = 0
        self._lock = threading.Lock()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if username == self._account.pw_name and key == self._authorized:
            return common.AUTH_SUCCESSFUL
        return common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return common.OPEN_SUCCEEDED if kind == "session" else common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_env_request(self, channel: paramiko.Channel, name: bytes, value: bytes) -> bool:
        if name != b"LANG" and not name.startswith(b"LC_"):
            return False
        self._environment[name.decode(errors="replace")] = value.decode(errors="replace")
        return True

    def check_channel_pty_request(
        self,
        channel: paramiko.Channel,
        term: bytes,
        width: int,
        height: int,
        pixelwidth: int,
        pixelheight: int,
        modes: bytes,
    ) -> bool:
        self._term = term.decode(errors="replace")
        self._size = (width, height)
        return True

    def check_channel_window_change_request(
        self, channel: paramiko.Channel, width: int, height: int, pixelwidth: int, pixelheight: int
    ) -> bool:
        self._size = (width, height)
        with self._lock:
            if self._terminal >= 0:
                set_size(self._terminal, width, height)
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        return self._run(channel, "")

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return self._run(channel, command.decode(errors="surrogateescape"))

    def _run(self, channel: paramiko.Channel, command: str) -> bool:
        if self._pid:
            return False
        shell = self._account.pw_shell or "/bin/sh"
        if Path(shell).name in SHELLS_THAT_REFUSE or not os.access(shell, os.X_OK):
            shell = "/bin/sh"
        arguments = [shell, "-c", command] if command else [f"-{Path(shell).name}"]
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            self._become(shell, arguments)
        terminal = self._terminal
        set_size(terminal, *self._size)
        # Two threads: output that nobody reads must not keep a Ctrl-C from arriving.
        typing = threading.Thread(target=self._carry_input, args=(channel, terminal), daemon=True)
        typing.start()
        threading.Thread(target=self._carry_output, args=(channel, terminal, typing), daemon=True).start()
        return True

    def _become(self, shell: str, arguments: list[str]) -> None:
        account = self._account
        environment = {
            "HOME": account.pw_dir,
            "USER": account.pw_name,
            "LOGNAME": account.pw_name,
            "SHELL": shell,
            "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            "TERM": self._term or "dumb",
            **self._environment,
        }
        try:
            os.chdir(account.pw_dir)
        except OSError:
            os.chdir("/")
        try:
            os.execve(shell, arguments, environment)  # noqa: S606 - a login shell is the point
        finally:
            os._exit(127)

    def _carry_input(self, channel: paramiko.Channel, terminal: int) -> None:
        with contextlib.suppress(OSError):
            while typed := channel.recv(65536):
                os.write(terminal, typed)

    def _carry_output(self, channel: paramiko.Channel, terminal: int, typing: threading.Thread) -> None:
        try:
            while not channel.closed:
                if select.select([terminal], [], [], 1)[0]:
                    channel.sendall(os.read(terminal, 65536))
        except OSError:
            # EIO: the last program on the terminal has ended. Anything else: the connection has.
            pass
        with self._lock:
            self._terminal = -1
        if channel.closed:
            # The person is gone: closing the terminal hangs up on what still runs there.
            typing.join(timeout=5)
            os.close(terminal)
            os.waitpid(self._pid, 0)
        else:
            self._say_how_it_ended(channel)
            typing.join(timeout=5)
            os.close(terminal)

    def _say_how_it_ended(self, channel: paramiko.Channel) -> None:
        _, status = os.waitpid(self._pid, 0)
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            if os.WIFEXITED(status):
                channel.send_exit_status(os.WEXITSTATUS(status))
            else:
                send_exit_signal(channel, signal.Signals(os.WTERMSIG(status)).name.removeprefix("SIG"))
            channel.close()


def send_exit_signal(channel: paramiko.Channel, name: str) -> None:
    """Send RFC 4254's "exit-signal", for which paramiko has no method."""
    message = paramiko.Message()
    message.add_byte(b"\x62")
    message.add_int(channel.remote_chanid)
    message.add_string("exit-signal")
    message.add_boolean(False)
    message.add_string(name)
    message.add_boolean(False)
    message.add_string("")
    message.add_string("")
    channel.transport._send_user_message(message)  # type: ignore[union-attr]  # noqa: SLF001 - see above


def serve(listener: socket.socket, host_key: paramiko.PKey, authorized: paramiko.PKey) -> None:
    """Accept connections until the listener is closed."""
    account = pwd.getpwuid(os.getuid())
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(
            target=converse, args=(connection, host_key, DemoSession(account, authorized)), daemon=True
        ).start()


def converse(connection: socket.socket, host_key: paramiko.PKey, session: DemoSession) -> None:
    transport = paramiko.Transport(connection)
    transport.add_server_key(host_key)
    transport.banner_timeout = transport.auth_timeout = HANDSHAKE_SECONDS
    try:
        transport.start_server(server=session)
        # Kept: a channel that nobody refers to is closed.
        channels = []
        while transport.is_active():
            channels.append(transport.accept(timeout=5))
    except (EOFError, OSError, paramiko.SSHException):
        pass
    finally:
        transport.close()


def main() -> None:
    directory, port = Path(sys.argv[1]), int(sys.argv[2])
    host_key = paramiko.Ed25519Key.from_private_key_file(str(directory / "host_key"))
    _, encoded = (directory / "authorized_keys").read_text().split()[:2]
    authorized = paramiko.PKey.from_type_string("ssh-ed25519", base64.b64decode(encoded))
    listener = socket.create_server(("127.0.0.1", port), backlog=16)
    # A shell that Python was told to ignore Ctrl-C or a broken pipe for would ignore them too.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    serve(listener, host_key, authorized)


if __name__ == "__main__":
    main()
