"""`python -m tools.contracts.models` writes the models of guests; `--check` names stale ones."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tools.contracts.models import typescript

REPO = Path(__file__).parents[3]
CONTRACTS = REPO / "docs" / "contracts"


def guest_models() -> dict[Path, str]:
    """The models of each guest in TypeScript, by file: of the events that it subscribes to."""
    return {
        path.parent / "src" / "models.ts": models_of(_topics(path))
        for path in sorted((REPO / "guests").glob("*-ts/access.yaml"))
    }


def models_of(topics: set[str]) -> str:
    """The models of a guest in TypeScript that subscribes to some topics."""
    document = json.loads((CONTRACTS / "events.asyncapi.json").read_text())
    return typescript.render_events(document, topics)


def _topics(path: Path) -> set[str]:
    services: dict[str, Any] = yaml.safe_load(path.read_text())["services"]
    return {topic for own in services.values() for topic in own.get("subscribes", ())}


def main(arguments: list[str]) -> int:
    """Write the models, or check them: non-zero if one is stale."""
    parser = argparse.ArgumentParser(prog="tools.contracts.models", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    stale = [
        (path, text)
        for path, text in guest_models().items()
        if not path.exists() or path.read_text() != text
    ]
    for path, text in stale:
        print(path.relative_to(REPO))
        if not options.check:
            path.write_text(text)
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
