"""The image has what services need, and no tool of developers."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tools.container.runtime_lock import lock_entries, runtime_lock

REPO = Path(__file__).parents[3]
LOCK, PROJECT = (REPO / "requirements.lock").read_text(), (REPO / "pyproject.toml").read_text()


def names() -> set[str]:
    return {*lock_entries(runtime_lock(LOCK, PROJECT))}


def test_everything_that_services_name_is_in_it_with_what_that_needs() -> None:
    named = tomllib.loads(PROJECT)["project"]["dependencies"]
    assert {each.partition("=")[0].lower() for each in named} <= names()
    assert {"starlette", "pydantic-core", "argon2-cffi-bindings"} <= names()


def test_tools_of_developers_are_not_in_it() -> None:
    assert not {"pytest", "mypy", "ruff", "playwright", "hypothesis", "schemathesis"} & names()


def test_entries_keep_version_and_hashes() -> None:
    for entry in lock_entries(runtime_lock(LOCK, PROJECT)).values():
        assert "==" in entry
        assert "--hash=sha256:" in entry
        assert entry in LOCK
