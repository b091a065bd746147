"""Guests: programs in other languages, from `guests/`.

`guests/comments-go` takes the place of `comments` with `--guest comments=go`. Several languages,
`comments=python+go`, are for the replicas of a service in turn. A guest with an access file, such
as `guests/insights-ts`, is a service of its own, which runs beside the others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from services.chassis.security.access_rules import ADDITIONS
from tools.runner.config.guests import FOLDER, PYTHON, Languages, access_files, guest_folder
from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import REPO, user_cache
from tools.runner.errors import RunnerError
from tools.runner.infra.go_build import go_program, make_once
from tools.runner.infra.node_build import typescript_command
from tools.runner.output import progress

_ADVICE = "`go build` in the folder of the guest shows the same errors."
_FLAGS = ("-trimpath", "-buildvcs=false", "-ldflags", "-s -w")
_NO_SOURCES = ("node_modules",)
_GO_LIBRARY = ("go.mod", "go")
_TYPESCRIPT_LIBRARY = ("package.json", "package-lock.json", "tsconfig.json", "ts")
"""What all guests in a language are built of, beside their own folder."""


def with_guests(apps: Sequence[ManifestApp], languages: Languages) -> list[ManifestApp]:
    """Return the apps with the commands of guests, which are built first where they must be.

    Raises RunnerError for a guest that does not exist, or cannot be built.
    """
    known = {app.app_id for app in apps}
    files = access_files(languages)
    own = {path.parent.name.rpartition("-")[0] for path in files} - known
    for name in sorted(languages.keys() - known - own):
        raise RunnerError(f'--guest: there is no app "{name}" (known: {", ".join(sorted(known))})')
    everything = [*apps, *(_app_beside(apps[0], name) for name in sorted(own))]
    chosen = [_with_languages(app, languages.get(app.app_id, ())) for app in everything]
    return [_with_access(app, files) for app in chosen] if files else chosen


def _app_beside(app: ManifestApp, name: str) -> ManifestApp:
    """Return a further app, with the settings that all have in common."""
    return ManifestApp(
        name, REPO, (), app.config_file, app.resources, options=app.options, env=app.env
    )


def _with_languages(app: ManifestApp, languages: Sequence[str]) -> ManifestApp:
    return replace(app, commands=tuple(_command(app, each) for each in languages))


def _with_access(app: ManifestApp, files: Sequence[Path]) -> ManifestApp:
    """Tell an app of the rules of guests that run beside it."""
    return replace(app, env={**app.env, ADDITIONS: ":".join(map(str, files))})


def _command(app: ManifestApp, language: str) -> tuple[str, ...]:
    if language == PYTHON and app.command:
        return app.command
    return guest_command(app.app_id, language)


def guest_command(app: str, language: str) -> tuple[str, ...]:
    """Return the command of a guest, which is built first where it must be.

    Raises RunnerError for a guest that does not exist, or cannot be built.
    """
    folder = guest_folder(app, language)
    if not folder.is_dir():
        known = sorted(path.name for path in FOLDER.glob("*-*"))
        raise RunnerError(
            f"--guest {app}={language}: there is no {folder} (there are: {', '.join(known)})"
        )
    return _built(folder)


def _built(folder: Path) -> tuple[str, ...]:
    """Return the command of a guest, built once for each state of its sources."""
    cache = user_cache() / "guests"
    cache.mkdir(parents=True, exist_ok=True)
    is_go = any(folder.glob("*.go"))
    shared = [FOLDER / name for name in (_GO_LIBRARY if is_go else _TYPESCRIPT_LIBRARY)]
    target = cache / f"{folder.name}-{_digest([folder, *shared])}"
    if is_go:
        return (str(_go_program(folder, target / folder.name)),)
    return typescript_command(folder, target)


def _digest(sources: Sequence[Path]) -> str:
    """Return a digest of files, and of the flags of Go that make a guest another one."""
    digest = hashlib.sha256(os.environ.get("GOFLAGS", "").encode())
    for source in sources:
        for path in sorted([source, *source.rglob("*")]):
            if path.is_file() and not set(_NO_SOURCES) & set(path.parts):
                digest.update(str(path.relative_to(FOLDER)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _go_program(folder: Path, target: Path) -> Path:
    cache = target.parents[1]
    make_once(target, lambda: _build(folder, target), cache, "building guests")
    return target


def _build(folder: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    made = target.with_name(f".{folder.name}.part")
    command = [go_program(target.parents[1]), "build", *_FLAGS, "-o", str(made), "."]
    progress.run(f"building the guest {folder.name}", command, cwd=folder, advice=_ADVICE)
    made.replace(target)
