"""A sender of posts, while an answer is lost on the way, and while `posts` is killed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tools.learn.report import Work
from tools.learn.system import TIMEOUT, LearnerAccount, LearnerSystem, until

MANY = 12
"""Posts in a row. `posts` is killed after the third."""

WAIT_FOR_COUNT, MOMENT = 30.0, 3.0
"""Seconds until all posts are counted, and until one too many would be."""

LOOK = "sender.py, `send`: "


@contextmanager
def _losing_one_answer(url: str) -> Iterator[str]:
    """A way to the gateway on which the answer to the first request gets lost, after its effect."""
    lost = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            sent = {name: value for name, value in self.headers.items() if name != "Host"}
            answer = requests.post(f"{url}{self.path}", data=body, headers=sent, timeout=TIMEOUT)
            if not lost.is_set():
                lost.set()
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers["content-type"])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@dataclass(frozen=True)
class _Outcome:
    """What became of one call of the sender: the id that it gave, or the name of its error."""

    text: str
    id: str = ""
    error: str = ""


async def check(work: Work) -> None:
    """Check `send` of sender.py."""
    system = LearnerSystem.of(work)
    send = work.module("sender").send
    ada = system.register()
    _require_once(work, system, ada, "a post is sent", [_send(send, system.url, ada, "low tide")])
    ben = system.register()
    with _losing_one_answer(system.url) as url:
        what = "a post whose answer was lost is acknowledged in the end, and is there once"
        _require_once(work, system, ben, what, [_send(send, url, ben, "high tide")])
    cleo, sent = system.register(), []
    for number in range(MANY):
        if number == 3:
            system.kill("posts")
        sent.append(_send(send, system.url, cleo, f"wave {number}"))
    what = f"{MANY} posts are acknowledged and there once, although `posts` is killed meanwhile"
    _require_once(work, system, cleo, what, sent)


def _send(send: Any, url: str, person: LearnerAccount, text: str) -> _Outcome:
    try:
        return _Outcome(text, id=str(send(url, person.token, text)))
    except requests.RequestException as error:
        return _Outcome(text, error=type(error).__name__)


def _require_once(
    work: Work, system: LearnerSystem, person: LearnerAccount, what: str, sent: list[_Outcome]
) -> None:
    """Require that each call gave the id of its own post, and that there are no other posts."""
    found = {each.id for each in sent if each.id and _is_there(system, person, each)}
    errors = Counter(each.error for each in sent if each.error)
    count = _settled_count(system, person, len(sent))
    raised = "".join(f"; {name} raised: {times}" for name, times in errors.items())
    work.require(
        what,
        len(found) == len(sent) == count,
        expected=f"acknowledged and found: {len(sent)}, posts: {len(sent)}",
        seen=f"acknowledged and found: {len(found)}, posts: {count}{raised}",
        look=LOOK + ("what comes after an error?" if errors else "how is a repeat recognized?"),
    )


def _is_there(system: LearnerSystem, person: LearnerAccount, sent: _Outcome) -> bool:
    def shown() -> bool:
        answer = system.call("GET", f"/api/v1/statuses/{sent.id}", person.token)
        return answer.ok and sent.text in answer.json()["content"]

    return until(shown)


def _settled_count(system: LearnerSystem, person: LearnerAccount, expected: int) -> int:
    """How many posts somebody has: counted from events, so it is waited for, and a moment more."""
    until(lambda: system.count_posts(person) >= expected, WAIT_FOR_COUNT)
    until(lambda: system.count_posts(person) > expected, MOMENT)
    return system.count_posts(person)
