"""Services without sidecars: fakes of the chassis's ports, and a cluster of services on them.

    from services.posts.app import create_app as posts_app
    from services.users.app import create_app as users_app
    from tests.fakes import FakeCluster

    async def test_a_post_can_be_read() -> None:
        async with FakeCluster() as cluster:
            posts = await cluster.start(posts_app)      # create_app(settings) or create_service
            users = await cluster.start(users_app)      # they get each other's events
            alice = cluster.token("1", "read write")    # accepted without an auth service
            made = await posts.call("POST", "/posts", json={"text": "hi"}, token=alice)
            assert made.status == 200
            await cluster.settle()                      # all events published, handled, caught up

`running.call(...)` asks as another service does (`caller="gateway"` unless said otherwise);
`running.public(...)` asks as the public does, `running.operate(...)` as the operator. All return a
`Response` with `status`, `headers`, `body`, `text` and `json()`, also for errors, and take `json=`,
`data=`, `form=`, `params=`, `headers=`, `token=`. `cluster.start(create, **settings)` twice gives
two replicas on one database.

What can go wrong:
    cluster.broker.down = True                           publishing fails
    cluster.broker.loses = lambda event: True            taken, and never delivered
    cluster.broker.copies = 2                            delivered twice
    cluster.broker.hold(); cluster.broker.release(seed=1)      late, and in another order
    posts.sidecar.state.faults.fail("compare_and_set", about="post:", nth=2)    a call that does
    nothing posts.sidecar.state.faults.fail("compare_and_set", after=True)              done, but
    the answer is lost posts.sidecar.state.faults.fail("get", error=Conflict("…"))      any error
    posts.sidecar.broker.faults.crash("publish")       the process dies there; start another one
    posts.sidecar.faults.fail("invoke", about="users/")              a call to another service
    orders.sidecar.faults.fail("start")                              a call to the workflow engine
    await posts.kill(); await posts.stop()             the process dies, or ends well
    cluster.auth.revoke(token), cluster.auth.rotate()

What is kept: `cluster.state("posts").peek("post:1")`, `.keys("post:")`; `cluster.secrets`,
`cluster.blobs`; `cluster.history("orders").instances`, its workflows; what was said:
`cluster.broker.events("posts")`; what was asked: `posts.sidecar.state.faults.count("get")`.

The fakes alone: `FakeState` (a `StateStore`; `like="redis"` has its traps), `FakeBroker`
(a `Publisher`), `FakeSidecar` (a `DaprClient`), `FakeAuth` (keys, tokens). The contract suites of
`tests/contract` run on them and on the real sidecar alike.
"""

from tests.fakes.access import open_access
from tests.fakes.asgi import Response, call
from tests.fakes.auth import FakeAuth
from tests.fakes.broker import FakeBroker
from tests.fakes.cluster import METRICS_TOKEN, OPERATOR_TOKEN, FakeCluster, RunningReplica
from tests.fakes.faults import Call, Faults
from tests.fakes.scraping import SCRAPER, Scrape, scrape
from tests.fakes.sidecar import APP_TOKEN, FakeNetwork, FakeSidecar
from tests.fakes.state import FakeState
from tests.fakes.waiting import until

__all__ = [
    "APP_TOKEN",
    "METRICS_TOKEN",
    "OPERATOR_TOKEN",
    "SCRAPER",
    "Call",
    "FakeAuth",
    "FakeBroker",
    "FakeCluster",
    "FakeNetwork",
    "FakeSidecar",
    "FakeState",
    "Faults",
    "Response",
    "RunningReplica",
    "Scrape",
    "call",
    "open_access",
    "scrape",
    "until",
]
