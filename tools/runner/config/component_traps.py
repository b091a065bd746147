"""Refuses components whose type or settings would lose or double what was acknowledged.

docs/dapr-notes.md says how each was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.runner.config.components import Document, component_type
from tools.runner.errors import RunnerError

_UNSAFE_TYPES = {
    "state.etcd": "of two writers at once both are told that they have written, and one has not",
    "state.etcd/v2": "of two writers at once both are told that they have written, and one has not",
}

_REQUIRED: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "pubsub.jetstream": {
        "concurrency": (
            "single",
            "with `parallel`, messages are acknowledged before they are handled",
        ),
        "durableName": (
            "{appID}",
            "each service needs a copy of every message, and keeps its place",
        ),
        "queueGroupName": ("{appID}", "without it each replica handles every message"),
    },
    "pubsub.kafka": {
        "consumerGroup": ("{appID}", "each service needs a copy of every message"),
        "initialOffset": ("oldest", "messages from before the first start would be dropped"),
        "consumeRetryEnabled": ("true", "a message whose handler fails would be passed over"),
        "producerRequiredAcks": ("all", "a publish would be acknowledged too early"),
    },
    "pubsub.mqtt3": {
        "consumerGroup": ("{appID}", "without it each replica handles every message"),
        "consumerID": ("{podName}", "two replicas with one name end each other's connection"),
        "cleanSession": ("false", "messages for a service that is away would be dropped"),
    },
    "pubsub.rabbitmq": {
        "durable": ("true", "queues would end with the broker"),
        "deletedWhenUnused": ("false", "the queue of a service that is away would be deleted"),
        "deliveryMode": ("2", "messages would end with the broker"),
        "publisherConfirm": ("true", "a publish would be acknowledged before the broker has it"),
        "autoAck": ("false", "messages would be acknowledged before they are handled"),
        "requeueInFailure": ("true", "a message whose handler fails would be dropped"),
    },
    "pubsub.redis": {
        "processingTimeout": (
            "60s",
            "messages of a replica that died would come again while they are handled, or never",
        ),
    },
    "secretstores.local.env": {
        "prefix": ("MICROGRAM_SECRET_", "without it every variable of a sidecar is a secret"),
    },
    "state.mysql": {
        "schemaName": ("{appID}", "each service has a database of its own"),
        "cleanupInterval": ("1s", "an expired key cannot be created again for up to an hour"),
    },
}
"""By type of `pubsub`, `secretstore` and `statestore`: settings, their only safe value, and why."""

_CHECKED = ("pubsub", "secretstore", "statestore")


def unsafe_types() -> Mapping[str, str]:
    """Return the types that are refused whatever their settings, and why."""
    return _UNSAFE_TYPES


def required_settings(kind: str) -> Mapping[str, tuple[str, str]]:
    """Return the settings that a type must have, with their values and why."""
    return _REQUIRED.get(kind, {})


def refuse_traps(name: str, components: Sequence[Document]) -> None:
    """Check the components of a set. Raises RunnerError that says what is wrong, and why."""
    for component in components:
        kind = component_type(component)
        if kind in _UNSAFE_TYPES:
            raise RunnerError(
                f'the component set "{name}" is refused: {kind}: {_UNSAFE_TYPES[kind]}'
            )
        if _name(component) in _CHECKED:
            _refuse_settings(name, component, required_settings(kind))
    _refuse_broadcast_elsewhere(name, components)


def _refuse_broadcast_elsewhere(name: str, components: Sequence[Document]) -> None:
    """Refuse a broadcast of another type than pubsub. Two servers of one type are not noticed."""
    brokers = {
        _name(each): component_type(each)
        for each in components
        if _name(each) in ("pubsub", "broadcast")
    }
    if len(set(brokers.values())) > 1:
        raise RunnerError(
            f'the component set "{name}" is refused: broadcast is {brokers["broadcast"]} and '
            f"pubsub is {brokers['pubsub']}: streams would hear of nothing that is published"
        )


def _refuse_settings(
    name: str, component: Document, required: Mapping[str, tuple[str, str]]
) -> None:
    metadata = component["spec"].get("metadata") or []
    given = {str(item["name"]): as_text(item.get("value", "")) for item in metadata}
    for setting, (value, why) in required.items():
        if given.get(setting) != value:
            raise RunnerError(
                f'the component set "{name}" is refused: {setting} of {_name(component)} must be '
                f'"{value}": {why}'
            )


def as_text(value: object) -> str:
    """Return a value as a sidecar reads it: YAML's true is "true"."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _name(component: Document) -> str:
    return str(component["metadata"]["name"])
