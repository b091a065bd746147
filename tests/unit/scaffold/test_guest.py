"""What `new --language` writes into the folder of a guest."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from tests.conformance.contracts import event_schemas
from tools.runner.config.guests import FOLDER
from tools.runner.errors import RunnerError
from tools.scaffold import guest
from tools.scaffold.new_service import NewService, known_topics

ALL_TOPICS = tuple(sorted(known_topics() - {"accounts"}))
SERVICES = (
    NewService("stories", "story", "story-changed", ("posts",)),
    NewService("ads", "ad", "ad-shown"),
    NewService("correspondences", "correspondence", "correspondence-changed", ALL_TOPICS),
)


@pytest.fixture(scope="module")
def module_of_guests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of guests in Go, and no guest."""
    module = tmp_path_factory.mktemp("guests")
    shutil.copy(FOLDER / "go.mod", module)
    shutil.copytree(FOLDER / "go", module / "go")
    return module


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")
@pytest.mark.parametrize("new", SERVICES, ids=lambda new: new.name)
def test_it_compiles_and_is_formatted(new: NewService, module_of_guests: Path) -> None:
    folder = module_of_guests / f"{new.name}-go"
    for name, text in guest.render(new, "go").items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for command in (["gofmt", "-l", "."], ["go", "vet", "-trimpath", "./..."]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("new", SERVICES, ids=lambda new: new.name)
def test_its_contract_describes_the_event_that_it_tells(new: NewService) -> None:
    document = json.loads(guest.render(new, "go")["asyncapi.json"])
    schemas = document["components"]["schemas"]
    named = next(name for name in schemas if name.endswith("Event"))
    event = {
        "id": "x", "type": new.tells.replace("-", ".", 1), "source": new.name, "subject": "1",
        "stream": "s", "sequence": 1, "entityversion": 1,
        "data": {"id": "1", "owner": "2", "text": "x", "created_at": "", "deleted": False},
    }  # fmt: skip
    for schema in (schemas[named], event_schemas()["CloudEvent"]):
        jsonschema_rs.validate({**schema, "components": {"schemas": schemas}}, event)


@pytest.mark.parametrize("new", SERVICES, ids=lambda new: new.name)
def test_its_contract_has_the_routes_of_its_rules(new: NewService) -> None:
    files = guest.render(new, "go")
    calls = yaml.safe_load(files["access.yaml"])["services"][new.name]["calls"]
    paths = json.loads(files["openapi.json"])["paths"]
    documented = {f"{method.upper()} {path}" for path in paths for method in paths[path]}
    assert documented == calls.keys() - {"POST /bundles"}


def test_typescript_is_refused_with_a_way_out() -> None:
    with pytest.raises(RunnerError, match="guests/insights-ts"):
        guest.require_language("typescript")


def test_a_noun_that_the_code_uses_is_refused() -> None:
    with pytest.raises(RunnerError, match='"digest" cannot be the noun'):
        guest.create(NewService("digests", "digest", "digest-changed"), "go")
