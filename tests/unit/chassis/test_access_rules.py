"""The access file is read strictly: what it does not say plainly stops the start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.chassis.security.access_rules import (
    CHANGES_ROUTES,
    DEAD_LETTER_ROUTES,
    AccessFileError,
    read_access,
)
from services.contracts.events import EVENTS

GOOD = """\
services:
  door:
    public: true
    calls:
      "POST /hooks": [shop]
    subscribes: [goods]
    components: [statestore, broadcast]
  shop:
    calls:
      "GET /goods/{id}": [door]
      "GET /keys": all
    grpc:
      "/goods.v1.Goods/Price": [door]
    operator: ["POST /audits"]
    publishes: [goods]
    secrets: [signature]
    components: [statestore, pubsub]
    apis: [state, publish]
  mailer:
    subscribes: [goods]
    components: [statestore, pubsub]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "access.yaml"
    path.write_text(text)
    return path


def test_a_file_is_read_with_the_routes_that_every_service_has(tmp_path: Path) -> None:
    access = read_access(write(tmp_path, GOOD))
    assert access["door"].is_public
    assert not access["shop"].is_public
    shop = access["shop"]
    assert shop.calls["GET /goods/{id}"] == {"door"}
    assert shop.calls["GET /keys"] == {"door", "mailer"}
    assert shop.grpc == {"/goods.v1.Goods/Price": {"door"}}
    assert shop.operator == {"POST /audits"} | DEAD_LETTER_ROUTES
    assert shop.secrets == {"signature"}
    assert {shop.calls[route] for route in CHANGES_ROUTES} == {frozenset({"mailer"})}
    assert access["mailer"].event_routes == {
        "GET /dapr/subscribe",
        "POST /events/goods",
        "POST /events-dead",
    }
    assert access["mailer"].dead_letter_topic == "mailer-dead"
    assert access["door"].event_routes == {"GET /dapr/subscribe", "POST /events-broadcast/goods"}
    assert access["door"].dead_letter_topic == ""


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("public: true", "open: true", 3, 'unknown key "open"'),
        ("public: true", "public: yes", 3, "true or false is expected"),
        ("[shop]", "[ship]", 5, 'there is no service "ship"'),
        ("[shop]", "everybody", 5, "a list of names is expected"),
        ("[shop]", "[shop, shop]", 5, '"shop" is given twice'),
        ("POST /hooks", "POST hooks", 5, '"POST hooks" is no route'),
        ("POST /hooks", "SEND /hooks", 5, '"SEND /hooks" is no route'),
        ("broadcast]", "redis]", 7, 'there is no component "redis"'),
        ("[state, publish]", "[stat]", 18, 'there is no Dapr API "stat"'),
        ('"GET /keys"', '"GET /goods/{id}"', 11, '"GET /goods/{id}" is given twice'),
        ('["POST /audits"]', '["GET /keys"]', 14, '"GET /keys" is in "calls", too'),
        ("/goods.v1.Goods/Price", "/goods.v1/Price", 13, '"/goods.v1/Price" is no method'),
        ('Price": [door]', 'Price": [shop2]', 13, 'there is no service "shop2"'),
        ("publishes: [goods]", "publishes: [wares]", 2, 'nobody publishes the topic "goods"'),
        ("  mailer:", "  mailer:\n    publishes: [goods]", 19, "publishes the topic"),
        ("  mailer:", "  shop:", 19, '"shop" is given twice'),
        ("services:", "service:", 1, 'unknown key "service"'),
        ("services:", "services: [", 1, "not YAML"),
    ],
)
def test_a_fault_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, why: str
) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(AccessFileError) as fault:
        read_access(path)
    assert why in str(fault.value)
    if why != "not YAML":
        assert str(fault.value).startswith(f"{path}:{line}: ")


def test_topics_have_the_producer_that_the_contracts_say() -> None:
    access = read_access()
    said = {topic: name for name, own in access.items() for topic in own.publishes}
    assert said == {event.topic: event.producer for event in EVENTS}


def test_what_belongs_to_one_service_alone() -> None:
    access = read_access()

    def users_of(component: str) -> set[str]:
        return {name for name, own in access.items() if component in own.components}

    def readers_of(secret: str) -> set[str]:
        return {name for name, own in access.items() if secret in own.secrets}

    assert users_of("blobs") == {"media"}
    assert users_of("mail") == {"notifications"}
    assert users_of("broadcast") == {"gateway"}
    assert users_of("workflowstore") == {"orders"}
    assert readers_of("jwt-signing-keys") == {"auth"}
    assert readers_of("payments-webhook-secret") == {"payments"}
    assert readers_of("operator-token-sha256") == set(access)
    assert readers_of("metrics-token-sha256") == set(access)


def test_the_runner_can_read_the_file_without_the_chassis() -> None:
    code = (
        "import sys; from services.chassis.security import access_rules as a; a.read_access();"
        "print(*{'fastapi', 'pydantic', 'aiohttp', 'starlette'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


ADDED = """\
services:
  guest:
    subscribes: [goods]
    components: [pubsub]
  shop:
    calls:
      "GET /goods/{id}": [guest]
"""


def test_a_guest_adds_its_rules_and_callers_of_routes(tmp_path: Path) -> None:
    path, added = write(tmp_path, GOOD), tmp_path / "added.yaml"
    added.write_text(ADDED)
    access = read_access(path, [added])
    assert access["guest"].subscribes == {"goods"}
    assert "guest" in access["shop"].subscribers["goods"]
    assert "guest" not in read_access(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "GET /goods/{id}",
            "GET /nothing",
            'added.yaml:7: shop has no list of callers for "GET /no',
        ),
        ("[guest]", "[somebody]", 'there is no service "somebody"'),
        ("calls:", "secrets:", 'added.yaml:6: unknown key "secrets"'),
        ("[goods]", "[nothing]", 'added.yaml:2: guest: nobody publishes the topic "nothing"'),
    ],
)
def test_a_fault_of_a_guest_is_named_with_its_file(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path, added = write(tmp_path, GOOD), tmp_path / "added.yaml"
    text = ADDED.replace(old, new)
    added.write_text(text)
    with pytest.raises(AccessFileError) as refused:
        read_access(path, [added])
    assert said in str(refused.value)
