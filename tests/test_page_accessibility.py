"""Every page meets WCAG 2.2 A and AA as far as axe-core can tell, in both schemes, wide and narrow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from audit.indexing.indexer import index_session
from audit.models import LegalHold, RetentionPolicy
from audit.retention.deletion import delete_by_order
from hosts.credentials import store_secret
from hosts.models import Credential, Grant, Host, HostGroup, HostKey
from tests.browser import Troubles, chromium_browser, open_page, settle, sign_in  # noqa: F401 a fixture
from tests.conftest import PASSWORD
from tests.evidence import seal
from tests.peers import miss

pytestmark = pytest.mark.browser

AXE = settings.BASE_DIR / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PAGES = (
    "/hosts",
    "/terminals",
    "/sessions",
    "/search",
    "/audit?after=",
    "/admin/hosts",
    "/admin/host-groups",
    "/admin/credentials",
    "/admin/grants",
    "/admin/users",
    "/admin/groups",
    "/admin/retention",
    "/admin/legal-holds?active=",
    "/admin/evidence",
    "/settings",
    "/settings/language",
    "/settings/terminal",
    "/settings/password",
    "/settings/tokens",
)
LOOKS = [("light", 1280), ("dark", 1280), ("dark", 480)]


@pytest.fixture
def inventory(alice: User, bob: User) -> Host:
    """One of each kind, in the states that have looks of their own."""
    operators = Group.objects.create(name="operators")
    operators.user_set.add(bob)
    group = HostGroup.objects.create(name="prod", notes="Behind the balancer")
    credential = Credential(name="deploy", username="deploy", kind=Credential.Kind.PASSWORD)
    store_secret(credential, "not used here")
    credential.save()
    host = Host.objects.create(name="web-01", address="10.0.3.11", credential=credential, labels={"env": "prod"})
    host.groups.add(group)
    HostKey.objects.create(host=host, algorithm="ssh-ed25519", fingerprint="SHA256:" + "A" * 43, source="scan")
    Host.objects.create(name="web-02", address="10.0.3.12", enabled=False)
    now = timezone.now()
    Grant.objects.create(
        user=alice, host=host, connect=True, audit=True, valid_from=now, valid_until=now + timedelta(minutes=9)
    )
    Grant.objects.create(group=operators, host_group=group, connect=True, valid_from=now + timedelta(days=1))
    RetentionPolicy.objects.create(host_group=group, days=30)
    LegalHold.objects.create(user=bob, reason="Case 2041", owner_name="alice")
    LegalHold.objects.create(
        host=host, reason="Case 2042", owner_name="alice", released_at=now, released_by_name="carol"
    )
    return host


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_no_page_has_a_violation_or_an_error(
    server: int, chromium: Browser, inventory: Host, alice: User, scheme: str, width: int
) -> None:
    troubles = Troubles()
    violations: list[str] = []
    with open_page(chromium, server, scheme=scheme, width=width, troubles=troubles) as page:
        page.goto("/signin")
        settle(page)
        violations += check(page, "/signin")
        sign_in(page, alice.username, PASSWORD)
        for address in PAGES:
            page.goto(address)
            settle(page)
            violations += check(page, address)
    assert violations == []
    assert troubles.found == []


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_page_of_a_recording_has_no_violation_whatever_its_state(
    server: int, chromium: Browser, inventory: Host, alice: User, bob: User, scheme: str, width: int
) -> None:
    with_gap = seal(bob, inventory, has_gaps=True, gaps=[[0.0, 20.0, "the first line of this recording was damaged"]])
    sound, deleted = seal(bob, inventory), seal(alice, inventory)
    for session in (with_gap, sound):
        index_session(session.pk)
    delete_by_order(deleted.pk, "the customer left", "alice")
    violations: list[str] = []
    with open_page(chromium, server, scheme=scheme, width=width) as page:
        sign_in(page, alice.username, PASSWORD)
        for name, session in (("gap", with_gap), ("sound", sound), ("deleted", deleted)):
            page.goto(f"/sessions/{session.pk}")
            page.get_by_role("button", name="Verify", exact=True).click()
            expect(page.get_by_role("tabpanel", name="Proof").get_by_text("Segments checked")).to_be_visible()
            settle(page)
            violations += check(page, name)
        page.goto("/sessions")
        settle(page)
        violations += check(page, "sessions in all states")
    assert violations == []


def test_no_form_or_menu_has_a_violation(server: int, chromium: Browser, inventory: Host, alice: User) -> None:
    violations: list[str] = []
    troubles = Troubles()
    with open_page(chromium, server, scheme="dark", troubles=troubles) as page:
        sign_in(page, alice.username, PASSWORD)
        for address, button, shown in (
            ("/admin/hosts", "New host", "Encoding of the terminal"),
            ("/admin/credentials", "New credential", "Account"),
            ("/admin/grants", "New grant", "Reason"),
            ("/admin/users", "New user", "Full name"),
            ("/admin/retention", "New policy", "Days"),
            ("/admin/legal-holds", "Place hold", "Reason"),
            ("/settings/tokens", "New token", "Valid for"),
        ):
            page.goto(address)
            page.get_by_role("button", name=button).first.click()
            expect(page.get_by_role("dialog").get_by_label(shown)).to_be_visible()
            violations += check(page, f"{address}: {button}")
        page.goto("/admin/hosts")
        page.get_by_role("button", name="More about web-01").click()
        expect(page.get_by_role("menu")).to_be_visible()
        violations += check(page, "menu of a host")
        page.get_by_role("menuitem", name="Host keys").click()
        expect(page.get_by_role("heading", name="Paste a key")).to_be_visible()
        violations += check(page, "host keys")
        page.goto("/hosts")
        settle(page)
        # A key that is pressed before the page listens is lost.
        expect(page.get_by_role("button", name="web-01", exact=True)).to_be_visible()
        page.keyboard.press("Control+k")
        expect(page.get_by_role("dialog").get_by_role("textbox")).to_be_focused()
        page.keyboard.type("web")
        expect(page.get_by_text("Search “web” in all recordings")).to_be_visible()
        violations += check(page, "palette")
    assert violations == []
    assert troubles.found == []


def check(page: Page, name: str) -> list[str]:
    """Return what axe-core finds, one line for each element."""
    if not AXE.exists():
        miss("the frontend's packages are not installed")
    page.evaluate(AXE.read_text())
    result: dict[str, Any] = page.evaluate("levels => axe.run(document, {runOnly: levels})", LEVELS)
    return [
        f"{name}: {violation['id']}: {node['html'][:200]}: {node['failureSummary'][:300]}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]
