"""Guests in TypeScript and their library: their types, their own tests, and their models."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.guests.typescript import can_compile, compile_typescript, run_tests
from tools.contracts.models import __main__ as models
from tools.runner.config.guests import FOLDER
from tools.runner.infra.node_build import node_program

GUESTS = sorted(path.parent for path in FOLDER.glob("*-ts/tsconfig.json"))
Compile = Callable[[Path], Path]

needs_compiler = pytest.mark.skipif(not can_compile(), reason="there is no Node and npm")


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compiles a guest and its tests, and returns its folder as JavaScript."""
    target = tmp_path_factory.mktemp("typescript")

    def compile_once(guest: Path) -> Path:
        if not (target / guest.name).exists():
            compile_typescript(guest, target)
        return target / guest.name

    return compile_once


@needs_compiler
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.name)
def test_its_types_are_right_and_its_tests_pass(guest: Path, compiled: Compile) -> None:
    run_tests(compiled(guest), guest)


@needs_compiler
def test_the_tests_of_the_library_pass(tmp_path: Path) -> None:
    compile_typescript(FOLDER, tmp_path)
    run_tests(tmp_path / "ts", FOLDER / "ts")


@needs_compiler
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.name)
def test_it_does_not_start_without_its_tokens(guest: Path, compiled: Compile) -> None:
    command = [node_program(), str(compiled(guest) / "src" / "main.js")]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "must be set" in done.stderr


def test_their_models_are_those_of_the_contracts() -> None:
    written = {path: path.read_text() for path in models.guest_models()}
    assert written == models.guest_models(), "run `python -m tools.contracts.models`"
