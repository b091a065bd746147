"""What a new service is called, what it owns, tells and hears; and which names are refused."""

from __future__ import annotations

import builtins
import json
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from services.chassis.security.access_rules import Access
from services.contracts.events import EVENTS, EventType
from services.contracts.invalidations import Invalidation
from services.media.exports.steps import STEPS
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.runner.infra.servers import SERVERS
from tools.runner.supervisor import dashboard

ACCOUNTS = "accounts"
"""Every new service hears of accounts: what it owns belongs to users, who may delete theirs."""

_WORD = re.compile(r"[a-z]{2,16}")
_RESERVED = frozenset(
    (
        *("caller", "data", "error", "hub", "intent", "made", "model", "new", "owner"),
        *("repository",),
        *("rules", "service", "source", "text", "user"),
    )
)
"""Words that the code of every new service, or of the gateway, uses for something else."""

_PROCESSES = SERVERS | {dashboard.NAME}
"""Names of processes and containers that a system may have beside its services."""

_ROUTES = frozenset(
    (
        *("belongings", "bundles", "changes", "dapr", "deadletters", "events"),
        *("healthz", "metrics", "readyz"),
    )
)
"""First parts of routes that every service has (docs/protocol.md): its own begin with its name."""

_FOLDERS = (
    *("services", "services/contracts", "services/clients", "services/gateway/rest"),
    *("tests/unit", "tests/services"),
)


@dataclass(frozen=True, slots=True)
class HeardEvent:
    """A type of event of another service."""

    name: str
    topic: str
    producer: str
    module: str
    model: str
    required: tuple[str, ...]
    has_deleted: bool

    @property
    def word(self) -> str:
        """Return its name as a word of Python."""
        return self.name.replace(".", "_")

    @property
    def constant(self) -> str:
        """Return its name in `contracts/events.py`."""
        return self.word.upper()

    @property
    def title(self) -> str:
        """Return its name as a word of Go."""
        return _title(self.name)


@dataclass(frozen=True)
class NewService:
    """A service that owns documents of one kind.

    `tells` is its event, such as `story-changed`; `subscribes` are topics besides that of accounts.
    """

    name: str
    owns: str
    tells: str
    subscribes: tuple[str, ...] = ()

    @property
    def plural(self) -> str:
        """Return the plural of what it owns."""
        if re.search(r"[^aeiou]y$", self.owns):
            return f"{self.owns[:-1]}ies"
        return f"{self.owns}es" if re.search(r"(s|x|z|ch|sh)$", self.owns) else f"{self.owns}s"

    @property
    def constant(self) -> str:
        """Return the name of its event in `contracts/events.py`."""
        return self.tells.upper().replace("-", "_")

    @cached_property
    def heard_events(self) -> list[HeardEvent]:
        """Return the types of events on the topics that it hears."""
        return [_describe_event(event) for event in EVENTS if event.topic in self.subscribes]

    def template_values(self) -> Mapping[str, Any]:
        """Return what the templates need."""
        article = "an" if self.owns[0] in "aeiou" else "a"
        return {
            "service": self.name,
            "Service": self.name.capitalize(),
            "noun": self.owns,
            "Noun": self.owns.capitalize(),
            "nouns": self.plural,
            "Nouns": self.plural.capitalize(),
            "a_noun": f"{article} {self.owns}",
            "A_noun": f"{article.capitalize()} {self.owns}",
            "a_new_noun": f"a new {self.owns}",
            "A_new_noun": f"A new {self.owns}",
            "event": {
                "constant": self.constant,
                "name": self.tells.replace("-", ".", 1),
                "word": self.tells.replace("-", "_"),
                "title": _title(self.tells.replace("-", ".", 1)),
            },
            "topics": self.subscribes,
            "heard_events": self.heard_events,
        }

    def check(self, root: Path, access: Access) -> None:
        """Raise RunnerError, with what to do, for names that cannot be or are taken."""
        for what, word in (("name of a service", self.name), ("noun that it owns", self.owns)):
            _check_word(what, word)
        if self.name in packages_distributions():
            raise RunnerError(
                f'"{self.name}" is the name of an installed package: choose another one'
            )
        if self.name in _PROCESSES:
            raise RunnerError(
                f'"{self.name}" is the name of another process of the system: choose another one'
            )
        if self.name in _ROUTES:
            raise RunnerError(
                f'every service has a route "/{self.name}", and those of its own begin with its '
                "name: choose another one"
            )
        if self.name in access:
            way_out = f", or take that one out with `new {self.name} --remove`"
            raise RunnerError(
                f'there is a service "{self.name}" already. Choose another name'
                f"{way_out if _is_written_by_new(root, self.name) else ''}"
            )
        for taken in (f"{folder}/{self.name}" for folder in _FOLDERS):
            if files_below(root / taken) or (root / f"{taken}.py").exists():
                raise RunnerError(f'the name "{self.name}" is taken by {taken}: choose another one')
        if _is_route_of_clients(self.name):
            raise RunnerError(
                f'the gateway has routes "/api/v1/{self.name}" already: choose another name'
            )
        self._check_event()
        self._check_topics(access)

    def _check_event(self) -> None:
        noun, _, verb = self.tells.partition("-")
        if noun != self.owns or not _WORD.fullmatch(verb):
            raise RunnerError(
                f'"{self.tells}" is no event of this service: an event is the new state of what it '
                f'owns. Name it "{self.owns}-" and a past participle, such as {self.owns}-changed'
            )
        if any(event.name == self.tells.replace("-", ".", 1) for event in EVENTS):
            raise RunnerError(f'there is an event "{self.tells}" already: choose another noun')

    def _check_topics(self, access: Access) -> None:
        known = known_topics()
        for topic in self.subscribes:
            if topic not in known:
                raise RunnerError(
                    f'nobody tells the topic "{topic}" (known: {", ".join(sorted(known))})'
                )
        if self.name in {topic for own in access.values() for topic in own.publishes}:
            raise RunnerError(f'there is a topic "{self.name}" already: choose another name')


def require_file_of_archives(new: NewService) -> None:
    """Raise RunnerError if archives of users have a file with the name of a service.

    Guests are in no archive until somebody writes a step for them.
    """
    if new.name in {step.file for step in STEPS}:
        raise RunnerError(
            f'archives of users have a file "{new.name}" already '
            "(services/media/exports/steps.py): choose another name"
        )


def require_unheard(new: NewService, access: Access, used: str) -> None:
    """Raise RunnerError if a service hears its topic; `used` is what has to be taken out there."""
    users = sorted(
        name for name, own in access.items() if name != new.name and new.name in own.subscribes
    )
    if users:
        raise RunnerError(
            f'{" and ".join(users)} hear the topic "{new.name}". Take that out first: {used}'
        )


def without_accounts(topics: Iterable[str]) -> tuple[str, ...]:
    """Return topics in order, without that of accounts, which each service hears anyway."""
    return tuple(sorted({*topics} - {ACCOUNTS}))


def find_service(name: str, access: Access) -> NewService:
    """Return a service as `new` wrote it. Raises RunnerError if it did not."""
    if name not in access:
        raise RunnerError(f'there is no service "{name}" in services/access.yaml')
    own = [event for event in EVENTS if event.producer == name]
    if len(own) != 1 or own[0].topic != name:
        raise RunnerError(
            f'"{name}" is not as `new` writes a service. Take it out by hand, or with git'
        )
    return NewService(
        name, own[0].model.__name__.lower(), own[0].name.replace(".", "-"),
        without_accounts(access[name].subscribes),
    )  # fmt: skip


def _is_written_by_new(root: Path, name: str) -> bool:
    """Return whether there are files that only `new` writes, so that it can take a service out."""
    rules = (path.read_text() for path in root.glob(f"guests/{name}-*/access.yaml"))
    stories = root / "tests" / "services" / name / "conformance.py"
    return stories.exists() or any("# Written by `new " in text for text in rules)


def _is_route_of_clients(name: str) -> bool:
    contract = json.loads((REPO / "docs/contracts/gateway.openapi.json").read_text())
    return any(path.split("/")[1:4] == ["api", "v1", name] for path in contract["paths"])


def _check_word(what: str, word: str) -> None:
    if not _WORD.fullmatch(word):
        raise RunnerError(
            f'"{word}" cannot be the {what}: use 2 to 16 letters from a to z, without digits, '
            "dashes or capitals"
        )
    if keyword.iskeyword(word) or hasattr(builtins, word) or word in _RESERVED:
        raise RunnerError(
            f'"{word}" cannot be the {what}: the code uses that word for something else'
        )


def known_topics() -> set[str]:
    """Return the topics that a service can hear: those of the broker, which are not broadcast."""
    return {
        event.topic for event in EVENTS if not event.private and event.model is not Invalidation
    }


def _describe_event(event: EventType[Any]) -> HeardEvent:
    fields = event.model.model_fields
    return HeardEvent(
        event.name, event.topic, event.producer, event.model.__module__, event.model.__name__,
        tuple(name for name, field in fields.items() if field.is_required()),
        "deleted" in fields,
    )  # fmt: skip


def _title(event: str) -> str:
    return "".join(part.capitalize() for part in event.split("."))


def files_below(folder: Path) -> set[Path]:
    """Return the files below a folder, without those that Python compiled.

    Git leaves these behind when it takes the others away.
    """
    found = folder.rglob("*") if folder.is_dir() else ()
    return {each for each in found if each.is_file() and "__pycache__" not in each.parts}
