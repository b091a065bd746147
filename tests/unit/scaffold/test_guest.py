"""What `new --language` writes into the folder of a guest."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from tests.conformance.contracts import event_schemas
from tests.unit.guests.typescript import can_compile, compile_typescript, run_tests
from tools.runner.config.guests import FOLDER
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.scaffold import guest
from tools.scaffold.generated_files import render_next_steps
from tools.scaffold.new_service import NewService, known_topics

ALL_TOPICS = tuple(sorted(known_topics() - {"accounts"}))
SERVICES = (
    NewService("stories", "story", "story-changed", ("posts",)),
    NewService("ads", "ad", "ad-shown"),
    NewService("correspondences", "correspondence", "correspondence-changed", ALL_TOPICS),
)


EVERY_LANGUAGE = pytest.mark.parametrize("language", guest.LANGUAGES)
EVERY_SERVICE = pytest.mark.parametrize("new", SERVICES, ids=lambda new: new.name)


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The libraries of guests, and no guest."""
    folder = tmp_path_factory.mktemp("guests")
    for name in ("go.mod", "package.json", "tsconfig.json"):
        shutil.copy(FOLDER / name, folder)
    for name in ("go", "ts"):
        shutil.copytree(FOLDER / name, folder / name)
    return folder


def written(new: NewService, language: str, guests: Path) -> Path:
    """The folder of a guest, with all that `new` writes there."""
    folder = guests / f"{new.name}-{guest.LANGUAGES[language]}"
    for name, text in guest.render(new, language).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")
@EVERY_SERVICE
def test_in_go_it_compiles_and_is_formatted(new: NewService, guests: Path) -> None:
    folder = written(new, "go", guests)
    for command in (["gofmt", "-l", "."], ["go", "vet", "-trimpath", "./..."]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.skipif(not can_compile(), reason="there is no Node and npm")
@EVERY_SERVICE
def test_in_typescript_it_compiles_and_its_tests_pass(
    new: NewService, guests: Path, tmp_path: Path
) -> None:
    folder = written(new, "typescript", guests)
    compile_typescript(folder, tmp_path)
    run_tests(tmp_path / folder.name, folder)


@EVERY_LANGUAGE
@EVERY_SERVICE
def test_its_stories_are_python_as_all_is(new: NewService, language: str) -> None:
    text = guest.render(new, language)["conformance.py"]
    name = ["--stdin-filename", "guests/stories-go/conformance.py"]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *name],
            cwd=REPO, input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


@EVERY_SERVICE
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


@EVERY_LANGUAGE
@EVERY_SERVICE
def test_its_contract_has_the_routes_of_its_rules(new: NewService, language: str) -> None:
    files = guest.render(new, language)
    calls = yaml.safe_load(files["access.yaml"])["services"][new.name]["calls"]
    paths = json.loads(files["openapi.json"])["paths"]
    documented = {f"{method.upper()} {path}" for path in paths for method in paths[path]}
    assert documented == calls.keys() - {"POST /bundles"}


def test_a_service_in_typescript_that_shall_tell_is_refused_with_a_way_out() -> None:
    with pytest.raises(RunnerError, match=r"no journal.*Leave out --tells.*--language go"):
        guest.require_telling("typescript", "story-changed")
    guest.require_telling("typescript", "")


def test_a_noun_that_the_code_uses_is_refused() -> None:
    with pytest.raises(RunnerError, match='"digest" cannot be the noun'):
        guest.create(NewService("digests", "digest", "digest-changed"), "go")


@EVERY_SERVICE
def test_what_to_do_next_is_in_columns_whatever_it_is_called(new: NewService) -> None:
    pages = [
        render_next_steps(new),
        *(guest.render_next_steps(new, each) for each in guest.LANGUAGES),
    ]
    for page in pages:
        rows = re.findall(r"^(  \S.*?  +)\S.*$", page, re.MULTILINE)
        assert len(rows) > 5
        assert len({len(row) for row in rows}) == 1, page
