"""The REST API as an administrator's browser and an auditor's program use it, over HTTP."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import Any

CSRF_COOKIE = "bastion-csrf"
PATIENCE_SECONDS = 60.0
# What is answered with an error, again and again, is broken.
ERROR_SECONDS = 5.0


class Gateway:
    """Asks again while nobody answers: processes are being killed. `token` is for reading, the browser for changing."""

    def __init__(self, port: int, token: str = "") -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._token = token
        self._cookies = CookieJar()
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))

    def sign_in(self, name: str, password: str) -> None:
        self._change("GET", "/api/v1/instance/")
        self._change("POST", "/_allauth/browser/v1/auth/login", {"username": name, "password": password})
        self._change("POST", "/api/v1/me/notice/")

    def change(self, method: str, path: str, body: Any = None) -> Any:
        """Do what only a browser may. Raises OSError: whether it was done is then unknown."""
        return self._change(method, f"/api/v1/{path}", body)

    def read(self, path: str) -> bytes:
        """Return a body. Raises urllib.error.HTTPError, TimeoutError."""
        begun = time.monotonic()
        while True:
            request = urllib.request.Request(f"{self._base}/api/v1/{path}")  # noqa: S310 - loopback
            request.add_header("Authorization", f"Bearer {self._token}")
            try:
                with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
                    body: bytes = response.read()
                    return body
            except urllib.error.HTTPError as error:
                if error.code < 500 or time.monotonic() - begun > ERROR_SECONDS:
                    raise
                error.close()
            except http.client.IncompleteRead:
                if time.monotonic() - begun > ERROR_SECONDS:
                    raise
            except (OSError, http.client.HTTPException):
                if time.monotonic() - begun > PATIENCE_SECONDS:
                    raise
            time.sleep(0.2)

    def json(self, path: str) -> Any:
        return json.loads(self.read(path))

    def lines(self, path: str) -> Iterator[Any]:
        """Return a whole list, line by line."""
        return map(json.loads, self.read(path).splitlines())

    def _change(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, method=method)  # noqa: S310
        request.add_header("Content-Type", "application/json")
        tokens = [str(cookie.value) for cookie in self._cookies if cookie.name == CSRF_COOKIE]
        request.add_header("X-CSRFToken", tokens[0] if tokens else "")
        with self._browser.open(request, timeout=10) as response:
            text = response.read()
        return json.loads(text) if text else None
