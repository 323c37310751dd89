"""What Prometheus reads from /metrics, and the counters that the live code moves.

With several web processes, PROMETHEUS_MULTIPROC_DIR (set by the supervisor) joins what each of them counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address

import redis
from django.conf import settings
from django.db.models import Min
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from audit.models import Segment, Session
from audit.recording.waiting import waiting
from hosts.client_address import client_address
from hosts.logins import NotSignedIn, bearer_token, login_of_token

SESSIONS_LIVE = Gauge(
    "bastion_sessions_live", "Sessions that this node carries at the moment.", multiprocess_mode="livesum"
)
BYTES_RECORDED = Counter("bastion_recorded_bytes", "Bytes of terminal output that the recorder has accepted.")
RECORDER_LAG = Histogram(
    "bastion_recorder_lag_seconds",
    "Time from a byte's arrival to its acceptance by the recorder.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)

REDIS_TIMEOUT_SECONDS = 2
CELERY_QUEUE = "celery"


class StateCollector(Collector):
    """Reads what the database and Redis say at the moment of the scrape."""

    def collect(self) -> Iterator[Metric]:
        waiting = Segment.objects.filter(indexed_at__isnull=True)
        oldest = waiting.aggregate(oldest=Min("closed_at"))["oldest"]
        lag = (timezone.now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily(
            "bastion_index_lag_seconds", "Age of the oldest closed segment that is not indexed.", value=max(lag, 0.0)
        )
        yield GaugeMetricFamily(
            "bastion_index_segments_waiting", "Closed segments that are not indexed.", value=waiting.count()
        )
        running = Session.objects.filter(state__in=Session.RUNNING).count()
        yield GaugeMetricFamily("bastion_sessions_running", "Sessions that run, on all nodes.", value=running)
        yield from _waiting()
        depth = queue_depth()
        yield GaugeMetricFamily("bastion_redis_up", "Whether Redis answers.", value=float(depth is not None))
        if depth is not None:
            yield GaugeMetricFamily("bastion_queue_depth", "Jobs that wait for a worker.", value=depth)


def _waiting() -> Iterator[Metric]:
    """Yield what the store has not got yet: it grows while the store is away."""
    here = waiting()
    yield GaugeMetricFamily(
        "bastion_store_segments_waiting",
        "Segments on this node's disk that are not stored yet, the open ones included.",
        value=here.segments,
    )
    yield GaugeMetricFamily("bastion_store_bytes_waiting", "Bytes of their files.", value=here.size)


def queue_depth() -> int | None:
    """Return the number of jobs that wait, or None while Redis does not answer."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT_SECONDS, socket_connect_timeout=REDIS_TIMEOUT_SECONDS
        ) as client:
            return int(client.llen(CELERY_QUEUE))
    except (redis.RedisError, OSError):
        return None


def _counted() -> bytes:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def may_read(request: HttpRequest) -> bool:
    """Return whether the request comes from this machine, or carries a token with the scope "metrics".

    Behind a reverse proxy every request comes from this machine, so there only the token counts.
    """
    address = client_address(request)
    token = bearer_token(request.headers.get("Authorization", ""))
    if token is not None:
        try:
            return "metrics" in login_of_token(token, address, request.headers.get("User-Agent", "")).scopes
        except NotSignedIn:
            return False
    is_forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"))
    return settings.IS_LOCAL_ONLY and not is_forwarded and bool(address) and ip_address(address).is_loopback


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    if not may_read(request):
        return HttpResponseForbidden(
            "Use a token with the scope metrics, or ask from the machine itself.\n", "text/plain"
        )
    state = CollectorRegistry()
    state.register(StateCollector())
    return HttpResponse(_counted() + generate_latest(state), content_type=CONTENT_TYPE_LATEST)


urlpatterns = [path("metrics", metrics, name="metrics")]
