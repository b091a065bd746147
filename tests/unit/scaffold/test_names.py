"""Which names a new service may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.chassis.security.access_rules import read_access
from tools.runner.errors import RunnerError
from tools.scaffold.new_service import NewService

NEW = NewService("qwertyuiops", "qwertyuiop", "qwertyuiop-changed", ("posts",))


def test_what_git_leaves_of_an_older_try_takes_no_name(tmp_path: Path) -> None:
    compiled = tmp_path / "services/qwertyuiops/__pycache__/app.cpython-311.pyc"
    compiled.parent.mkdir(parents=True)
    compiled.touch()
    NEW.check(tmp_path, read_access())


def test_files_of_somebody_else_do(tmp_path: Path) -> None:
    own = tmp_path / "services/qwertyuiops/app.py"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(RunnerError, match="is taken by services/qwertyuiops"):
        NEW.check(tmp_path, read_access())


@pytest.mark.parametrize(
    "name", ["belongings", "bundles", "changes", "deadletters", "events", "healthz", "readyz"]
)
def test_a_route_that_every_service_has_is_no_name(name: str, tmp_path: Path) -> None:
    new = NewService(name, "qwertyuiop", "qwertyuiop-changed")
    with pytest.raises(RunnerError, match=f'every service has a route "/{name}"'):
        new.check(tmp_path, read_access())


@pytest.mark.parametrize("name", ["lists", "statuses", "timelines"])
def test_what_clients_ask_the_gateway_for_already_is_no_name(name: str, tmp_path: Path) -> None:
    new = NewService(name, "qwertyuiop", "qwertyuiop-changed")
    with pytest.raises(RunnerError, match=f'has routes "/api/v1/{name}" already'):
        new.check(tmp_path, read_access())


def test_a_noun_that_every_contract_has_is_refused(tmp_path: Path) -> None:
    new = NewService("qwertyuiops", "error", "error-changed")
    with pytest.raises(RunnerError, match='"error" cannot be the noun'):
        new.check(tmp_path, read_access())
