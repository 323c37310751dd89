"""The product's web process, in a thread of the test process, on the test's database."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from django.conf import settings

from bastion.web import listen, server_config


@contextmanager
def running_server() -> Iterator[int]:
    """Serve on a free loopback port; yield the port."""
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    settings.ALLOWED_ORIGINS.append(f"http://127.0.0.1:{port}")
    server = uvicorn.Server(server_config())
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="test-server", daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        if time.monotonic() > deadline or not thread.is_alive():
            raise RuntimeError("the web process did not start")
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(30)
        settings.ALLOWED_ORIGINS.remove(f"http://127.0.0.1:{port}")
        listener.close()
