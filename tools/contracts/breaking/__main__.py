"""`python -m tools.contracts.breaking`: non-zero if a change breaks somebody.

The contracts of the last release are in docs/contracts/released, without what only people read.
`--release` writes them again, when a release is made. A change that is wanted, since all who are
broken are changed in the same release, is named in `accepted.yaml` there, with the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from services.chassis.security.access_rules import read_access
from tools.contracts.breaking.contracts import (
    BreakingChange,
    Contracts,
    breaking_changes,
    callers_and_subscribers,
)
from tools.contracts.breaking.protos import descriptors
from tools.runner.config.guests import FOLDER as GUESTS

CONTRACTS = Path(__file__).parents[3] / "docs" / "contracts"
RELEASED = CONTRACTS / "released"

_FOR_PEOPLE = ("description", "summary", "examples", "example", "operationId", "tags", "title")


def present() -> Contracts:
    """The contracts of this tree, those of guests among the consumers."""
    access = read_access(additions=sorted(GUESTS.glob("*/access.yaml")))
    calls, subscribers = callers_and_subscribers(access)
    return Contracts(*_documents(CONTRACTS), calls, subscribers, descriptors())


def released(folder: Path = RELEASED) -> Contracts:
    """The contracts of the last release."""
    access = json.loads((folder / "access.json").read_text())
    calls = {
        service: {route: frozenset(names) for route, names in routes.items()}
        for service, routes in access["calls"].items()
    }
    subscribers = {topic: frozenset(names) for topic, names in access["subscribers"].items()}
    files = sorted(folder.glob("*.proto.json"))
    grpc = {path.name.partition(".")[0]: json.loads(path.read_text()) for path in files}
    return Contracts(*_documents(folder), calls, subscribers, grpc)


def unaccepted(folder: Path = RELEASED) -> list[BreakingChange]:
    """The changes since the last release that break somebody, but those that are accepted."""
    accepted = yaml.safe_load((folder / "accepted.yaml").read_text()) or {}
    found = breaking_changes(released(folder), present())
    return [change for change in found if change.key not in accepted]


def write_released(folder: Path = RELEASED) -> None:
    """Make the present contracts those of the last release; those of removed services go."""
    now = present()
    folder.mkdir(exist_ok=True)
    for path in (*folder.glob("*.openapi.json"), *folder.glob("*.proto.json")):
        path.unlink()
    for name, document in now.openapi.items():
        _write(folder / f"{name}.openapi.json", _without_version(_pruned(document)))
    _write(folder / "events.asyncapi.json", _without_version(_pruned(now.events)))
    (folder / "schema.graphql").write_text(now.graphql)
    for name, file in now.grpc.items():
        _write(folder / f"{name}.proto.json", file)
    calls = {
        service: {route: sorted(names) for route, names in routes.items()}
        for service, routes in now.calls.items()
    }
    subscribers = {topic: sorted(names) for topic, names in now.subscribers.items()}
    _write(folder / "access.json", {"calls": calls, "subscribers": subscribers})
    (folder / "accepted.yaml").write_text(
        "# Wanted changes since the last release: what the gate says, and why nobody is broken.\n"
    )


def _documents(folder: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    paths = sorted(folder.glob("*.openapi.json"))
    openapi = {path.name.partition(".")[0]: json.loads(path.read_text()) for path in paths}
    events = json.loads((folder / "events.asyncapi.json").read_text())
    return openapi, events, (folder / "schema.graphql").read_text()


def _write(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n")


def _without_version(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without its own version, which changes with each release and promises nothing."""
    return {name: each for name, each in document.items() if name != "info"}


def _pruned(value: Any, *, is_names: bool = False) -> Any:
    """A document without what only people read; fields may have such names, too."""
    if isinstance(value, Mapping):
        return {
            name: _pruned(
                each, is_names=not is_names and name in ("properties", "schemas", "paths")
            )
            for name, each in value.items()
            if is_names or name not in _FOR_PEOPLE
        }
    return [_pruned(each) for each in value] if isinstance(value, list) else value


def main(arguments: list[str]) -> int:
    """Compare, or make a release."""
    parser = argparse.ArgumentParser(
        prog="tools.contracts.breaking",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--release", action="store_true", help="these are the contracts now")
    if parser.parse_args(arguments).release:
        write_released()
        return 0
    found = unaccepted()
    for change in found:
        print(change)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
