"""Chooses the daprd for a component set, and refuses a set that services cannot rely on."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from tools.runner.config.component_traps import refuse_traps
from tools.runner.config.components import Document, component_type
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.runner.infra import toolchain

_SOURCES = REPO / "tools" / "dapr" / "daprd"
_ENTRY = re.compile(r'^\t\t"([^"]+)":', re.MULTILINE)
_CORRECTED = re.compile(r'^\t\t"([^"]+)":\s+new[A-Z]', re.MULTILINE)
"""An entry with a constructor of ours, in wide_fixes.go."""
_SOCKETS = "/tmp/dapr-components-sockets"  # noqa: S108 (Dapr's default)


def lean_types() -> frozenset[str]:
    """Return the types of the lean daprd, such as "state.redis"; those without version are 1."""
    return _types_in("components.go")


def wide_types() -> frozenset[str]:
    """Return the types that only the wide daprd has."""
    return _types_in("wide.go")


def _types_in(source: str, entry: re.Pattern[str] = _ENTRY) -> frozenset[str]:
    return frozenset(entry.findall((_SOURCES / source).read_text()))


def choose_daprd(name: str, documents: Iterable[Document]) -> str:
    """Return which daprd runs a component set, by its name in `toolchain`.

    Raises RunnerError that names what is lacking or unsafe, and says what to do.
    """
    components = [each for each in documents if each["kind"] == "Component"]
    refuse_traps(name, components)
    needed = {component_type(each) for each in components}
    needs_wide = bool(needed & wide_types())
    if toolchain.wants_official():
        _refuse_official(name, needed)
        return "daprd"
    if toolchain.uses_lean_daprd() or needs_wide:
        _refuse_unknown(name, needed)
    return toolchain.WIDE if needs_wide else "daprd"


def _refuse_official(name: str, needed: set[str]) -> None:
    faulty = sorted(needed & _types_in("wide.go", _CORRECTED))
    if faulty:
        raise RunnerError(
            f'the component set "{name}" needs {", ".join(faulty)}. The official daprd has faults '
            "there that ours corrects (docs/dapr-notes.md): start it without MICROGRAM_DAPRD"
        )


def _refuse_unknown(name: str, needed: Iterable[str]) -> None:
    known = lean_types() | wide_types()
    lacking = sorted(each for each in set(needed) - known if not _is_pluggable(each))
    if lacking:
        raise RunnerError(
            f'the component set "{name}" needs {", ".join(lacking)}, which the daprd of '
            f"tools/dapr/daprd does not have.\nIt has {', '.join(sorted(known))}.\n"
            "Set MICROGRAM_DAPRD=all for the official daprd, which has every component: an "
            "installed one is used, or it is built (about 13 minutes, once). Or add the component "
            f"to {(_SOURCES / 'wide.go').relative_to(REPO)}."
        )


def _is_pluggable(kind: str) -> bool:
    """Return whether the component is a process of its own, which daprd finds by its socket."""
    folder = os.environ.get("DAPR_COMPONENTS_SOCKETS_FOLDER") or _SOCKETS
    return (Path(folder) / f"{kind.rpartition('.')[2]}.sock").exists()
