"""What the player asks of the server for one long recording, and what it makes of the answers: runs in the product."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, Route, sync_playwright

from audit.indexing.screen import Screen
from audit.models import Session
from hosts.models import Grant
from hosts.tokens import create_token

BUNDLE = Path(__file__).absolute().parent.parent / "frontend/node_modules/asciinema-player/dist/bundle"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--enable-precise-memory-info")
ORIGIN = "http://127.0.0.1"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/asciinema-player.css">
<div id="player" style="width:1200px"></div><script src="/asciinema-player.min.js"></script>
<script>
  window.screen_text = () => [...document.querySelectorAll(".ap-line")].map(line => line.textContent.trimEnd());
  window.open_player = url => {
    window.player = AsciinemaPlayer.create({url, format: "segmented"}, document.getElementById("player"),
      {preload: true, terminalFontFamily: "monospace"});
  };
</script>"""
SEEK_SECONDS = 30


def serve(session_id: str, rounds: int) -> dict[str, Any]:
    """Ask for the index and for segments anywhere, as seeks do; return milliseconds, bytes and memory."""
    client, base = _client(session_id)
    memory = psutil.Process().memory_info().rss
    index_ms, index = zip(
        *(_get(client, f"{base}/replay.json?idle=keep") for _ in range(max(5, rounds // 10))), strict=True
    )
    parts = json.loads(index[0])["segments"]
    choose = random.Random(3)  # noqa: S311 - nothing secret
    taken, sizes = [], []
    for _ in range(rounds):
        ms, content = _get(client, f"{base}/{choose.choice(parts)['url']}")
        taken.append(ms)
        sizes.append(len(content))
    return {
        "segments": len(parts),
        "index_ms_p50": round(statistics.median(index_ms), 1),
        "index_kB": len(index[0]) // 1000,
        "seek_ms_p50": round(statistics.median(taken), 1),
        "seek_ms_p95": round(statistics.quantiles(taken, n=100)[94], 1),
        "segment_kB_p50": round(statistics.median(sizes) / 1000),
        "segment_kB_most": max(sizes) // 1000,
        "memory_growth_MB": (psutil.Process().memory_info().rss - memory) // 2**20,
    }


def play(session_id: str, seeks: int) -> dict[str, Any]:
    """Open the player in Chromium, play, and seek; the server answers from within this process."""
    # Playwright's loop runs in this thread, which is where the database is used, too.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    client, base = _client(session_id)
    index = json.loads(_get(client, f"{base}/replay.json?idle=keep")[1])
    asked: list[tuple[str, int]] = []

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(ORIGIN)
        if path == "/":
            route.fulfill(body=PAGE, content_type="text/html")
        elif path.startswith("/api/"):
            _, content = _get(client, path)
            asked.append((path, len(content)))
            route.fulfill(body=content, content_type="application/json")
        elif (file := BUNDLE / path[1:]).is_file():
            route.fulfill(path=file)
        else:
            route.fulfill(status=404)

    with _browser_page() as page:
        page.route("**/*", answer)
        page.goto(f"{ORIGIN}/")
        began = time.perf_counter()
        page.evaluate("url => { open_player(url); player.play() }", f"{base}/replay.json?idle=keep")
        page.wait_for_function("screen_text().some(line => line)")
        first_frame = time.perf_counter() - began
        page.evaluate("player.pause()")
        page.wait_for_timeout(500)
        opened = sum(size for _, size in asked)
        moments = [round(index["duration"] * share, 3) for share in _shares(seeks)]
        timed = [_seek(page, t, _screen_at(client, base, index, t), asked) for t in moments]
        heap = page.evaluate("performance.memory.usedJSHeapSize")
    seconds = [each["seconds"] for each in timed]
    return {
        "first_frame_ms": round(first_frame * 1000),
        "opened_kB": opened // 1000,
        "seek_to_screen_ms_p50": round(statistics.median(seconds) * 1000),
        "seek_to_screen_ms_most": round(max(seconds) * 1000),
        "segments_fetched_most": max(each["segments"] for each in timed),
        "fetched_kB_most": max(each["bytes"] for each in timed) // 1000,
        "heap_MB": round(heap / 2**20, 1),
    }


def _shares(count: int) -> list[float]:
    choose = random.Random(9)  # noqa: S311 - nothing secret
    return [0.5, *(choose.uniform(0.05, 0.95) for _ in range(count - 1))]


def _seek(page: Page, t: float, expected: list[str], asked: list[tuple[str, int]]) -> dict[str, Any]:
    """Seek; wait until the screen of that moment is there, whole."""
    asked.clear()
    began = time.perf_counter()
    page.evaluate("t => { player.seek(t) }", t)
    page.wait_for_function(
        "expected => JSON.stringify(screen_text().slice(0, expected.length)) === JSON.stringify(expected)",
        arg=expected,
        timeout=SEEK_SECONDS * 1000,
    )
    seconds = time.perf_counter() - began
    # Whether it goes on fetching what is beside it.
    page.wait_for_timeout(500)
    return {"seconds": seconds, "segments": len(asked), "bytes": sum(size for _, size in asked)}


def _screen_at(client: Client, base: str, index: dict[str, Any], t: float) -> list[str]:
    n = max(n for n, part in enumerate(index["segments"]) if part["start"] <= t)
    segment = json.loads(_get(client, f"{base}/{index['segments'][n]['url']}")[1])
    screen = Screen(segment["snapshot"]["cols"], segment["snapshot"]["rows"])
    screen.feed(segment["snapshot"]["init"])
    for at, code, data in segment["events"]:
        if at <= t and code == "o":
            screen.feed(data)
    return [screen.row(row)[0].rstrip() for row in range(screen.size[1])]


def _client(session_id: str) -> tuple[Client, str]:
    """Return a client of somebody who may see the recording, and the recording's address."""
    session = Session.objects.get(pk=UUID(session_id))
    carol, _ = User.objects.get_or_create(username="carol")
    if not Grant.objects.filter(user=carol, host=session.host).exists():
        Grant.objects.create(user=carol, host=session.host, audit=True, valid_from=timezone.now())
    _, token = create_token(carol, "bench", ("read", "audit"), 1)
    authorization = f"Bearer {token.reveal().decode()}"
    return Client(SERVER_NAME="127.0.0.1", HTTP_AUTHORIZATION=authorization), f"/api/v1/sessions/{session_id}"


def _get(client: Client, path: str) -> tuple[float, bytes]:
    """Return milliseconds and the answer."""
    began = time.perf_counter()
    answer = client.get(path)
    taken = (time.perf_counter() - began) * 1000
    if answer.status_code != 200:  # noqa: PLR2004 - OK
        raise RuntimeError(f"{path}: {answer.status_code} {answer.content[:200]!r}")
    return taken, bytes(answer.content)


@contextmanager
def _browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser.new_page(viewport={"width": 1280, "height": 1000})
        browser.close()
