"""GraphQL on the running system: the tour of docs/graphql.md, sockets, and authorization."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.system import DEADLINE, LoggedInUser, System, wait_until

Make = Callable[[str], LoggedInUser]

PAGE = Path(__file__).parents[2] / "docs" / "graphql.md"
_STEP = re.compile(r"```graphql\n# (\w+)\n(.*?)```\n```json\n(.*?)```", re.DOTALL)
_ID = re.compile(r"\d{18}")
_HOST = re.compile(r"http://127\.0\.0\.1:\d+")


def steps() -> Iterator[tuple[str, str, Any]]:
    """Yield the steps of the tour: caller, query, and response."""
    tour = PAGE.read_text().partition("<!-- tour -->")[2].partition("\n## ")[0]
    for who, query, answer in _STEP.findall(tour):
        yield who, query, json.loads(plain(answer))


def plain(text: str) -> str:
    return _HOST.sub("HOST", _ID.sub("ID", text))


def send(base: str, token: str = "", **body: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.post(f"{base}/graphql", json=body, headers=headers, timeout=60)


def ask(person: LoggedInUser, query: str, **variables: Any) -> Any:
    answered = send(person.base, person.token, query=query, variables=variables)
    assert answered.status_code == 200, answered.text
    said = answered.json()
    assert "errors" not in said, said
    return said["data"]


def test_the_tour_gives_what_the_page_shows(system: System) -> None:
    people = {name: system.register(name) for name in ("gina", "hugo")}
    newest = ""
    for who, query, expected in steps():
        here = _ID.sub(newest, query)
        for name, person in people.items():
            here = here.replace(name, person.name)
        asking = partial(_comes, people, who, here, expected)
        found = wait_until(asking, DEADLINE if query.startswith("query") else 0)
        newest = _id_in(found) or newest


def _comes(people: dict[str, LoggedInUser], who: str, query: str, expected: Any) -> Any:
    found = ask(people[who], query)
    normalized = plain(json.dumps(found))
    for name, person in people.items():
        normalized = normalized.replace(person.name, name)
    assert json.loads(normalized) == expected
    return found


def _id_in(found: Any) -> str:
    """Return the id in a response, for later steps."""
    normalized: Any = next(iter(found.values()))
    return str(normalized.get("id", ""))


def test_it_is_refused_clearly(system: System, anna: LoggedInUser) -> None:
    def code(answered: requests.Response) -> tuple[int, str]:
        return answered.status_code, answered.json()["errors"][0]["extensions"]["code"]

    deep = "{ home { nodes " + "{ author { posts { nodes " * 8 + "{ id }" + " } } }" * 8 + " } }"
    for query, expected in (
        (deep, (400, "TOO_COMPLEX")),
        ("{ a " * 3_000, (400, "TOO_COMPLEX")),
        ("{ __schema { types { name } } }", (400, "GRAPHQL_VALIDATION_FAILED")),
        ("{ viewer", (400, "GRAPHQL_PARSE_FAILED")),
        ("#" + "x" * 70_000, (413, "TOO_LARGE")),
        ('{ post(id: "1") { id } }', (200, "NOT_FOUND")),
    ):
        assert code(send(anna.base, anna.token, query=query)) == expected
    assert code(send(system.base, query="{ viewer { note } }")) == (200, "UNAUTHENTICATED")
    assert code(send(system.base, "bad", query="{ viewer { note } }")) == (401, "UNAUTHENTICATED")
    reader = anna.token_for(anna.app.register(anna.base, "reader", ["read:statuses"]))
    assert code(send(anna.base, reader, query="{ viewer { note } }")) == (200, "FORBIDDEN")
    other = requests.options(f"{system.base}/graphql", timeout=60)
    assert other.headers["Access-Control-Allow-Origin"] == "*"
    assert requests.post(f"{system.base}/bundles", json={}, timeout=60).status_code in (401, 404)


class GraphQLSocket:
    """A WebSocket client of `graphql-transport-ws`."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def say(self, **message: Any) -> None:
        self._connection.send(json.dumps(message))

    def next(self) -> Any:
        return json.loads(self._connection.recv(20))

    def settle(self) -> None:
        """Return when all that was said before is obeyed."""
        self.say(type="ping")
        assert self.next() == {"type": "pong"}


def wire(base: str, token: str = "") -> ClientConnection:
    address = f"{base.replace('http', 'ws', 1)}/graphql"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    protocols = [Subprotocol("graphql-transport-ws")]
    return connect(address, subprotocols=protocols, additional_headers=headers)


@pytest.mark.parametrize("way", ["header", "message"])
def test_events_reach_subscribers(anna: LoggedInUser, someone: Make, way: str) -> None:
    fan = someone("fan")
    fan.client.account_follow(anna.id)
    first = anna.client.status_post("the first")
    wait_until(lambda: first.id in [post.id for post in fan.client.timeline_home()])
    payload = {"Authorization": f"Bearer {fan.token}"} if way == "message" else {}
    with wire(anna.base, fan.token if way == "header" else "") as connection:
        socket = GraphQLSocket(connection)
        socket.say(type="connection_init", payload=payload)
        assert socket.next() == {"type": "connection_ack"}
        query = "subscription { home { event id post { text author { username } } } }"
        socket.say(type="subscribe", id="1", payload={"query": query})
        socket.settle()
        socket.settle()  # the operation runs in a task of its own
        post = anna.client.status_post("published")
        normalized = socket.next()
        assert normalized == {
            "type": "next",
            "id": "1",
            "payload": {
                "data": {
                    "home": {
                        "event": "NEW",
                        "id": str(post.id),
                        "post": {"text": "published", "author": {"username": anna.name}},
                    }
                }
            },
        }
        socket.say(type="complete", id="1")
        socket.settle()


def test_an_anonymous_socket_gets_nothing(system: System) -> None:
    with wire(system.base) as connection:
        socket = GraphQLSocket(connection)
        socket.say(type="connection_init")
        with pytest.raises(ConnectionClosed) as closed:
            socket.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403
    with pytest.raises(InvalidStatus) as refused, wire(system.base, "bad"):
        pass
    assert refused.value.response.status_code == 401
