"""What a service does with what the runner gives it, at its end, and without its sidecar."""

from __future__ import annotations

import json
import socket

import pytest

from tests.conformance.contracts import routes
from tests.conformance.kit import PATIENCE, ServiceUnderTest
from tests.conformance.test_callable import SCOPES, USER, callers
from tests.conformance.test_listens import message
from tests.conformance.test_stories import begin, has_its_effect, stories_of
from tests.system.waiting import wait_until

READS = 5
"""Routes that are read without a sidecar."""

OTHER_ADDRESS = "127.0.0.2"
"""An address of this machine that is not the one at which services listen."""


@pytest.mark.parametrize("name", ["DAPR_API_TOKEN", "APP_API_TOKEN"])
def test_it_does_not_run_without_a_token(subject: ServiceUnderTest, name: str) -> None:
    done = subject.run_without(name)
    assert done.returncode not in (0, None), done.stdout
    assert name in done.stdout + done.stderr


def test_it_listens_on_loopback_alone(subject: ServiceUnderTest) -> None:
    _, port = subject.address
    with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
        socket.create_connection((OTHER_ADDRESS, port), timeout=5).close()


def test_it_ends_soon_after_sigterm(subject: ServiceUnderTest) -> None:
    subject.terminate()


def test_without_its_sidecar_it_is_alive_and_not_ready(subject: ServiceUnderTest) -> None:
    with subject.without_sidecar():
        assert subject.ask("GET /healthz", caller=None).status == 200
        wait_until(
            lambda: subject.ask("GET /readyz", caller=None).status == 503, PATIENCE, "not ready"
        )


def test_what_fails_for_now_is_an_error_that_says_so(subject: ServiceUnderTest) -> None:
    """Reads without a sidecar: nothing happened, or it may have; it is no fault of the service."""
    reads = [
        (route, min(callers(subject, route)))
        for route in routes(subject.app)
        if route.name.startswith("GET") and callers(subject, route)
    ]
    token = subject.auth.token(USER, SCOPES)
    for route, caller in reads[:READS]:  # the keys and revocations of auth are known then
        subject.ask(route.example, caller=caller, token=token)
    with subject.without_sidecar():
        for route, caller in reads[:READS]:
            answer = subject.ask(route.example, caller=caller, token=token)
            assert answer.status not in (500, 502), (route.name, answer)
            if answer.status >= 500:
                answer.error()


def test_an_event_that_fails_for_now_is_not_acknowledged(subject: ServiceUnderTest) -> None:
    for make in stories_of(subject):
        story = make()
        telling = begin(subject, story)
        with subject.without_sidecar():
            statuses = []
            for stream, event in telling.events:
                answer = subject.ask(f"POST /events/{stream.topic}", body=message(stream, [event]))
                statuses.append(answer.json()["status"] if answer.status == 200 else "RETRY")
            assert "RETRY" in statuses, (make.__name__, statuses)
            assert "DROP" not in statuses, (make.__name__, statuses)
        wait_until(lambda: has_its_effect(subject, story), PATIENCE, make.__name__)  # noqa: B023
        dead = [letter["event"] for letter in subject.dead_letters()]
        assert not [event for _, event in telling.events if event in dead]
        return


def test_each_line_of_its_log_is_an_object(subject: ServiceUnderTest) -> None:
    subject.ask("GET /deadletters", caller="nobody")  # a refusal is logged
    for line in wait_until(lambda: subject.log_lines, PATIENCE, "a line of the log"):
        entry = json.loads(line)
        assert entry["time"], line
        assert entry["level"], line
        assert entry.get("message") or entry.get("msg"), line
