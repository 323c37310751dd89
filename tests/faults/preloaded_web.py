"""Web processes that start quickly, to be killed often: `python -m tests.faults.preloaded_web FD`.

Everything is imported once; for each line on standard input a fork becomes a web process on the listening socket FD,
just as `python -m bastion.web --fd FD` would, and its pid is printed. It ends when its input does, its children do not.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys

import django


def serve(descriptor: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")
    django.setup()
    # Django has to be set up before these can be imported.
    from bastion import asgi, web  # noqa: F401, PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # So that a process that hangs can be asked where.
    faulthandler.register(signal.SIGUSR2)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            web.main(["--fd", descriptor])
            os._exit(0)
        print(pid, flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    serve(sys.argv[1])
