"""A person's way through the whole product, in a real browser: sign in, work, replay, find, and be kept out.

The product runs as `make run` starts it, demo host included; its worker indexes what was recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Troubles, chromium_browser, open_page, sign_in  # noqa: F401 a fixture
from tests.peers import require_program
from tests.running_product import Product, product, short_directory

pytestmark = [pytest.mark.browser, pytest.mark.peer]

PASSWORD = "correct horse battery staple"
# Closing, storing and indexing a segment, on a machine that is busy testing.
INDEXED_WITHIN = 40_000


@pytest.fixture(scope="module")
def running() -> Iterator[Product]:
    settings = {"BASTION_ADMIN_PASSWORD": PASSWORD, "BASTION_SEGMENT_SECONDS": "2"}
    with short_directory() as directory, product(directory, "--demo-host", **settings) as started:
        started.wait_until_ready()
        yield started


@pytest.fixture
def port(running: Product) -> int:
    return urlsplit(running.url).port or 0


def run_in_terminal(page: Page, line: str, shows: str | re.Pattern[str]) -> None:
    page.keyboard.type(line + "\n")
    expect(page.locator(".xterm-rows")).to_contain_text(shows, timeout=20_000)


def work(page: Page) -> None:
    """Open the demo host's terminal, run a few things, change the window in the middle of vim, and leave."""
    page.get_by_role("link", name=re.compile("^Connect")).or_(
        page.get_by_role("button", name=re.compile("^Connect"))
    ).first.click()
    expect(page.get_by_text("Recording", exact=False).first).to_be_visible(timeout=20_000)
    expect(page.locator(".xterm-rows")).to_contain_text(re.compile(r"[$#%>] *$"), timeout=20_000)
    run_in_terminal(page, "echo first-$((40+2))-你好-👩‍🚀", "first-42-你好")
    page.keyboard.type("vim -u NONE needle.txt\n")
    expect(page.locator(".xterm-rows")).to_contain_text("~")
    page.keyboard.type("itext in vim, 中文")
    page.set_viewport_size({"width": 900, "height": 600})
    expect(page.locator(".xterm-rows")).to_contain_text("text in vim, 中文")
    page.keyboard.press("Escape")
    page.keyboard.type(":q!\n")
    page.set_viewport_size({"width": 1280, "height": 900})
    run_in_terminal(page, "", re.compile(r"[$#%>] *$"))
    run_in_terminal(page, "seq 1 200000 | tail -n 1; echo last-$((1+1))", "last-2")
    page.keyboard.type("exit\n")
    expect(page.get_by_text("Session ended").first).to_be_visible()


def test_a_session_is_worked_in_replayed_and_found(chromium: Browser, port: int) -> None:
    require_program("vim")
    troubles = Troubles()
    with open_page(chromium, port, troubles=troubles) as page:
        sign_in(page, "admin", PASSWORD)
        work(page)

        page.get_by_role("link", name="Open replay").or_(page.get_by_role("button", name="Open replay")).first.click()
        expect(page).to_have_url(re.compile(r"/sessions/[0-9a-f-]{36}"))
        session_path = urlsplit(page.url).path
        command = page.get_by_label("Commands").get_by_text("seq 1 200000")
        expect(command).to_be_visible(timeout=INDEXED_WITHIN)
        expect(page.get_by_text("Sealed").first).to_be_visible(timeout=INDEXED_WITHIN)

        page.reload()
        command.click()
        expect(page.locator(".ap-terminal, .ap-term").first).to_be_visible()
        page.get_by_role("button", name="Play").click()
        expect(page.get_by_role("button", name="Pause").or_(page.get_by_role("button", name="Play"))).to_be_visible()

        page.goto("/search?q=first-42")
        hit = page.get_by_role("link", name=re.compile("first-42")).first
        expect(hit).to_be_visible(timeout=INDEXED_WITHIN)
        hit.click()
        expect(page).to_have_url(re.compile(re.escape(session_path) + r"#t=\d"))
        expect(page.locator(".ap-terminal, .ap-term").first).to_be_visible()
    assert troubles.found == []


def test_who_has_no_grant_sees_nothing_and_finds_nothing(chromium: Browser, port: int) -> None:
    with open_page(chromium, port) as page:
        sign_in(page, "admin", PASSWORD)
        sessions = page.request.get("/api/v1/sessions/").json()["results"]
        token = next(cookie["value"] for cookie in page.context.cookies() if "csrf" in cookie["name"])
        made = page.request.post(
            "/api/v1/users/",
            data={"name": "mallory", "password": PASSWORD + " too"},
            headers={"X-CSRFToken": token, "Origin": f"http://127.0.0.1:{port}"},
        )
        assert made.status == 201, made.text()

    with open_page(chromium, port) as page:
        sign_in(page, "mallory", PASSWORD + " too")
        expect(page.get_by_text("No host is open to you yet.")).to_be_visible()
        page.goto("/sessions")
        expect(page.get_by_text("No sessions yet", exact=False)).to_be_visible()
        page.goto("/search?q=first-42")
        expect(page.get_by_text("Nothing was found", exact=False)).to_be_visible()
        for session in sessions:
            answer = page.goto(f"/sessions/{session['id']}")
            assert answer is not None
            assert answer.status == 404
        answer = page.goto("/sessions/00000000-0000-4000-8000-000000000000")
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_text("does not exist, or you have no access", exact=False)).to_be_visible()
