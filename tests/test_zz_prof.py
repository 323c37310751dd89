import cProfile, pstats, time
import pytest
from django.test import Client
from hosts.access import Action
from tests.recordings import *
@pytest.mark.django_db
def test_prof(alice, valkey):
    host = make_host(); make_grant(alice, host, Action.AUDIT)
    s = make_session(alice, host)
    c = Client(); c.force_login(alice)
    for url in ("/api/v1/commands/?user=x", "/api/v1/sessions/", f"/api/v1/sessions/{s.pk}/commands/?user=x", "/api/v1/search/?q=x", "/api/v1/commands/?q="+"("*500, "/api/v1/commands/?q="+"x"*20000):
        c.get(url)
        t=time.perf_counter()
        p=cProfile.Profile()
        for _ in range(5): c.get(url)
        print(url[:40], (time.perf_counter()-t)/5)
    p.enable(); c.get("/api/v1/commands/?user=x"); p.disable()
    pstats.Stats(p).sort_stats("cumulative").print_stats(25)
