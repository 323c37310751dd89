"""The real asciinema-player takes our index and segments, seeks in them, and shows the screen that was there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, Route, sync_playwright

from audit.events import Event, Exit, Output, Resize
from audit.models import Session
from audit.replay import replay_index, replay_segment
from tests.peers import miss, require_program
from tests.recordings import make_host, make_session, record_segments

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("valkey")]

BUNDLE = Path(__file__).parent.parent / "frontend/node_modules/asciinema-player/dist/bundle"
PAGE = """<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/asciinema-player.css">
<div id="player" style="width:900px"></div><script src="/asciinema-player.min.js"></script>
<script>
  window.problems = [];
  window.addEventListener("unhandledrejection", event => window.problems.push(String(event.reason)));
  const logger = Object.fromEntries(["log", "debug", "info", "warn", "error"].map(name =>
    [name, (...args) => ["warn", "error"].includes(name) && window.problems.push(args.join(" "))]));
  window.open_player = options => {
    window.player = AsciinemaPlayer.create({url: "/sessions/1/replay.json", format: "segmented"},
      document.getElementById("player"), {preload: true, logger, terminalFontFamily: "monospace", ...options});
  };
  window.screen_text = () => [...document.querySelectorAll(".ap-line")].map(line => line.textContent.trimEnd());
</script>"""


@contextmanager
def browser_page() -> Iterator[Page]:
    """Open a page. Playwright's loop takes over the thread: what needs the database must be computed before."""
    if not BUNDLE.is_dir():
        miss("the frontend's packages are not installed (make frontend)")
    chromium = require_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


class Served:
    """What the API would answer for a session, computed before the browser asks, and what it asked for."""

    def __init__(self, session: Session, idle: Any) -> None:
        self.index = replay_index(session, idle)
        self.files = {"/sessions/1/replay.json": orjson.dumps(self.index)}
        for n in range(len(self.index["segments"])):
            self.files[f"/sessions/1/segments/{n}.json"] = replay_segment(session, n, idle)
        self.asked: list[str] = []

    def answer(self, route: Route) -> None:
        path = route.request.url.removeprefix("http://replay.test").partition("?")[0]
        if path == "/":
            route.fulfill(body=PAGE, content_type="text/html")
        elif path in self.files:
            self.asked.append(path)
            route.fulfill(body=self.files[path], content_type="application/json")
        elif (BUNDLE / path[1:]).is_file():
            route.fulfill(path=BUNDLE / path[1:])
        else:
            route.fulfill(status=404)

    def open(self, page: Page, **options: Any) -> float:
        page.unroute("**/*")
        page.route("**/*", self.answer)
        page.goto("http://replay.test/")
        page.evaluate("options => open_player(options)", options)
        page.wait_for_function("typeof player.getDuration() === 'number' || problems.length", timeout=10_000)
        duration: float = page.evaluate("player.getDuration()")
        return duration


def seek(page: Page, t: float, expected: str) -> list[str]:
    """Seek and return the screen once it shows `expected`."""
    page.evaluate("t => player.seek(t)", t)
    page.wait_for_function("text => screen_text().some(line => line.includes(text))", arg=expected, timeout=5000)
    lines: list[str] = page.evaluate("screen_text()")
    return lines


def problems(page: Page) -> list[str]:
    found: list[str] = page.evaluate("window.problems")
    return found


def long_session() -> list[list[Event]]:
    """Forty segments: a shell, an editor on the alternate screen for most of it, a resize, wide characters."""
    editor = "\x1b[?1049h\x1b[2J\x1b[H~ 你好 🚀 editor"
    steps: list[list[Event]] = [
        [Output(n * 30.0 + i / 7, f"\x1b[3;1H\x1b[2Kstep {n}.{i}") for i in range(5)] for n in range(1, 38)
    ]
    return [
        [Output(0.1, "$ vim 世界.txt\r\n"), Output(0.2, editor)],
        *steps,
        [Resize(1140.0, 100, 30), Output(1140.5, "\x1b[5;1Hresized")],
        [Output(1170.0, "\x1b[?1049l$ exit\r\n"), Output(1170.1, "logout"), Exit(1170.2, 0)],
    ]


@pytest.fixture
def session(bob: User) -> Session:
    session = make_session(bob, make_host())
    record_segments(session, *long_session())
    return session


@pytest.mark.parametrize("idle", ["keep", "skip"])
def test_the_player_seeks_to_the_right_screen_with_one_segment(session: Session, idle: str) -> None:
    served = Served(session, idle)
    starts = [part["start"] for part in served.index["segments"]]
    with browser_page() as page:
        assert served.open(page) == served.index["duration"]
        served.asked.clear()
        lines = seek(page, starts[20] + 0.30, "step 20.2")
        assert lines[0].startswith("~ 你好 🚀 editor")
        # The segment that was asked for, and perhaps its neighbour for playing on.
        assert set(served.asked) <= {f"/sessions/1/segments/{n}.json" for n in (19, 20, 21)}
        seek(page, starts[38] + 0.6, "resized")
        lines = seek(page, served.index["duration"], "logout")
        assert lines[0] == "$ vim 世界.txt"
        assert seek(page, starts[1] + 0.01, "step 1.0")[0].startswith("~ 你好")
        assert problems(page) == []


def test_the_player_plays_across_segments_to_the_end(session: Session) -> None:
    served = Served(session, "skip")
    with browser_page() as page:
        served.open(page, speed=200)
        page.evaluate("window.ended = false; player.addEventListener('ended', () => { ended = true; }); player.play()")
        page.wait_for_function("window.ended", timeout=20_000)
        assert any("logout" in line for line in page.evaluate("screen_text()"))
        assert len(set(served.asked)) == 41
        assert problems(page) == []


ODD_ONES: dict[str, list[list[Event]]] = {
    "nothing": [],
    "one moment": [[Output(0.0, "all at once")]],
    "three at zero": [[Output(0.0, "a")], [Output(0.0, "b")], [Exit(0.0, 0)]],
    "equal starts": [[Output(5.0, "a")], [Output(5.0, "b")], [Output(5.0, "c"), Output(65.0, "d")], [Exit(65.0, 0)]],
    "float noise": [[Output(0.1 + 0.2, "a"), Output(1.1 * 3, "b")], [Output(1.1 * 3, "c")], [Output(8.7000001, "d")]],
    "only an exit": [[Exit(3.0, 1)]],
    "days": [[Output(0.0, "a")], [Output(864_000.123457, "b")], [Output(864_000.123458, "c")]],
}


def test_the_player_accepts_the_odd_ones(bob: User) -> None:
    served = {}
    for name, segments in ODD_ONES.items():
        session = make_session(bob, make_host())
        record_segments(session, *segments)
        for idle in ("keep", "skip"):
            served[f"{name}, {idle}"] = Served(session, idle)
    with browser_page() as page:
        for name, one in served.items():
            assert one.open(page) == one.index["duration"], name
            page.evaluate("player.seek('100%')")
            page.evaluate("player.seek(0)")
            assert problems(page) == [], name


def test_the_player_takes_large_output_and_a_crowded_screen(bob: User) -> None:
    colourful = "".join(f"\x1b[38;2;{n % 256};{n // 256};7m世" for n in range(5_000))
    session = make_session(bob, make_host())
    record_segments(session, [Output(0.1, "x" * 200_000), Output(0.2, colourful)], [Output(30.0, "\x1b[m\r\nthere")])
    served = Served(session, "keep")
    with browser_page() as page:
        served.open(page)
        assert any("x" * 80 in line for line in seek(page, 0.15, "x"))
        assert any("世" * 40 in line for line in seek(page, 30.0, "there"))
        assert problems(page) == []
