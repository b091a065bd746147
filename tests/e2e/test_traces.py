"""One trace from a request at the gateway to the last thing that it caused, sidecars included."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.otlp import ReceivedSpan, SpanSink, otlp_receiver
from tests.system import LoggedInUser, System, start_system, wait_until
from tests.system.shopping import await_final_state, buy, create_product

FOREIGN = "ab" * 16
ADVANCE = "activity advance"
SAGA = (
    ("catalog", "POST /reservations"),
    ("payments", "POST /payments/{order}/authorize"),
    ("catalog", "POST /reservations/{order}/confirm"),
    ("payments", "POST /payments/{order}/capture"),
)
"""The calls of the steps of a checkout, all made by one activity."""


class Trace:
    """The spans of one trace that have arrived: a sidecar sends them every five seconds."""

    def __init__(self, spans: list[ReceivedSpan]) -> None:
        self.spans = spans
        self._known = {span.span_id: span for span in spans}

    def ways(self, service: str, name: str, *, sidecar: bool = False) -> list[list[str]]:
        """The ways to all spans of a name, each once; an event or a step may come twice."""
        found = [
            self.way_to(span)
            for span in self.spans
            if (span.service, span.scope != "microgram") == (service, sidecar) and span.name == name
        ]
        assert found, f"{name} of {service} has not arrived"
        return [way for at, way in enumerate(found) if way not in found[:at]]

    def written(self, service: str) -> list[ReceivedSpan]:
        """The sidecars' spans of a service's writes of documents."""
        writes = [
            span.span_id
            for span in self.spans
            if span.name.startswith(("compare_and_set", "transact"))
            and (span.service, span.scope) == (service, "microgram")
        ]
        return [span for span in self.spans if span.parent_id in writes]

    def way_to(self, span: ReceivedSpan) -> list[str]:
        """The services from the root to a span, those of sidecars with their suffix."""
        way = [span.instance]
        while span.parent_id:
            assert span.parent_id in self._known, f"the parent of {span.name} has not arrived"
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

    wait_until(lambda: [each.id for each in ben.client.timeline_home()][:1] == [post])

    def is_one_trace() -> bool:
        trace = Trace(receiver.spans(answer.headers["x-request-id"]))
        hops = ["gateway", "gateway.daprd", "posts.daprd", "posts"]
        assert trace.ways("posts", "POST /posts") == [hops]
        assert trace.ways("feed", "process posts") == [[*hops, "feed"]]
        delivered = trace.ways("feed", "pubsub/posts", sidecar=True)
        assert delivered == [[*hops, "posts.daprd", "feed.daprd"]]
        ways = [trace.way_to(span) for span in trace.written("feed")]
        return bool(ways) and all(way == [*hops, "feed", "feed.daprd"] for way in ways)

    wait_until(is_one_trace)
    assert receiver.spans(FOREIGN) == []


def _checkout_shows_the_steps_of_the_saga(
    anna: LoggedInUser, ben: LoggedInUser, receiver: SpanSink
) -> None:
    order = buy(ben, create_product(anna), 1)
    assert await_final_state(ben, order["id"])["state"] == "completed"

    def is_one_trace() -> bool:
        ids = {each.trace_id for each in receiver.spans() if each.name == ADVANCE}
        assert len(ids) == 1
        trace = Trace(receiver.spans(ids.pop()))
        hops = ["gateway", "gateway.daprd", "orders.daprd", "orders"]
        assert trace.ways("orders", ADVANCE) == [[*hops, "orders.daprd", "orders"]]
        for service, route in SAGA:
            (way,) = trace.ways(service, route)
            assert way[-3:] == ["orders.daprd", f"{service}.daprd", service]
        return True

    wait_until(is_one_trace)
