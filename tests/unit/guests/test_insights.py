"""The guest in TypeScript and its library: their types, their own tests, and the models."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from services.chassis.security.access_rules import read_access
from services.contracts.insights import Insights
from tests.unit.guests.typescript import can_compile, compile_typescript, run_tests
from tools.contracts.models import __main__ as models
from tools.runner.config.guests import FOLDER, access_files
from tools.runner.infra.node_build import node_program

GUEST = FOLDER / "insights-ts"


def test_its_own_tests_pass(built: Path) -> None:
    run_tests(built / "insights-ts")


def test_the_tests_of_the_library_pass(built: Path) -> None:
    compile_typescript(FOLDER, built)
    run_tests(built / "ts")


def test_it_does_not_start_without_its_tokens(built: Path) -> None:
    command = [node_program(), str(built / "insights-ts" / "src" / "main.js")]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "must be set" in done.stderr


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest, its tests and the library as JavaScript, once their types are right."""
    if not can_compile():
        pytest.skip("there is no Node and npm")
    folder = tmp_path_factory.mktemp("guest")
    compile_typescript(GUEST, folder)
    return folder


def test_its_models_are_those_of_the_contracts() -> None:
    written = {path: path.read_text() for path in models.guest_models()}
    assert written == models.guest_models(), "run `python -m tools.contracts.models`"


def test_its_answer_has_the_fields_that_the_gateway_reads() -> None:
    document = json.loads((GUEST / "openapi.json").read_text())
    assert document["components"]["schemas"]["Insights"]["properties"].keys() == (
        Insights.model_json_schema()["properties"].keys()
    )


def test_its_rules_count_only_while_it_runs() -> None:
    assert "insights" not in read_access()
    access = read_access(additions=access_files({"insights": ["ts"]}))
    assert access["insights"].calls["GET /insights/{account}"] == {"gateway"}
    assert "insights" in access["auth"].calls["GET /deletions"]
    assert "insights" in access["orders"].subscribers["orders"]
    assert access["feed"] == read_access()["feed"]
