"""`python -m tests.scaffold.guest_at_work NAME SUBSCRIBER`: a new guest works for a user.

It starts the guest beside a real sidecar, broker and store, as the conformance kit does, and fails
if one of its routes does not work, or a service that subscribes does not get its events.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.conformance.kit import ServiceUnderTest
from tests.conformance.peer_client import Answer, PeerClient
from tests.conformance.test_callable import SCOPES, USER
from tests.system.waiting import wait_until


def main(name: str, subscriber: str) -> None:
    """Create, read, list, export and delete, as users do."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:  # it stops before that goes
        subject = ServiceUnderTest(name, "", Path(folder), "embedded")
        subject.start(stack)
        made = ask(subject, f"POST /{name}", {"text": "Low tide.", "idempotency_key": "a"}).json()
        again = ask(subject, f"POST /{name}", {"text": "Low tide.", "idempotency_key": "a"}).json()
        assert again == made
        assert ask(subject, f"GET /{name}/{made['id']}").json() == made
        [listed] = ask(subject, f"GET /{name}").json().values()
        assert listed == [made]
        exported = subject.ask(f"GET /belongings/{USER}/{name}", caller="media").json()
        assert exported == {"records": [made], "next": "", "total": 1}
        assert ask(subject, f"DELETE /{name}/{made['id']}").json()["deleted"]
        assert ask(subject, f"GET /{name}/{made['id']}", status=404).error() == "not_found"
        peer = subject.peers[subscriber]
        told = wait_until(
            lambda: received_events(peer, made["id"], 2), what=f"two events at {subscriber}"
        )
        assert [event["data"]["deleted"] for event in told] == [False, True]
        assert told[0]["data"] == made
        heads = subject.ask(f"GET /changes?topics={name}", caller=subscriber).json()[name]
        assert [*heads.values()] == [2]


def ask(subject: ServiceUnderTest, route: str, body: object = None, status: int = 200) -> Answer:
    """Send a request of the user."""
    token = subject.auth.token(USER, SCOPES)
    answer = subject.ask(route, caller="gateway", token=token, body=body)
    assert answer.status == status, (route, answer)
    return answer


def received_events(peer: PeerClient, about: str, number: int) -> list[dict[str, Any]]:
    """The events of a document in the order of its versions, once there are as many as expected."""
    found = {each["entityversion"]: each for each in peer.events if each["subject"] == about}
    return [found[version] for version in sorted(found)] if len(found) == number else []


if __name__ == "__main__":
    main(*sys.argv[1:])
