"""A real Chromium and what every test of a page does with it. Import the fixtures that a module uses."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.peers import find_program, miss

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A refusal of the policy becomes an error on the console, where Troubles finds it.
_REPORT_REFUSALS = """document.addEventListener('securitypolicyviolation', (event) =>
    console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI || event.sample}`))"""


@dataclass
class Troubles:
    """What the page complained about; requests that a test expects to fail are left out by address."""

    found: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        address = message.location.get("url", "") if message.text.startswith("Failed to load resource") else ""
        # Signing out and failing to sign in are answered with 4xx by design.
        if "/_allauth/" not in address:
            self.found.append(f"{message.text} {address}".strip())


@pytest.fixture(name="chromium")
def chromium_browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """A browser for one test. Needs a built frontend and Chromium."""
    if not (settings.FRONTEND_DIST / "manifest.json").exists():
        miss("the frontend is not built")
    program = find_program("chromium") or shutil.which("chromium-browser") or miss("chromium is not installed")
    # Playwright's loop runs in this thread, which is where tests use the database too.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def open_page(
    browser: Browser,
    port: int,
    *,
    scheme: str = "light",
    width: int = 1280,
    language: str = "en-GB",
    troubles: Troubles | None = None,
) -> Iterator[Page]:
    """A page of its own context, without animations; what it complains about goes into `troubles`."""
    context = browser.new_context(
        base_url=f"http://127.0.0.1:{port}",
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 900},
        locale=language,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.add_init_script(_REPORT_REFUSALS)
    if troubles is not None:
        page.on("console", troubles.note)
        page.on("pageerror", lambda error: troubles.found.append(str(error)))
    yield page
    context.close()


def sign_in(page: Page, name: str, password: str) -> None:
    """Sign in, accept the notice, and arrive at the hosts. The page speaks English."""
    page.goto("/signin")
    page.get_by_role("textbox", name="User name").fill(name)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="I understand, go on").click()
    expect(page.get_by_role("heading", name="Hosts")).to_be_visible()


def settle(page: Page) -> None:
    """Wait until the page has fetched what it shows."""
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("status", name="Loading")).to_have_count(0)
