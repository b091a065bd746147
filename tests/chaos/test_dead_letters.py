"""An event that cannot be handled is kept, listed, and handled again when that is mended."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.chaos.conftest import Stage
from tests.e2e.reading import await_ids
from tests.system import PATIENCE, System, wait_until


def publish(system: System, topic: str, event: Any) -> None:
    """Publish anything, as somebody who has got hold of a sidecar could."""
    row, token = system.ps()["gateway"], system.tokens("gateway").sidecar
    url = f"http://127.0.0.1:{row.sidecar_port}/v1.0/publish/pubsub/{topic}"
    answer = requests.post(url, json=event, headers={"dapr-api-token": token}, timeout=PATIENCE)
    assert answer.ok, answer.text


def letters(system: System, service: str) -> list[dict[str, Any]]:
    """A service's dead letters, whole, as its own sidecar tells them."""
    row, token = system.ps()[service], system.tokens(service).sidecar
    url = f"http://127.0.0.1:{row.sidecar_port}/v1.0/invoke/{service}/method/deadletters"
    answer = requests.get(url, headers={"dapr-api-token": token}, timeout=PATIENCE)
    assert answer.ok, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


def mentioning(system: System, service: str, word: str) -> str:
    """The id of the first letter that mentions a word, or nothing."""
    return next((each["id"] for each in letters(system, service) if word in str(each)), "")


@pytest.mark.parametrize(
    "garbage",
    [{"hello": "garbage"}, [1, 2, 3], "text", {"stream": "x", "sequence": -1, "data": {}}],
    ids=["object", "list", "text", "half an event"],
)
def test_garbage_on_a_topic_ends_in_the_dead_letters_and_holds_nobody_up(
    stage: Stage, garbage: Any
) -> None:
    system = stage.system
    mark = system.fresh("garbage")
    publish(system, "posts", {**garbage, "mark": mark} if isinstance(garbage, dict) else garbage)
    author = system.register("author")
    post = author.client.status_post("after the garbage")
    await_ids(author.client.timeline_home, [post])
    word = mark if isinstance(garbage, dict) else str(garbage)
    letter = wait_until(lambda: mentioning(system, "feed", word), what="buried")
    assert letter in system.command("deadletters", "feed")


def test_a_letter_is_handled_again_on_demand(stage: Stage) -> None:
    system = stage.system
    author = system.register("author")
    system.command("deadletters", "feed", "--replay")
    with stage.traps.choking("feed", "posts"):
        post = author.client.status_post("hard to swallow")
        letter = wait_until(lambda: mentioning(system, "feed", str(post.id)), what="buried")
        assert letter in system.command("deadletters", "feed")
    assert '"replayed": ' in system.command("deadletters", "feed", "--replay")
    assert letter not in system.command("deadletters", "feed")
    await_ids(author.client.timeline_home, [post])
