"""The scripts of the web app: their types, and their weight."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

import pytest

from tools.web import npm

_REPO = Path(__file__).parents[3]
_CONFIG = _REPO / "tools/web"
_STATIC = _REPO / "services/gateway/web/static"
_MAX_HOME_BYTES = 40 * 1024
_IMPORT = re.compile(r"""^(?:import|export) [^"]*"\./([\w-]+\.js)";""", re.MULTILINE)


@pytest.fixture(scope="session")
def compiler() -> Path:
    """TypeScript's compiler of the locked version."""
    if not npm.can_install():
        pytest.skip("Node is not installed: the types of scripts are not checked without npm")
    return npm.install(_CONFIG, "tsc")


def test_the_types_of_all_scripts_are_right(compiler: Path) -> None:
    command = [str(compiler), "--project", str(_CONFIG)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def loaded(name: str, known: set[str]) -> set[str]:
    """A module with all that it imports."""
    if name not in known and name != "texts.js":
        known.add(name)
        for other in _IMPORT.findall((_STATIC / name).read_text()):
            loaded(other, known)
    return known


def test_the_documentation_names_every_script() -> None:
    table = (_REPO / "docs/web.md").read_text()
    assert not {path.name for path in _STATIC.glob("*.js") if f"`{path.name}`" not in table}


def test_what_the_home_page_loads_is_light() -> None:
    names = loaded("app.js", set())
    assert "post-card.js" in names
    size = sum(len(gzip.compress((_STATIC / name).read_bytes())) for name in names)
    assert size <= _MAX_HOME_BYTES
