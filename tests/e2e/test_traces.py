"""One trace from a request at the gateway to the last thing that it caused, sidecars included."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.otlp import ReceivedSpan, SpanSink, otlp_receiver
from tests.system import LoggedInUser, System, start_system, wait_until
from tests.system.shopping import await_final_state, buy, create_product

FOREIGN = "ab" * 16
SAGA = ("reserve", "authorise", "confirm", "capture")


class Trace:
    """The spans of one trace."""

    def __init__(self, spans: list[ReceivedSpan]) -> None:
        self.spans = spans
        self._known = {span.span_id: span for span in spans}

    def named(self, service: str, name: str, *, sidecar: bool = False) -> list[ReceivedSpan]:
        return [
            span
            for span in self.spans
            if (span.service, span.scope != "microgram") == (service, sidecar)
            and span.name.startswith(name)
        ]

    def written(self, kind: str) -> list[ReceivedSpan]:
        """The sidecars' spans of writes of one kind of documents."""
        writes = [
            span.span_id
            for span in self.spans
            if span.name.startswith(("compare_and_set", "transact"))
            and kind in span.attributes["db.collection.name"].split(",")
        ]
        return [span for span in self.spans if span.parent_id in writes]

    def way_to(self, span: ReceivedSpan) -> list[str]:
        """The services from the root to a span, those of sidecars with their suffix."""
        way = [span.instance]
        while span.parent_id:
            span = self._known[span.parent_id]
            way.insert(0, span.instance)
        return [name for at, name in enumerate(way) if at == 0 or way[at - 1] != name]


@pytest.fixture(scope="module")
def receiver() -> Iterator[SpanSink]:
    with otlp_receiver("the token") as receiver:
        yield receiver


@pytest.fixture(scope="module")
def traced(receiver: SpanSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own: the others are not traced."""
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20the%20token",
    }
    folder = tmp_path_factory.mktemp("traces-embedded")
    with start_system("embedded", folder, env=env, options=("--trace", "1")) as system:
        yield system


def test_a_post_and_a_checkout_are_each_one_trace(traced: System, receiver: SpanSink) -> None:
    assert receiver.spans() == [], "a system at rest begins no trace"
    anna, ben = traced.register("anna"), traced.register("ben")
    _post_reaches_the_timeline_of_a_follower(anna, ben, receiver)
    _checkout_shows_the_steps_of_the_saga(anna, ben, receiver)
    everything = "\n".join(map(str, receiver.spans()))
    for private in (anna.token, ben.token, "a private thought", "api-token", anna.email):
        assert private not in everything
    assert receiver.refused == 0


def _post_reaches_the_timeline_of_a_follower(
    anna: LoggedInUser, ben: LoggedInUser, receiver: SpanSink
) -> None:
    ben.client.account_follow(anna.id)
    answer = anna.http.post(
        f"{anna.base}/api/v1/statuses",
        data={"status": "a private thought"},
        headers={"traceparent": f"00-{FOREIGN}-{'cd' * 8}-01"},
    )
    post = answer.json()["id"]

    def trace_to_the_timeline() -> Trace | None:
        found = Trace(receiver.spans(answer.headers["x-request-id"]))
        is_complete = found.named("gateway", "POST /api/v1/statuses") and found.written("home")
        return found if is_complete else None

    wait_until(lambda: [each.id for each in ben.client.timeline_home()][:1] == [post])
    trace = wait_until(trace_to_the_timeline)
    assert trace is not None
    (posted,) = trace.named("posts", "POST /posts")
    hops = ["gateway", "gateway.daprd", "posts.daprd", "posts"]
    assert trace.way_to(posted) == hops
    (handled,) = trace.named("feed", "process posts")
    assert trace.way_to(handled) == [*hops, "feed"]
    assert trace.way_to(trace.written("home")[0]) == [*hops, "feed", "feed.daprd"]
    (delivered,) = trace.named("feed", "pubsub/posts", sidecar=True)
    assert trace.way_to(delivered) == [*hops, "posts.daprd", "feed.daprd"]
    assert receiver.spans(FOREIGN) == []


def _checkout_shows_the_steps_of_the_saga(
    anna: LoggedInUser, ben: LoggedInUser, receiver: SpanSink
) -> None:
    order = buy(ben, create_product(anna), 1)
    assert await_final_state(ben, order["id"])["state"] == "completed"

    def whole_saga() -> Trace | None:
        of = [each for each in receiver.spans() if each.name == f"activity {SAGA[-1]}"]
        found = Trace(receiver.spans(of[0].trace_id)) if of else None
        return found if found and found.named("gateway", "POST ") else None

    trace = wait_until(whole_saga)
    assert trace is not None
    hops = ["gateway", "gateway.daprd", "orders.daprd", "orders"]
    for step in SAGA:
        (activity,) = trace.named("orders", f"activity {step}")
        assert trace.way_to(activity) == [*hops, "orders.daprd", "orders"]
    (reserved,) = trace.named("catalog", "POST /reservations")
    assert trace.way_to(reserved)[-3:] == ["orders.daprd", "catalog.daprd", "catalog"]
