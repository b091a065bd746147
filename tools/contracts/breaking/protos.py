"""Compares the messages and methods of gRPC of two releases, as their descriptors say them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.json_format import MessageToDict

from tools.contracts.breaking.schemas import Json
from tools.contracts.protobuf import FOLDER


def descriptors() -> dict[str, Json]:
    """The descriptor of each file in `proto/`, by the name of the file."""
    found = {}
    for path in sorted(FOLDER.glob("*_pb2.py")):
        file = FileDescriptorProto()
        module = importlib.import_module(f"services.contracts.protobuf.{path.stem}")
        module.DESCRIPTOR.CopyToProto(file)
        found[path.stem.removesuffix("_pb2")] = MessageToDict(file)
    return found


def faults(old: Json, new: Json) -> Iterator[str]:
    """What breaks callers: methods, fields by number and values that are gone or others now."""
    for kind, parts_of in (("method", _methods), ("field", _fields), ("value", _values)):
        now = dict(parts_of(new))
        for name, was in parts_of(old):
            if name not in now:
                yield f"the {kind} {name} was removed"
            elif now[name] != was:
                yield f"the {kind} {name} was {_text(was)}, and is {_text(now[name])} now"


def method_prefix(file: Json) -> str:
    """How the names of a file's methods begin in the rules of access."""
    return f"/{file.get('package', '')}."


_Part = Mapping[str, Any]
_SHAPE_OF_METHOD = ("inputType", "outputType", "clientStreaming", "serverStreaming")
_SHAPE_OF_FIELD = ("name", "type", "label", "typeName", "proto3Optional", "oneofIndex")


def _methods(file: Json) -> Iterator[tuple[str, _Part]]:
    for service in file.get("service", ()):
        for method in service.get("method", ()):
            yield f"{service['name']}.{method['name']}", _shape(method, _SHAPE_OF_METHOD)


def _fields(file: Json) -> Iterator[tuple[str, _Part]]:
    for name, message in _messages(file.get("messageType", ()), ""):
        for field in message.get("field", ()):
            yield f"{name} = {field['number']}", _shape(field, _SHAPE_OF_FIELD)


def _values(file: Json) -> Iterator[tuple[str, _Part]]:
    owners = [("", file), *_messages(file.get("messageType", ()), "")]
    for before, owner in owners:
        for each in owner.get("enumType", ()):
            name = f"{before}.{each['name']}".removeprefix(".")
            for value in each["value"]:
                yield f"{name} = {value.get('number', 0)}", _shape(value, ("name",))


def _messages(messages: Any, before: str) -> Iterator[tuple[str, Json]]:
    for message in messages:
        name = before + message["name"]
        yield name, message
        yield from _messages(message.get("nestedType", ()), f"{name}.")


def _shape(part: Json, keys: tuple[str, ...]) -> _Part:
    return {key: part[key] for key in keys if key in part}


def _text(shape: _Part) -> str:
    return " ".join(f"{key}={value}" for key, value in shape.items())
