"""What `comments` costs in each language: `python -m tests.guests.price`.

Each program runs in the conformance kit: beside a real sidecar and a real store, with stand-ins for
the services around it. Printed are its start, its memory, and its own processor time for each
event and each request, without that of its sidecar.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from services.contracts.events import POST_CHANGED
from tests.conformance.kit import ServiceUnderTest
from tests.conformance.peer_client import Stream
from tests.conformance.stories import a_reply_is_in_its_thread
from tests.conformance.story import Told
from tests.conformance.surroundings import GUEST
from tests.conformance.test_listens import message
from tests.system.waiting import wait_until

LANGUAGES = ("python", "go")
STARTS = 5
EVENTS = 1_000
EVENTS_IN_A_MESSAGE = 50
REQUESTS = 1_000

Row = tuple[str, str]
"""What was measured, and the figure with its unit."""


def main() -> None:
    """Measure each language, and print a table."""
    columns = [dict(measure(language)) for language in LANGUAGES]
    lines = [["", *LANGUAGES], ["---"] * (1 + len(LANGUAGES))]
    lines += [[name, *(column[name] for column in columns)] for name in columns[0]]
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" for line in lines)


def measure(language: str) -> list[Row]:
    """Run the service in one language, and return what it costs."""
    os.environ[GUEST] = "" if language == "python" else f"comments={language}"
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        subject = ServiceUnderTest("comments", "", Path(folder), "embedded")
        subject.start(stack)
        starts = sorted(start_time(subject) for _ in range(STARTS))
        at_rest = memory(subject)
        root, *replies = a_thread(EVENTS)
        rows = [
            (
                "from its first instruction to its first answer",
                f"{starts[STARTS // 2] * 1e3:.0f} ms",
            ),
            ("memory after the start", f"{at_rest:.0f} MB"),
            ("an event, alone in its message", spent(subject, deliver(subject, replies, 1))),
            (
                f"an event, {EVENTS_IN_A_MESSAGE} in a message",
                spent(subject, deliver(subject, a_thread(EVENTS)[1:], EVENTS_IN_A_MESSAGE)),
            ),
            ("a thread, read", spent(subject, read_thread(subject, root.subject))),
        ]
        return [*rows, ("memory after that", f"{memory(subject):.0f} MB")]


def start_time(subject: ServiceUnderTest) -> float:
    """Kill the program, and return the seconds from its next start to its first answer."""
    before = subject.process.pid
    subject.process.kill()

    def answers() -> bool:
        try:
            return subject.ask("GET /healthz", caller=None).status == 200
        except OSError:
            return False

    while answers():
        time.sleep(0.002)
    while not answers():
        time.sleep(0.002)
    at = time.time()
    wait_until(lambda: subject.process.pid != before)
    return at - subject.process.create_time()


def memory(subject: ServiceUnderTest) -> float:
    """The memory of the program in MB; what it shares with others counts in part."""
    return float(subject.process.memory_full_info().pss) / 1e6


def spent(subject: ServiceUnderTest, actions: Sequence[tuple[Callable[[], Any], int]]) -> str:
    """The processor time of the program for each thing that actions do, so many each."""
    before = subject.process.cpu_times()
    for act, _ in actions:
        act()
    after = subject.process.cpu_times()
    seconds = after.user + after.system - before.user - before.system
    return f"{seconds / sum(count for _, count in actions) * 1e3:.2f} ms"


def a_thread(replies: int) -> list[Told]:
    """A post, and replies to it."""
    root, reply = a_reply_is_in_its_thread().told
    first = int(reply.subject)
    return [
        root,
        *(
            Told(POST_CHANGED, str(id), 1, {**reply.data, "id": str(id)} | _below(root))
            for id in range(first, first + replies)
        ),
    ]


def _below(root: Told) -> dict[str, Any]:
    id, author = root.data["id"], root.data["author"]
    return {"in_reply_to_id": id, "in_reply_to_account_id": author, "path": [[id, author]]}


def deliver(
    subject: ServiceUnderTest, told: Sequence[Told], at_once: int
) -> list[tuple[Callable[[], Any], int]]:
    """Deliver events, some in each message."""
    stream = Stream(subject.producer("posts"), "posts")
    events = [stream.event(each.kind, each.subject, each.version, each.data) for each in told]
    stream.keep(events)

    def send(some: list[dict[str, Any]]) -> Callable[[], Any]:
        return lambda: subject.ask("POST /events/posts", body=message(stream, some))

    starts = range(0, len(events), at_once)
    batches = [events[start : start + at_once] for start in starts]
    return [(send(batch), len(batch)) for batch in batches]


def read_thread(subject: ServiceUnderTest, root: str) -> list[tuple[Callable[[], Any], int]]:
    """Read a long thread as a user."""
    token = subject.auth.token("115581273340018689")

    def read() -> None:
        subject.ask(f"GET /threads/{root}", caller="gateway", token=token)

    return [(read, 1)] * REQUESTS


if __name__ == "__main__":
    main()
