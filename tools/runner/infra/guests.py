"""Guests: programs in other languages that take the place of a service, from `guests/`.

`guests/comments-go` takes the place of `comments` with `--guest comments=go`. Several languages,
`comments=python+go`, are for the replicas of a service in turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import REPO, user_cache
from tools.runner.errors import RunnerError
from tools.runner.infra.go_build import go_program
from tools.runner.output import progress

FOLDER = REPO / "guests"
PYTHON = "python"
"""The service itself, in a list of languages."""

_ADVICE = "`go build` in the folder of the guest shows the same errors."
_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags", "-s -w")

Languages = Mapping[str, Sequence[str]]
"""The languages of each service that has guests."""


def with_guests(apps: Sequence[ManifestApp], languages: Languages) -> list[ManifestApp]:
    """Return the apps with the commands of guests, which are built first where they must be.

    Raises RunnerError for a guest that does not exist, or cannot be built.
    """
    known = {app.app_id for app in apps}
    for name in sorted(languages.keys() - known):
        raise RunnerError(f'--guest: there is no app "{name}" (known: {", ".join(sorted(known))})')
    return [
        replace(app, commands=tuple(_command(app, each) for each in languages[app.app_id]))
        if app.app_id in languages
        else app
        for app in apps
    ]


def _command(app: ManifestApp, language: str) -> tuple[str, ...]:
    if language == PYTHON:
        return app.command
    folder = FOLDER / f"{app.app_id}-{language}"
    if not folder.is_dir():
        known = sorted(path.name for path in FOLDER.glob("*-*"))
        raise RunnerError(
            f"--guest {app.app_id}={language}: there is no {folder} (there are: {', '.join(known)})"
        )
    return (str(_built(folder)),)


def _built(folder: Path) -> Path:
    """Return the program of a guest in Go, built once for each state of its sources."""
    sources = sorted([*folder.glob("*.go"), folder / "go.mod"])
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.name.encode() + path.read_bytes())
    cache = user_cache() / "guests"
    target = cache / f"{folder.name}-{digest.hexdigest()[:12]}" / folder.name
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(exist_ok=True)
        made = target.with_name(f".{folder.name}.part")
        command = [go_program(cache), "build", *_FLAGS, "-o", str(made), "."]
        progress.run(f"building the guest {folder.name}", command, cwd=folder, advice=_ADVICE)
        made.replace(target)
    return target
