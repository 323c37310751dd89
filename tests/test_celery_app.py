"""The Celery application: what the worker and the scheduler rely on."""

from __future__ import annotations

import threading

import pytest
from celery import current_app
from django.conf import settings

from celery_app import app


def test_jobs_are_json_and_survive_their_worker() -> None:
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.broker_transport_options["visibility_timeout"] == 600


def test_every_thread_sends_to_the_configured_broker() -> None:
    seen: list[str] = []
    thread = threading.Thread(target=lambda: seen.append(current_app.conf.broker_url))
    thread.start()
    thread.join()
    assert seen == [settings.CELERY_BROKER_URL]


@pytest.mark.parametrize("entry", sorted(app.conf.beat_schedule))
def test_what_is_scheduled_exists_and_does_not_pile_up(entry: str) -> None:
    scheduled = app.conf.beat_schedule[entry]
    app.loader.import_default_modules()
    assert scheduled["task"] in app.tasks
    assert scheduled["options"]["expires"] <= scheduled["schedule"]


@pytest.mark.parametrize(
    ("task", "seconds"),
    [("find_missing_index_work", 15), ("recover_recordings", 30), ("apply_retention", 3600), ("keep_checkpoints", 10)],
)
def test_work_is_looked_for_as_often_as_we_say(task: str, seconds: float) -> None:
    periods = {scheduled["task"]: scheduled["schedule"] for scheduled in app.conf.beat_schedule.values()}
    assert periods[f"audit.tasks.{task}"] == seconds
