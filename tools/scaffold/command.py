"""The verb `new`: writes a service into the repository, or takes one out again."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from services.chassis.security.access_rules import Access, read_access
from tools.runner.config.guests import PYTHON, known_access_files
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.scaffold import guest
from tools.scaffold.generated_files import (
    format_files,
    formatted,
    render_files,
    render_next_steps,
)
from tools.scaffold.new_service import (
    NewService,
    files_below,
    find_service,
    require_file_of_archives,
    require_unheard,
    without_accounts,
)
from tools.scaffold.questions import ask
from tools.scaffold.registrations import REGISTRATIONS, added_lines, names_module

_FORMATTED = (
    "services/contracts/events.py",
    "services/gateway/rest/routers.py",
    "services/media/exports/collector.py",
)
"""The registrations with imports, which have an order."""

_EXERCISES = REPO / "tools" / "learn" / "exercises"
"""Each is a small world of its own, with the same names in what is given and in the solution."""

_OWN_FOLDERS = ("services", "tests/unit", "tests/services")


def create(name: str, owns: str, tells: str, topics: Iterable[str], language: str = PYTHON) -> int:
    """Write a service, name it where services are named, and print what to do next.

    One in another language is a guest, with its rules in its own folder.

    Raises RunnerError, and writes nothing, for a name that cannot be or changes that are not
    committed. What is not given is asked for at a terminal.
    """
    guest.require_telling(language, tells)
    new = _service(name, owns, tells, without_accounts(topics), guest.can_tell(language))
    if language != PYTHON:
        return guest.create(new, language)
    require_file_of_archives(new)
    files = render_files(new)
    _require_new_classes(files)
    changed = {path: _read(path) for path in REGISTRATIONS}
    added = {path: edit.add(changed[path], new) for path, edit in REGISTRATIONS.items()}
    for path, text in {**files, **added}.items():
        (REPO / path).parent.mkdir(parents=True, exist_ok=True)
        (REPO / path).write_text(text)
    format_files([REPO / path for path in _FORMATTED])
    _write_generated_files()
    print(render_next_steps(new), end="")
    return 0


def _service(
    name: str, owns: str, tells: str, topics: tuple[str, ...], can_tell: bool
) -> NewService:
    access = _access_of_all()
    if not owns:
        _require_no_changes()  # before somebody answers in vain
        return ask(name, tells, topics, access, can_tell=can_tell)
    new = NewService(name, owns, tells or f"{owns}-changed", topics)
    new.check(REPO, access)
    _require_no_changes()
    return new


def _access_of_all() -> Access:
    """Return the rules of all services, with those of guests, running or not."""
    return read_access(additions=known_access_files())


def remove(name: str, *, force: bool) -> int:
    """Take out a service that `create` wrote.

    Raises RunnerError, and changes nothing, if other code needs it, or if its files or the lines
    that name it are not as they were written; with `force` these are deleted all the same.
    """
    if its_folder := guest.folder_of(name):
        return guest.remove(its_folder, _access_of_all(), force=force)
    new = find_service(name, read_access())
    used = "`subscribes` in services/access.yaml, and the handler in consumers.py"
    require_unheard(new, read_access(), used)
    files = render_files(new)
    own = {path.relative_to(REPO).as_posix() for path in _own_files(new, files)}
    _require_not_imported(name, own)
    changed = [path for path in sorted(own) if path not in files or _read(path) != files[path]]
    changed += [f"{path} (what it says of {name})" for path in _changed_registrations(new)]
    if changed and not force:
        raise RunnerError(
            f"these files are not as `new` wrote them: {', '.join(changed)}. To delete that too: "
            f"./tye-like-run.sh new {name} --remove --force"
        )
    for path, edit in REGISTRATIONS.items():
        (REPO / path).write_text(edit.remove(_read(path), new))
    for path in own:
        (REPO / path).unlink()
    for folder in _OWN_FOLDERS:
        shutil.rmtree(REPO / folder / name, ignore_errors=True)
    _write_generated_files()
    print(f'"{name}" is taken out. What a running system stored for it stays in .run.')
    return 0


def _require_no_changes() -> None:
    """Raise RunnerError if files that git knows are changed: the diff is to show the service alone.

    A copy without git has nothing to mix up.
    """
    status = ["git", "status", "--porcelain", "--untracked-files=no"]
    done = subprocess.run(status, cwd=REPO, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        changed = ", ".join(line[3:] for line in done.stdout.splitlines()[:5])
        raise RunnerError(
            f"there are changes that are not committed: {changed}. Commit them, or put them aside "
            "with `git stash`, so that `git diff` shows what the new service is"
        )


def _require_new_classes(files: dict[str, str]) -> None:
    """Raise RunnerError if a class of the new service has the name of one of another service."""
    pattern = re.compile(r"^class (\w+)", re.MULTILINE)
    wanted = {name for text in files.values() for name in pattern.findall(text)} - {"Repository"}
    for path in (REPO / "services").rglob("*.py"):
        if taken := wanted & {*pattern.findall(path.read_text())}:
            raise RunnerError(
                f"{path.relative_to(REPO)} has a class {min(taken)} already, and every class of "
                "services has a name of its own: choose another noun for --owns"
            )


def _require_not_imported(name: str, own: set[str]) -> None:
    """Raise RunnerError if files other than its own import its code: they would load no more."""
    users = []
    for folder in ("services", "tests", "tools"):
        for path in (REPO / folder).rglob("*.py"):
            file = path.relative_to(REPO).as_posix()
            if file not in own | REGISTRATIONS.keys() and _EXERCISES not in path.parents:
                users += [file] if names_module(path.read_text(), name) else []
    if users:
        raise RunnerError(
            f'these files use the code of "{name}": {", ".join(sorted(users))}. Take that out first'
        )


def _changed_registrations(new: NewService) -> list[str]:
    """Return the files whose lines about a service are not those that `new` wrote."""
    texts = {path: _read(path) for path in REGISTRATIONS}
    left = {path: edit.remove(texts[path], new) for path, edit in REGISTRATIONS.items()}
    again = {path: edit.add(left[path], new) for path, edit in REGISTRATIONS.items()}
    again |= formatted({path: again[path] for path in _FORMATTED})
    return [
        path
        for path in REGISTRATIONS
        if added_lines(left[path], texts[path]) != added_lines(left[path], again[path])
    ]


def _own_files(new: NewService, files: Iterable[str]) -> set[Path]:
    """Return the files of a service that exist: those that were written, and all in its folders."""
    there = {REPO / path for path in files if (REPO / path).exists()}
    for folder in _OWN_FOLDERS:
        there |= files_below(REPO / folder / new.name)
    return there


def _write_generated_files() -> None:
    """Write what is made from the code and the rules. Raises RunnerError if they do not load."""
    for command in (
        ["tools.contracts"],
        ["tools.runner", "kubernetes"],
        ["tools.runner", "compose", "--write"],
    ):
        words = [sys.executable, "-m", *command]
        done = subprocess.run(words, cwd=REPO, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RunnerError(f"`python -m {' '.join(command)}` failed:\n{done.stderr}")


def _read(path: str) -> str:
    return (REPO / path).read_text()
