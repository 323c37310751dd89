import time, pytest, uuid, random
from datetime import timedelta
from django.utils import timezone
from audit.models import *
from audit.retention.plan import make_plan
from hosts.models import *
@pytest.mark.django_db
@pytest.mark.timeout(500)
def test_bench(bob):
    groups=HostGroup.objects.bulk_create([HostGroup(name=f"g{i}") for i in range(20)])
    for i,g in enumerate(groups): RetentionPolicy.objects.create(host_group=g,days=30+i*30)
    RetentionPolicy.objects.create(days=400)
    hosts=Host.objects.bulk_create([Host(name=f"h{i}",address="127.0.0.1") for i in range(1000)])
    Host.groups.through.objects.bulk_create([Host.groups.through(host=h,hostgroup=g) for h in hosts[:800] for g in random.sample(groups,2)])
    now=timezone.now()
    N=20000
    ss=Session.objects.bulk_create([Session(user=bob,user_name="bob",host=random.choice(hosts),state="sealed",started_at=now-timedelta(days=d),ended_at=now-timedelta(days=d),cols=1,rows=1) for d in (random.random()*700 for _ in range(N))],batch_size=2000)
    facts=dict(start=0,end=1,cols=1,rows=1,plain_bytes=1,stored_bytes=10,output_bytes=1,events=1)
    Segment.objects.bulk_create([Segment(session=s,n=0,object_name="x",object_sha256="",plain_sha256="",chain="",closed_at=s.ended_at,**facts) for s in ss],batch_size=2000)
    LegalHold.objects.bulk_create([LegalHold(host=h,reason="r",owner_name="a") for h in hosts[:50]])
    from audit.retention.plan import due_now
    from django.db import connection
    for p,q in due_now():
        t=time.monotonic(); n=q.count(); print("ONE",p.days,n,round(time.monotonic()-t,2),flush=True)
        break
    t=time.monotonic(); p=make_plan(); print("PLAN",p.count,p.held,p.bytes,round(time.monotonic()-t,2),"s")
