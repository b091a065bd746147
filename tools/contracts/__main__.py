"""`python -m tools.contracts` writes docs/contracts and the messages of gRPC.

With `--check` it says what is out of date.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from services.chassis.consuming.events import CloudEvent
from services.chassis.dapr.pubsub import MESSAGE_TYPE
from services.chassis.security.access_rules import read_access
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EVENTS, EventType
from services.gateway.graphql.schema.root import sdl
from tools.contracts import protobuf
from tools.contracts.access import access_page
from tools.contracts.tokens import add_token_needs

FOLDER = Path(__file__).parents[2] / "docs" / "contracts"
SERVICES = tuple(sorted(read_access()))
"""Every service that services/access.yaml names."""

ABOUT = (
    "CloudEvents 1.0 on the Dapr component `pubsub`. Each carries the newest state of one document "
    "and its version (`entityversion`): keep the version you have seen, and ignore what is not "
    "newer. `stream` and `sequence` number what a producer says; it answers for what the broker "
    "lost at `GET /changes/{topic}/{stream}`."
)


def documents() -> dict[str, str]:
    """Every document by its file name."""
    return {
        **{f"{name}.openapi.json": _text(openapi(name)) for name in SERVICES},
        "events.asyncapi.json": _text(asyncapi()),
        "schema.graphql": sdl(),
        "access.md": access_page(read_access()),
    }


def openapi(name: str) -> dict[str, Any]:
    """The routes of one service."""
    module = importlib.import_module(f"services.{name}.app")
    app = module.create_app(Service(settings_of(module, name)))
    made: dict[str, Any] = app.openapi()
    if name != "gateway":  # its documents name the schemes of the public API
        add_token_needs(made, app.routes)
    return made


def asyncapi() -> dict[str, Any]:
    """Every event: its topic, who says it, and what is in it."""
    topics = sorted({event.topic for event in EVENTS})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Microgram events",
            "version": "1",
            "description": ABOUT,
        },
        "channels": {topic: {"address": topic, "messages": _messages(topic)} for topic in topics},
        "operations": {
            f"{event.producer} says {event.name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{event.topic}"},
                "messages": [{"$ref": f"#/channels/{event.topic}/messages/{MESSAGE_TYPE}"}],
            }
            for event in EVENTS
        },
        "components": {"schemas": _schemas()},
    }


def _messages(topic: str) -> dict[str, Any]:
    return {
        MESSAGE_TYPE: {
            "contentType": "application/cloudevents+json",
            "summary": "A CloudEvent that carries one or more events, each a CloudEvent itself.",
            "payload": {"$ref": _REF.format(model=_message_name(topic))},
        }
    }


def _message(topic: str) -> dict[str, Any]:
    """The schema of a message. Everything in it has a name, so that generators make named types."""
    events = [{"$ref": _REF.format(model=_event_name(e))} for e in EVENTS if e.topic == topic]
    items = events[0] if len(events) == 1 else {"oneOf": events, "discriminator": "type"}
    return {
        "title": _message_name(topic),
        "type": "object",
        "required": ["id", "source", "type", "data"],
        "properties": {
            "id": {"type": "string"},
            "source": {"type": "string"},
            "type": {"const": MESSAGE_TYPE},
            "data": {
                "title": f"{_message_name(topic)}Data",
                "type": "object",
                "required": ["events"],
                "properties": {"events": {"type": "array", "items": items}},
            },
        },
    }


def _event(event: EventType[Any], envelope: dict[str, Any]) -> dict[str, Any]:
    own = {
        "type": {"const": event.name},
        "source": {"const": event.producer},
        "data": {"$ref": _REF.format(model=event.model.__name__)},
    }
    return {
        "title": _event_name(event),
        "description": (event.model.__doc__ or "").partition("\n")[0],
        "type": "object",
        "required": envelope["required"],
        "properties": envelope["properties"] | own,
    }


def _event_name(event: EventType[Any]) -> str:
    """`PostChangedEvent` for `post.changed`."""
    return "".join(part.capitalize() for part in event.name.split(".")) + "Event"


def _message_name(topic: str) -> str:
    """`PostCountsMessage` for `post-counts`."""
    return "".join(part.capitalize() for part in topic.split("-")) + "Message"


def _schemas() -> dict[str, Any]:
    """The JSON Schema of every model, event and message on the wire; with those they refer to."""
    models: set[type[BaseModel]] = {CloudEvent, *(event.model for event in EVENTS)}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schema = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    schemas: dict[str, Any] = schema["$defs"]
    named = {_event_name(event): _event(event, schemas["CloudEvent"]) for event in EVENTS}
    named |= {_message_name(topic): _message(topic) for topic in {e.topic for e in EVENTS}}
    return schemas | named


_REF = "#/components/schemas/{model}"


def settings_of(module: Any, name: str) -> Settings:
    """Settings with which a service can be created outside of a running system."""
    own = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Settings) and kind is not Settings
    ]
    kind = own[0] if own else Settings
    return kind(app_id=name, app_port=1)


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def stale() -> list[str]:
    """The files that are not what the code says."""
    wanted = documents()
    there = {path.name for path in _files()}
    return sorted(
        name
        for name in there | wanted.keys()
        if name not in wanted or name not in there or (FOLDER / name).read_text() != wanted[name]
    )


def _files() -> list[Path]:
    """The written documents; those of the last release are in a folder among them."""
    return [path for path in FOLDER.iterdir() if path.is_file()]


def main() -> int:
    """Write the documents, or with `--check` only compare them."""
    parser = argparse.ArgumentParser(prog="python -m tools.contracts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args().check:
        old = [f"docs/contracts/{name}" for name in stale()] + protobuf.stale()
        for name in old:
            print(f"{name} is out of date: run `python -m tools.contracts`.")
        return 1 if old else 0
    wanted = documents()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in _files():
        path.unlink()
    for name, document in wanted.items():
        (FOLDER / name).write_text(document)
    protobuf.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
