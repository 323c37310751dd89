"""The Celery application. Jobs carry ids, call one function, and may run twice: `celery -A celery_app worker`."""

from __future__ import annotations

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning  # type: ignore[attr-defined] # celery-types lacks it

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bastion.settings")

# A lost worker's jobs are handed out again after this many seconds; a job that takes longer merely runs twice.
VISIBILITY_TIMEOUT = 600

# Celery warns of root because of pickle, which is not accepted here.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("bastion")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_acks_on_failure_or_timeout=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT,
        "health_check_interval": 30,
        # Who asks for a job while Redis is away must not wait for it: beat asks again.
        "socket_connect_timeout": 5,
        "socket_timeout": 15,
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    },
    timezone="UTC",
    # `expires`: while no worker runs, sweeps must not pile up; one of them does the work of all.
    beat_schedule={
        "find missing index work": {
            "task": "audit.tasks.find_missing_index_work",
            "schedule": 15.0,
            "options": {"expires": 15},
        },
        "recover recordings": {
            "task": "audit.tasks.recover_recordings",
            "schedule": 30.0,
            "options": {"expires": 30},
        },
        # Web processes do it every 2 s; this is for when none runs.
        "keep checkpoints": {
            "task": "audit.tasks.keep_checkpoints",
            "schedule": 10.0,
            "options": {"expires": 10},
        },
        "apply retention": {
            "task": "audit.tasks.apply_retention",
            "schedule": 3600.0,
            "options": {"expires": 3600},
        },
    },
)
app.autodiscover_tasks()
# Web processes ask for jobs from several threads; without this only the importing one would know the broker.
app.set_default()
