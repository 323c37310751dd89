"""Whole events are told from damaged bytes: never one that was not there, and a marker wherever some are missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.asciicast import decode_events, encode_event
from audit.events import Event, HiddenInput, Input, Marker, Output, Resize
from audit.recording.salvage import is_whole, salvage

EVENTS: list[Event] = [
    Output(0.5, "one\r\n"),
    Output(0.6, "exact \ufffd", exact=b"exact \xff"),
    Input(0.7, "ls\r"),
    HiddenInput(0.8, 7),
    Resize(0.9, 100, 30),
    Output(1.0, "中文 \u2028 and more"),
    Marker(1.1, "detached"),
    Output(1.2, "the end"),
]
BODY = b"".join(map(encode_event, EVENTS))


def events_of(plain: bytes) -> list[Event]:
    return list(decode_events(plain.split(b"\n")[:-1]))


def is_gap(event: Event) -> bool:
    return isinstance(event, Marker) and event.label.startswith("gap: ")


def test_what_is_whole_stays_as_it_is() -> None:
    found = salvage(BODY, 0.0, 10.0, is_last=False)
    assert (found.plain, found.unreadable, found.gaps) == (BODY, b"", ())
    assert is_whole(BODY, 0.5)
    assert not is_whole(BODY, 0.6)


@pytest.mark.parametrize("size", range(len(BODY)))
def test_half_an_event_at_the_very_end_is_no_gap(size: int) -> None:
    found = salvage(BODY[:size], 0.0, 10.0, is_last=True)
    assert found.plain + found.unreadable == BODY[:size]
    assert not found.gaps
    assert events_of(found.plain) == EVENTS[: len(events_of(found.plain))]


def test_half_an_event_before_the_last_segment_is_a_gap() -> None:
    found = salvage(BODY[:-5], 0.0, 10.0, is_last=False)
    *kept, gap = events_of(found.plain)
    assert kept == EVENTS[:-1]
    assert is_gap(gap)
    assert found.gaps[0].start == 1.1


def test_zeros_that_a_power_cut_left_are_a_gap_also_at_the_very_end() -> None:
    found = salvage(BODY + bytes(4096), 0.0, 10.0, is_last=True)
    *kept, gap = events_of(found.plain)
    assert kept == EVENTS
    assert is_gap(gap)


@given(place=st.integers(0, len(BODY) - 1), flip=st.integers(1, 255))
def test_a_flipped_byte_costs_what_it_is_in_and_nothing_else(place: int, flip: int) -> None:
    damaged = bytearray(BODY)
    damaged[place] ^= flip
    found = salvage(bytes(damaged), 0.0, 10.0, is_last=False)

    kept = events_of(found.plain)
    assert [event.t for event in kept] == sorted(event.t for event in kept)
    whole = [event for event in kept if not is_gap(event)]
    # The event that was hit, and its neighbour if the line end between them was.
    assert len([event for event in EVENTS if event not in whole]) <= 2
    # What reads as an event although it was hit cannot be told from one here; its anchor and its hash do.
    assert len([event for event in whole if event not in EVENTS]) <= 2
    if len(whole) < len(EVENTS):
        assert found.gaps or len(whole) == len(EVENTS) - 1


@given(st.binary(max_size=2000))
def test_any_bytes_at_all_give_a_recording_that_can_be_read(content: bytes) -> None:
    found = salvage(content, 1.0, 10.0, is_last=False)
    assert all(event.t >= 1.0 for event in events_of(found.plain))


@given(st.lists(st.one_of(st.sampled_from(list(map(encode_event, EVENTS))), st.binary(max_size=60)), max_size=30))
def test_lines_in_any_order_give_a_recording_whose_time_never_runs_backwards(lines: list[bytes]) -> None:
    found = salvage(b"".join(lines), 0.0, 10.0, is_last=False)
    times = [event.t for event in events_of(found.plain)]
    assert times == sorted(times)


def test_one_time_that_is_wrong_does_not_cost_the_events_around_it() -> None:
    late = encode_event(Output(9.9, "too late"))
    found = salvage(encode_event(EVENTS[0]) + late + b"".join(map(encode_event, EVENTS[1:])), 0.0, 10.0, is_last=False)
    assert [event for event in events_of(found.plain) if not is_gap(event)] == EVENTS
    assert found.unreadable == late
    assert [(gap.start, gap.until) for gap in found.gaps] == [(0.5, 0.6)]
