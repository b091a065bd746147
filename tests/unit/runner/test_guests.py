"""Guests take the place of a service, alone or beside it."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.runner.config import guests as guest_folders
from tools.runner.config.guests import Languages
from tools.runner.config.manifest import ManifestApp
from tools.runner.errors import RunnerError
from tools.runner.infra import go_build, guests
from tools.runner.infra.guests import with_guests
from tools.runner.output import progress

APPS = [
    ManifestApp("comments", Path(), ("python", "comments")),
    ManifestApp("posts", Path(), ("x",)),
]


def test_without_guests_nothing_changes() -> None:
    assert with_guests(APPS, {}) == APPS


def test_a_guest_replaces_the_command_of_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "_built", lambda folder: (str(folder / "program"),))
    comments, posts = with_guests(APPS, {"comments": ("go",)})
    program = (str(guest_folders.FOLDER / "comments-go" / "program"),)
    assert [comments.command_of(number) for number in range(2)] == [program, program]
    assert posts.command_of(0) == ("x",)


def test_replicas_take_the_languages_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "_built", lambda folder: (str(folder / "program"),))
    comments, _ = with_guests(APPS, {"comments": ("python", "go")})
    commands = [comments.command_of(number) for number in range(3)]
    assert commands[0] == commands[2] == ("python", "comments")
    assert commands[1] == (str(guest_folders.FOLDER / "comments-go" / "program"),)


@pytest.mark.parametrize(
    ("languages", "said"),
    [
        ({"comment": ("go",)}, 'there is no app "comment" (known: comments, posts)'),
        ({"comments": ("cobol",)}, "--guest comments=cobol: there is no"),
    ],
)
def test_an_unknown_guest_is_refused(languages: Languages, said: str) -> None:
    with pytest.raises(RunnerError) as refused:
        with_guests(APPS, languages)
    assert said in str(refused.value)


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go")
def test_a_guest_in_go_is_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "guests" / "comments-go"
    folder.mkdir(parents=True)
    library = folder.parent / "go" / "library"
    library.mkdir(parents=True)
    (folder.parent / "go.mod").write_text("module guests\n\ngo 1.22\n")
    (library / "library.go").write_text("package library\n")
    (folder / "main.go").write_text("package main\n\nfunc main() {}\n")
    monkeypatch.setattr(guest_folders, "FOLDER", folder.parent)
    monkeypatch.setattr(guests, "FOLDER", folder.parent)
    monkeypatch.setattr(guests, "user_cache", lambda: tmp_path / "cache")
    (first,) = with_guests(APPS[:1], {"comments": ("go",)})
    program = Path(first.command_of(0)[0])
    assert os.access(program, os.X_OK)
    built_at = program.stat().st_mtime_ns
    monkeypatch.setenv("GOFLAGS", "-tags=faults")
    (with_faults,) = with_guests(APPS[:1], {"comments": ("go",)})
    assert with_faults.command_of(0) != first.command_of(0)
    monkeypatch.delenv("GOFLAGS")
    with_guests(APPS[:1], {"comments": ("go",)})
    assert program.stat().st_mtime_ns == built_at
    (folder / "main.go").write_text("package main\n\nfunc main() { println(1) }\n")
    (changed,) = with_guests(APPS[:1], {"comments": ("go",)})
    assert changed.command_of(0) != first.command_of(0)
    (library / "library.go").write_text("package library\n\nconst Version = 2\n")
    (with_another_library,) = with_guests(APPS[:1], {"comments": ("go",)})
    assert with_another_library.command_of(0) != changed.command_of(0)


def test_runners_that_start_together_build_a_guest_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "guests" / "comments-go"
    folder.mkdir(parents=True)
    (folder / "main.go").write_text("package main\n")
    monkeypatch.setattr(guest_folders, "FOLDER", folder.parent)
    monkeypatch.setattr(guests, "FOLDER", folder.parent)
    monkeypatch.setattr(guests, "user_cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(guests, "go_program", lambda _: "go")
    built = []

    def build(_: str, command: list[str], **__: object) -> None:
        built.append(command)
        time.sleep(0.05)  # the others are there meanwhile
        Path(command[command.index("-o") + 1]).write_text("a program")

    monkeypatch.setattr(progress, "run", build)
    with ThreadPoolExecutor(4) as pool:
        started = [pool.submit(with_guests, APPS[:1], {"comments": ("go",)}) for _ in range(4)]
        (program,) = {Path(each.result()[0].command_of(0)[0]) for each in started}
    assert program.read_text() == "a program"
    assert len(built) == 1
    monkeypatch.setattr(go_build, "cache_lock", None)  # what is built waits for nobody
    with_guests(APPS[:1], {"comments": ("go",)})
