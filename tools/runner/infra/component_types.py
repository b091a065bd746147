"""Says which component types the lean daprd has, and refuses a component set that needs others."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from tools.runner.config.components import Document
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError

_SOURCE = REPO / "tools" / "dapr" / "daprd" / "components.go"
_ENTRY = re.compile(r'^\t\t"([^"]+)":', re.MULTILINE)
_FIRST_VERSIONS = ("", "v0", "v1")
_SOCKETS = "/tmp/dapr-components-sockets"  # noqa: S108 (Dapr's default)


def lean_types() -> tuple[str, ...]:
    """Return the types in the tables of components.go, such as "state.redis"; all are version 1."""
    return tuple(sorted(_ENTRY.findall(_SOURCE.read_text())))


def require_known(name: str, documents: Iterable[Document]) -> None:
    """Check that the lean daprd can run a component set.

    Raises RunnerError that names what it lacks, and says what to do.
    """
    known = set(lean_types())
    needed = {_type(each) for each in documents if each["kind"] == "Component"}
    lacking = sorted(each for each in needed - known if not _is_pluggable(each))
    if lacking:
        raise RunnerError(
            f'the component set "{name}" needs {", ".join(lacking)}, which the daprd of '
            f"tools/dapr/daprd does not have.\nIt has {', '.join(sorted(known))}.\n"
            "Set MICROGRAM_DAPRD=all for the official daprd, which has every component: an "
            "installed one is used, or it is built (about 13 minutes, once). Or add the component "
            f"to {_SOURCE.relative_to(REPO)}."
        )


def _type(component: Document) -> str:
    spec = component["spec"]
    kind, version = str(spec["type"]).lower(), str(spec.get("version") or "").lower()
    return kind if version in _FIRST_VERSIONS else f"{kind}/{version}"


def _is_pluggable(kind: str) -> bool:
    """Return whether the component is a process of its own, which daprd finds by its socket."""
    folder = os.environ.get("DAPR_COMPONENTS_SOCKETS_FOLDER") or _SOCKETS
    return (Path(folder) / f"{kind.rpartition('.')[2]}.sock").exists()
