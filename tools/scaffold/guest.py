"""A new service in another language: a guest, all of it in a folder of its own."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from services.chassis.security.access_rules import Access
from tools.contracts.models.__main__ import models_of
from tools.runner.config.guests import FOLDER, PYTHON, guest_folder
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.scaffold.generated_files import TEMPLATES, aligned, environment_of, formatted
from tools.scaffold.new_service import ACCOUNTS, NewService, files_below, require_unheard

_TEMPLATES = Path(__file__).parent / "guest_templates"
_NEXT_STEPS = "next_steps.txt"
_SUFFIX = ".jinja"
_ACCESS_FILE = "access.yaml"
_CONFORMANCE = "conformance.py"
_CONFORMANCE_TEMPLATE = f"tests/services/SERVICE/{_CONFORMANCE}{_SUFFIX}"
"""That of services in Python: the kit asks all languages the same."""


_SHARED = "all"
"""The folder of what is the same in all languages."""

LANGUAGES = {"go": "go", "typescript": "ts"}
"""By language, the end of the name of a guest's folder."""

_TELLING = ("go",)
"""The languages whose library has a journal, and an answer to `/changes`."""

_RESERVED = {
    "go": frozenset(
        (
            *("digest", "public", "request"),
            *("former", "idempotency", "inbox", "journal", "owned"),
        )
    ),
    "typescript": frozenset(
        (
            *("array", "asked", "asks", "boolean", "collection", "commands", "conflict"),
            *("consumers", "error", "event", "exporter", "failure", "intent", "map", "number"),
            *("object", "poison", "promise", "queries", "record", "route", "set", "state"),
            *("string", "symbol", "former", "idempotency", "inbox", "owned"),
        )
    ),
}
"""By language, nouns that the code of every new guest uses for something else, or its keys do."""

_ORIGIN = re.compile(
    r"^# Written by `new (?P<name>\w+) --language (?P<language>\w+) --owns (?P<owns>\w+)"
    r"(?: --tells (?P<tells>[\w-]+))?(?: --hears (?P<hears>[\w,-]+))?`$",
    re.MULTILINE,
)
"""The line of an access file that says what the guest was made of."""


def can_tell(language: str) -> bool:
    """Return whether a service in a language tells what it owns."""
    return language == PYTHON or language in _TELLING


def require_telling(language: str, tells: str) -> None:
    """Raise RunnerError for a service that shall tell something, in a language that cannot."""
    if tells and not can_tell(language):
        raise RunnerError(
            f"a service in {language} tells nothing yet: guests/{LANGUAGES[language]} has no "
            "journal, so its events could be lost. Leave out --tells, and it is called, listens "
            "and owns data; or use --language go"
        )


def create(new: NewService, language: str) -> int:
    """Write a guest, and print what to do next. Raises RunnerError for a name that is taken."""
    if new.owns in _RESERVED[language]:
        raise RunnerError(
            f'"{new.owns}" cannot be the noun that it owns: the code of every guest uses it'
        )
    folder = guest_folder(new.name, LANGUAGES[language])
    if files_below(folder):
        raise RunnerError(f'the name "{new.name}" is taken by {folder.relative_to(REPO)}')
    for name, text in render(new, language).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    print(render_next_steps(new, language), end="")
    return 0


def folder_of(name: str) -> Path | None:
    """Return the folder of a guest that is a service of its own, if there is one."""
    return next((path.parent for path in sorted(FOLDER.glob(f"{name}-*/{_ACCESS_FILE}"))), None)


def remove(folder: Path, access: Access, *, force: bool) -> int:
    """Take out a guest that `create` wrote.

    Raises RunnerError, and changes nothing, if other services need it, or if its files are not as
    they were written; with `force` these are deleted all the same.
    """
    new, language = _find(folder)
    require_unheard(new, access, "`subscribes` in the access file, and the handler")
    written = render(new, language)
    there = {path.relative_to(folder).as_posix(): path for path in files_below(folder)}
    there.pop(folder.name, None)  # the program that `go build` leaves there
    changed = [name for name, path in there.items() if path.read_bytes() != _bytes(written, name)]
    if changed and not force:
        files = ", ".join(f"{folder.relative_to(REPO)}/{name}" for name in sorted(changed))
        raise RunnerError(
            f"these files are not as `new` wrote them: {files}. To delete that too: "
            f"./tye-like-run.sh new {new.name} --remove --force"
        )
    shutil.rmtree(folder)
    print(f'"{new.name}" is taken out. What a running system stored for it stays in .run.')
    return 0


def render(new: NewService, language: str) -> dict[str, str]:
    """Return the text of each file of a guest, by its path in its folder."""
    files = {}
    for folder in (_TEMPLATES / _SHARED, _TEMPLATES / language):
        for path in sorted(folder.rglob(f"*{_SUFFIX}")):
            name = path.relative_to(folder).as_posix().removesuffix(_SUFFIX)
            if name != _NEXT_STEPS:
                template = path.relative_to(_TEMPLATES).as_posix()
                files[name.replace("NOUN", new.owns)] = _render(template, new, language)
    if language == "typescript":
        files["src/models.ts"] = models_of({ACCOUNTS, *new.subscribes})
    conformance = _render(_CONFORMANCE_TEMPLATE, new, language)
    return files | formatted({_CONFORMANCE: conformance})


def render_next_steps(new: NewService, language: str) -> str:
    """Return the page that says what to do next."""
    return aligned(_render(f"{language}/{_NEXT_STEPS}{_SUFFIX}", new, language))


def _render(template: str, new: NewService, language: str) -> str:
    event = f" --tells {new.tells}" if can_tell(language) else ""
    topics = f" --hears {','.join(new.subscribes)}" if new.subscribes else ""
    return (
        environment_of(_TEMPLATES, TEMPLATES)
        .get_template(template)
        .render(
            new.template_values(),
            made_of=f"--language {language} --owns {new.owns}{event}{topics}",
            suffix=LANGUAGES[language],
            tells=can_tell(language),
        )
    )


def _find(folder: Path) -> tuple[NewService, str]:
    """Return a guest as `new` wrote it, and its language. Raises RunnerError if it did not."""
    found = _ORIGIN.search((folder / _ACCESS_FILE).read_text())
    language = found["language"] if found else ""
    if not found or folder != guest_folder(found["name"], LANGUAGES.get(language, "")):
        raise RunnerError(
            f"{folder.relative_to(REPO)} is not as `new` writes a service. Take it out by hand"
        )
    topics = tuple(found["hears"].split(",")) if found["hears"] else ()
    tells = found["tells"] or f"{found['owns']}-changed"
    return NewService(found["name"], found["owns"], tells, topics), language


def _bytes(written: dict[str, str], name: str) -> bytes | None:
    return written[name].encode() if name in written else None
