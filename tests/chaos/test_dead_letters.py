"""An event that fails is kept, listed, and handled again on demand."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from services.chassis.security.access_rules import read_access
from tests.chaos.conftest import ChaosSystem
from tests.e2e.page_assertions import await_page
from tests.system import DEADLINE, System, wait_until
from tools.runner.config.secrets import operator_headers


def publish(system: System, topic: str, event: Any) -> None:
    """Publish arbitrary data through the sidecar of the service that produces the topic."""
    producer = next(app for app, own in read_access().items() if topic in own.publishes)
    row, token = system.ps()[producer], system.tokens(producer).sidecar
    url = f"http://127.0.0.1:{row.sidecar_port}/v1.0/publish/pubsub/{topic}"
    answer = requests.post(url, json=event, headers={"dapr-api-token": token}, timeout=DEADLINE)
    assert answer.ok, answer.text


def list_dead_letters(system: System, service: str) -> list[dict[str, Any]]:
    """Return all dead letters of a service."""
    row, token = system.ps()[service], system.tokens(service).sidecar
    url = f"http://127.0.0.1:{row.sidecar_port}/v1.0/invoke/{service}/method/deadletters"
    headers = operator_headers(system.run_dir / "operator-token", token)
    answer = requests.get(url, headers=headers, timeout=DEADLINE)
    assert answer.ok, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def find_dead_letter(system: System, service: str, word: str) -> str:
    """Return the id of the first dead letter that contains a word, or an empty text."""
    return next(
        (each["id"] for each in list_dead_letters(system, service) if word in str(each)), ""
    )


@pytest.mark.parametrize(
    "garbage",
    [{"hello": "garbage"}, [1, 2, 3], "text", {"stream": "x", "sequence": -1, "data": {}}],
    ids=["object", "list", "text", "half an event"],
)
def test_garbage_on_a_topic_ends_in_the_dead_letters_and_holds_nobody_up(
    chaos: ChaosSystem, garbage: Any
) -> None:
    system = chaos.system
    mark = system.unique_name("garbage")
    publish(system, "posts", {**garbage, "mark": mark} if isinstance(garbage, dict) else garbage)
    author = system.register("author")
    post = author.client.status_post("after the garbage")
    await_page(author.client.timeline_home, [post])
    word = mark if isinstance(garbage, dict) else str(garbage)
    letter = wait_until(lambda: find_dead_letter(system, "feed", word), what="buried")
    assert letter in system.command("deadletters", "feed")


def test_a_dead_letter_is_handled_again_on_demand(chaos: ChaosSystem) -> None:
    system = chaos.system
    author = system.register("author")
    system.command("deadletters", "feed", "--replay")
    with chaos.fault_points.failing("feed", "posts"):
        post = author.client.status_post("hard to swallow")
        letter = wait_until(lambda: find_dead_letter(system, "feed", str(post.id)), what="buried")
        assert letter in system.command("deadletters", "feed")
    assert '"replayed": ' in system.command("deadletters", "feed", "--replay")
    assert letter not in system.command("deadletters", "feed")
    await_page(author.client.timeline_home, [post])
