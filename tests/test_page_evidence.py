"""What pages say about how far a recording can be relied on, and what people do about it there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, WebSocketRoute, expect
from pytest_django.fixtures import Settings

from audit.indexing.indexer import index_session
from audit.models import AuditEvent, LegalHold, RetentionPolicy, Segment, Session
from audit.retention.deletion import delete_by_order
from hosts.access import Action
from hosts.models import Grant, Host
from tests.browser import chromium_browser, open_page, sign_in  # noqa: F401 a fixture
from tests.conftest import PASSWORD
from tests.evidence import seal, sign_ledger
from tests.kept_recordings import keep_recording
from tests.recordings import make_grant, make_host

pytestmark = pytest.mark.browser


@pytest.fixture
def host(transactional_db: None) -> Host:
    return make_host("web-01")


@pytest.fixture
def audited(carol: User, host: Host) -> Grant:
    """Carol may replay everything on web-01, and take nothing away."""
    return make_grant(carol, host, Action.AUDIT)


@pytest.fixture
def page(server: int, chromium: Browser, carol: User, audited: Grant) -> Iterator[Page]:
    with open_page(chromium, server) as page:
        sign_in(page, "carol", PASSWORD)
        yield page


@pytest.fixture
def admin_page(server: int, chromium: Browser, alice: User) -> Iterator[Page]:
    with open_page(chromium, server) as page:
        sign_in(page, "alice", PASSWORD)
        yield page


def sealed(bob: User, host: Host, **facts: object) -> Session:
    session = seal(bob, host, **facts)  # type: ignore[arg-type]
    index_session(session.pk)
    return session


def open_replay(page: Page, session: Session) -> None:
    page.goto(f"/sessions/{session.pk}")
    expect(page.get_by_role("heading", name="bob → web-01")).to_be_visible()


def verify(page: Page) -> None:
    page.get_by_role("button", name="Verify", exact=True).click()


def badges(page: Page, word: str) -> int:
    return page.get_by_text(word, exact=True).count()


def test_a_recording_is_called_verified_only_after_a_check(page: Page, bob: User, host: Host) -> None:
    session = sealed(bob, host)
    open_replay(page, session)
    assert badges(page, "Sealed") == 1
    page.keyboard.press("v")
    expect(page.get_by_role("status").get_by_text("3 of 3 segments match the signed seal")).to_be_visible()
    expect(page.get_by_text("Sealed and verified", exact=True).first).to_be_visible()
    assert AuditEvent.objects.filter(action="recording.verified", session_id=session.pk).count() == 1
    page.get_by_role("link", name="Sessions").first.click()
    expect(page.get_by_role("table", name="Sessions")).to_contain_text("Sealed and verified")


def test_a_check_says_which_part_was_altered_and_when_that_was(page: Page, bob: User, host: Host) -> None:
    session = sealed(bob, host)
    alter(session, 1)
    open_replay(page, session)
    verify(page)
    expect(page.get_by_role("alert").first).to_have_text(re.compile(r"Altered: do not rely on \d\d:\d\d:\d\d–"))
    expect(page.get_by_role("alert").last).to_contain_text("Segment 1: The stored object is not the one")
    expect(page.get_by_text("Altered", exact=True).first).to_be_visible()


def alter(session: Session, n: int) -> None:
    location = Path(django_settings.STORAGES["recordings"]["OPTIONS"]["location"])
    path = location / Segment.objects.get(session=session, n=n).object_name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def test_a_gap_is_on_the_list_beside_the_screen_and_over_it(page: Page, bob: User, host: Host) -> None:
    words = "the first line of this recording was damaged"
    session = sealed(bob, host, has_gaps=True, gaps=[[0.5, 20.5, words]])
    page.goto("/sessions")
    expect(page.get_by_role("table", name="Sessions")).to_contain_text("Gap 20 s")
    open_replay(page, session)
    expect(page.locator("canvas[data-gaps='1']")).to_have_count(1)
    page.get_by_role("tab", name="Proof").click()
    panel = page.get_by_role("tabpanel", name="Proof")
    expect(panel).to_contain_text(words)
    panel.get_by_role("button", name="00:00–00:20").click()
    expect(page.get_by_role("status").filter(has_text="Not recorded")).to_contain_text(words)


def test_the_page_of_a_deleted_recording_says_so_and_can_still_be_verified(page: Page, bob: User, host: Host) -> None:
    session = sealed(bob, host)
    delete_by_order(session.pk, "the customer left", "alice")
    open_replay(page, session)
    expect(page.get_by_text("This recording was deleted")).to_be_visible()
    expect(page.get_by_text("under an order: the customer left.")).to_be_visible()
    expect(page.get_by_role("button", name="Download")).to_have_count(0)
    verify(page)
    expect(page.get_by_text("The seal holds, and the audit log says when and why")).to_be_visible()


def test_a_recording_whose_keys_are_elsewhere_says_so_in_the_place_of_its_screen(
    page: Page, bob: User, host: Host, settings: Settings, tmp_path: Path
) -> None:
    session = sealed(bob, host)
    settings.IDENTITY_FILE = tmp_path / "nowhere"
    open_replay(page, session)
    failure = page.get_by_role("alert").filter(has_text="This part of the recording could not be shown.")
    expect(failure).to_contain_text("BASTION_IDENTITY_FILE")
    verify(page)
    expect(page.get_by_role("alert").filter(has_text="Not decided")).to_contain_text("cannot be opened")


def test_what_one_may_not_take_away_stays_in_the_menu_with_the_reason(
    page: Page, bob: User, host: Host, audited: Grant
) -> None:
    session = sealed(bob, host)
    open_replay(page, session)
    page.get_by_role("button", name="Download").click()
    bundle = page.get_by_role("menuitem", name="evidence.zip")
    expect(bundle).to_have_attribute("aria-disabled", "true")
    expect(bundle).to_contain_text("Needs a grant for exact copies on this host.")
    expect(page.get_by_role("menuitem", name="transcript.txt")).not_to_have_attribute("aria-disabled", "true")
    audited.export = True
    audited.save()
    page.reload()
    page.get_by_role("button", name="Download").click()
    expect(bundle).to_contain_text("Needs a grant to see input on this host.")
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="recording.raw").click()
    assert download.value.suggested_filename.endswith(".raw")


def test_a_download_that_fails_says_why(page: Page, bob: User, host: Host) -> None:
    session = sealed(bob, host)
    open_replay(page, session)
    page.get_by_role("button", name="Download").click()
    delete_by_order(session.pk, "the customer left", "alice")
    page.get_by_role("menuitem", name="transcript.txt").click()
    failure = page.get_by_role("alert").filter(has_text="transcript.txt could not be downloaded.")
    expect(failure).to_contain_text("This recording was deleted under an order: the customer left")


def test_a_hold_is_placed_and_released_with_a_reason_that_stays(page: Page, bob: User, host: Host) -> None:
    open_replay(page, sealed(bob, host))
    page.get_by_role("button", name="More about this session").click()
    page.get_by_role("menuitem", name="Place hold").click()
    form = page.get_by_role("dialog", name="Place a legal hold on the session of bob on web-01?")
    expect(form.get_by_role("button", name="Place hold")).to_be_disabled()
    form.get_by_label("Reason").fill("Case 2041")
    form.get_by_role("button", name="Place hold").click()
    expect(page.get_by_text("Legal hold", exact=True).first).to_be_visible()
    hold = LegalHold.objects.get()
    assert (hold.reason, hold.owner_name, hold.released_at) == ("Case 2041", "carol", None)
    page.get_by_role("tab", name="Proof").click()
    page.get_by_role("button", name="Release hold").click()
    page.get_by_role("dialog").get_by_role("button", name="Release hold").click()
    expect(page.get_by_text("You know of no hold on this recording.")).to_be_visible()
    assert LegalHold.objects.get().released_by_name == "carol"


def test_who_is_not_told_of_holds_does_not_read_that_there_is_none(
    server: int, chromium: Browser, bob: User, host: Host
) -> None:
    make_grant(bob, host, Action.VIEW_OWN)
    session = sealed(bob, host)
    LegalHold.objects.create(user=bob, reason="Case 2043", owner_name="alice")
    with open_page(chromium, server) as page:
        sign_in(page, "bob", PASSWORD)
        open_replay(page, session)
        page.get_by_role("tab", name="Proof").click()
        expect(page.get_by_role("tabpanel", name="Proof")).to_contain_text("The recording is sealed")
        assert "hold" not in page.get_by_role("main").inner_text().lower()


def test_a_policy_is_added_and_what_it_would_delete_is_shown_first(
    admin_page: Page, bob: User, host: Host, valkey: str
) -> None:
    old = keep_recording(bob, host, days=31, has_all=False)
    admin_page.goto("/admin/retention")
    preview = admin_page.get_by_role("region", name="What would be deleted now")
    expect(preview).to_contain_text("Nothing: no recording is older than its policy allows.")
    admin_page.get_by_role("button", name="New policy").first.click()
    form = admin_page.get_by_role("dialog", name="New policy")
    form.get_by_role("combobox", name="Hosts").click()
    admin_page.get_by_role("option", name="All other hosts").click()
    form.get_by_label("Days").fill("30")
    form.get_by_role("button", name="Add policy").click()
    expect(preview).to_contain_text("1 recording,")
    expect(preview.get_by_role("table")).to_contain_text("bob")
    assert RetentionPolicy.objects.get().days == 30
    old.refresh_from_db()
    assert old.deleted_at is None


def test_holds_on_people_and_hosts_are_placed_in_administration(admin_page: Page, bob: User, host: Host) -> None:
    admin_page.goto("/admin/legal-holds")
    admin_page.get_by_role("button", name="Place hold").first.click()
    form = admin_page.get_by_role("dialog", name="Place hold")
    form.get_by_role("combobox", name="What is held").click()
    admin_page.get_by_role("option", name="bob").click()
    form.get_by_label("Reason").fill("Case 2042")
    form.get_by_role("button", name="Place hold").click()
    expect(admin_page.get_by_role("table", name="Legal holds")).to_contain_text("Person bob")
    assert LegalHold.objects.get().user == bob


def test_the_state_of_the_ledger_is_shown_with_a_warning_if_nobody_else_keeps_its_checkpoints(
    admin_page: Page, bob: User, host: Host, settings: Settings, tmp_path: Path
) -> None:
    sealed(bob, host)
    checkpoint = sign_ledger()
    admin_page.goto("/admin/evidence")
    expect(admin_page.get_by_role("region", name="Checkpoint")).to_contain_text(checkpoint.note.split("\n")[0])
    expect(admin_page.get_by_text("Nobody but this server keeps the checkpoints")).to_be_visible()
    expect(admin_page.get_by_role("table", name="Verification keys")).to_contain_text("Signs now")
    settings.CHECKPOINT_FILE = tmp_path / "checkpoints"
    admin_page.reload()
    expect(admin_page.get_by_text(str(tmp_path / "checkpoints"))).to_be_visible()
    expect(admin_page.get_by_text("Nobody but this server keeps the checkpoints")).to_have_count(0)


def test_a_ledger_that_cannot_be_signed_says_why(admin_page: Page, settings: Settings, tmp_path: Path) -> None:
    sign_ledger()
    settings.SIGNING_KEY_FILE = tmp_path / "nowhere"
    admin_page.goto("/admin/evidence")
    expect(admin_page.get_by_text("The audit log cannot be proved")).to_be_visible()
    expect(admin_page.get_by_text(f"The signing key {tmp_path / 'nowhere'} is missing.")).to_be_visible()


def answer_as_terminal(page: Page) -> Callable[[str], None]:
    """Answer terminal sockets in the server's place; return what sends a notice to the one that is open."""
    # Playwright stands in for WebSocket alone.
    page.add_init_script("delete globalThis.WebSocketStream")
    sockets: list[WebSocketRoute] = []

    def open_socket(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.send('{"type":"ready","session":"7f3c0d9e-0000-4000-8000-000000000000","offset":0,"cols":80,"rows":24}')

    page.route_web_socket(re.compile("/ws/hosts/"), open_socket)
    return lambda text: sockets[-1].send(f'{{"type":"notice","text":"{text}"}}')


def test_a_stalled_disk_and_a_server_that_stops_are_said_in_the_terminal(page: Page, carol: User, host: Host) -> None:
    make_grant(carol, host, Action.CONNECT)
    notice = answer_as_terminal(page)
    page.goto(f"/terminals?host={host.pk}")
    recording = page.get_by_text("Recording · hidden input masked")
    expect(recording).to_be_visible()
    notice("Recording is slow: the terminal waits for the disk.")
    expect(page.get_by_text("Recording is slow: the terminal waits for the disk.")).to_be_visible()
    expect(recording).to_have_count(0)
    notice("The server stops: this session ends in 5 min at the latest.")
    notice("Recording goes on.")
    expect(recording).to_be_visible()
    stop = page.get_by_role("status").filter(has_text="The server stops: this session ends in 5 min at the latest.")
    expect(stop).to_be_visible()
    stop.get_by_role("button", name="Close notice").click()
    expect(stop).to_have_count(0)
