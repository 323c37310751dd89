"""replay.html: one file that plays from the disk, shows whose it is, and lets nothing out that a terminal printed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from audit.events import Event, Exit, Marker, Output, Resize
from audit.export.offline import replay_page
from audit.models import Session
from tests.browser import Troubles, chromium_browser  # noqa: F401 a fixture
from tests.evidence import seal
from tests.peers import miss
from tests.recordings import make_host

pytestmark = pytest.mark.usefixtures("valkey")

HOSTILE = "</script><!--<script>\u2028\u2029]]><img src=x onerror=alert(1)>\x1b]0;x\x07&lt;"
EVENTS: list[list[Event]] = [
    [Output(0.2, "\x1b[1;32mbob@web-01\x1b[0m:~$ "), Output(1.0, "cat \u4e16\u754c.txt\r\n"), Output(1.2, HOSTILE)],
    [Marker(31.0, HOSTILE), Resize(31.5, 100, 30), Output(32.0, "\r\nthe end of it\r\n"), Exit(33.0, 0)],
]


@pytest.fixture(autouse=True)
def _built() -> None:
    if not (settings.FRONTEND_DIST / "offline").is_dir():
        miss("the frontend is not built")


@pytest.fixture
def session(bob: User) -> Session:
    return seal(bob, make_host("web-01"), EVENTS)


def page_of(session: Session, path: Path) -> Path:
    path.write_bytes(b"".join(replay_page(session, with_input=True)))
    return path


class Outline(HTMLParser):
    """Which elements there are, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_nothing_that_was_printed_or_named_becomes_part_of_the_page(bob: User, tmp_path: Path) -> None:
    plain = Outline(page_of(seal(bob, segments=[[Output(0.1, "x")]]), tmp_path / "plain.html").read_text())
    session = seal(bob, segments=EVENTS, end_detail=HOSTILE, account=HOSTILE[:60])
    session.host_name = session.user_name = HOSTILE[:60]
    text = page_of(session, tmp_path / "hostile.html").read_text()
    assert [tag for tag, _ in Outline(text).elements] == [tag for tag, _ in plain.elements]
    data = text.partition('id="recording">\n')[2].partition("</script>")[0]
    assert not set(data) & set("<>&\u2028\u2029")
    events = [orjson.loads(line) for line in data.splitlines()[1:]]
    assert [0.2, "o", EVENTS[0][0].text] in events  # type: ignore[union-attr]
    assert [1.2, "o", HOSTILE] in events


def test_the_page_loads_nothing_and_allows_nothing_but_itself(session: Session, tmp_path: Path) -> None:
    text = page_of(session, tmp_path / "replay.html").read_text()
    outline = Outline(text)
    policy = next(attrs["content"] for _, attrs in outline.elements if "http-equiv" in attrs)
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert not [tag for tag, attrs in outline.elements if {"src", "href", "style", "onclick"} & set(attrs)]
    assert not [tag for tag, _ in outline.elements if tag in {"link", "iframe", "img", "base", "object"}]


def open_file(browser: Browser, path: Path, troubles: Troubles, scheme: str = "light") -> Page:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', (event) =>"
        " console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
    )
    page.on("console", troubles.note)
    page.on("pageerror", lambda error: troubles.found.append(str(error)))
    page.on("request", lambda request: troubles.found.append(request.url) if request.url[:5] != "file:" else None)
    page.goto(path.as_uri())
    return page


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_the_disk_and_plays(chromium: Browser, session: Session, tmp_path: Path, scheme: str) -> None:
    troubles = Troubles()
    page = open_file(chromium, page_of(session, tmp_path / "replay.html"), troubles, scheme)
    expect(page.get_by_role("heading", name="bob on web-01")).to_be_visible()
    expect(page.get_by_text("Sealed", exact=True)).to_be_visible()
    expect(page.get_by_text(str(session.pk))).to_be_visible()
    # The silence between the segments is cut to two seconds, so that the whole of it lasts some six.
    page.locator(".ap-player").click()
    expect(page.locator(".ap-term")).to_contain_text("the end of it", timeout=20_000)
    assert "alert(1)" in page.locator(".ap-term").inner_text()
    page.screenshot(path=tmp_path / f"{scheme}.png")
    assert troubles.found == []
    page.context.close()


@pytest.mark.browser
def test_a_recording_of_nothing_says_so(chromium: Browser, bob: User, tmp_path: Path) -> None:
    troubles = Troubles()
    page = open_file(chromium, page_of(seal(bob, segments=()), tmp_path / "replay.html"), troubles)
    expect(page.get_by_text("Nothing was on the terminal")).to_be_visible()
    assert troubles.found == []
    page.context.close()


@pytest.mark.browser
def test_what_cannot_be_played_is_said_in_words(chromium: Browser, session: Session, tmp_path: Path) -> None:
    path = page_of(session, tmp_path / "replay.html")
    text = path.read_text()
    # A browser without WebAssembly: the policy of a copy that was changed does not allow it any more.
    path.write_text(re.sub(" 'wasm-unsafe-eval'", "", text))
    page = open_file(chromium, path, Troubles())
    expect(page.get_by_text("This browser cannot play the recording")).to_be_visible()
    page.context.close()
