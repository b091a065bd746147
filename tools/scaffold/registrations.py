"""The lines that name a service in files of the whole repository.

Each edit inserts text at a known place, and takes the same text out again. All else stays as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from tools.runner.errors import RunnerError
from tools.scaffold.new_service import ACCOUNTS, NewService


@dataclass(frozen=True, slots=True)
class Registration:
    """How a file names a service: a function from its text to its text, and the inverse."""

    add: Callable[[str, NewService], str]
    remove: Callable[[str, NewService], str]


_PORTS = {"appPort": 8100, "daprHTTPPort": 3500, "daprGRPCPort": 3600}
"""A service has the same number above each of these."""


def _add_app(text: str, new: NewService) -> str:
    taken = {int(port) for port in re.findall(r"Port: (\d+)$", text, re.MULTILINE)}
    number = next(n for n in count(1) if not {base + n for base in _PORTS.values()} & taken)
    lines = [
        f"  - appID: {new.name}",
        "    appDirPath: .",
        *(f"    {key}: {base + number}" for key, base in _PORTS.items()),
        f'    command: [".venv/bin/python", "-m", "services.{new.name}"]',
    ]
    return text + "\n".join(lines) + "\n"


def _remove_app(text: str, new: NewService) -> str:
    return re.sub(rf"^  - appID: {new.name}\n(?:    .*\n)+", "", text, flags=re.MULTILINE)


def _add_rules(text: str, new: NewService) -> str:
    name = new.name
    topics = ", ".join(sorted({ACCOUNTS, *new.subscribes}))
    section = [
        f"  {name}:",
        "    calls:",
        f'      "POST /{name}": [gateway]',
        f'      "GET /{name}": [gateway]',
        f'      "GET /{name}/{{id}}": [gateway]',
        f'      "DELETE /{name}/{{id}}": [gateway]',
        '      "GET /belongings/{user}/{kind}": [media]',
        '      "POST /bundles": [gateway]',
        f"    publishes: [{name}]",
        f"    subscribes: [{topics}]",
        "    secrets: [operator-token-sha256, metrics-token-sha256]",
        "    components: [statestore, pubsub, secretstore]",
        "    apis: [state, invoke, secrets, publish, healthz]",
    ]
    sections = text.removesuffix("\n").split("\n\n")
    later = (i for i, each in enumerate(sections) if i and _section_name(each) > name)
    sections.insert(next(later, len(sections)), "\n".join(section))
    return _change_deletions("\n\n".join(sections) + "\n", {*_deletion_callers(text), name})


def _remove_rules(text: str, new: NewService) -> str:
    sections = text.removesuffix("\n").split("\n\n")
    left = [each for each in sections if _section_name(each) != new.name]
    return _without_caller("\n\n".join(left) + "\n", new.name)


def _section_name(section: str) -> str:
    found = re.search(r"^  (\w+):$", section, re.MULTILINE)
    return found[1] if found else ""


_CALLERS = re.compile(r'^      "[^"]+": \[([^\]]*)\](?: #.*)?\n', re.MULTILINE)
"""A route or a method with those who may call it."""


def _without_caller(text: str, name: str) -> str:
    """Return the rules without a caller, and without routes that only it may call."""

    def change(line: re.Match[str]) -> str:
        callers = re.split(r",\s*", line[1])
        if name not in callers:
            return line[0]
        left = ", ".join(caller for caller in callers if caller != name)
        start, end = line.start(1) - line.start(), line.end(1) - line.start()
        return f"{line[0][:start]}{left}{line[0][end:]}" if left else ""

    return _CALLERS.sub(change, text)


_DELETIONS = re.compile(r'(?<="GET /deletions": \[)[^\]]*')
"""Who asks auth whether an account is deleted."""


def _deletion_callers(text: str) -> list[str]:
    return _find(_DELETIONS, text, "GET /deletions")[0].split(", ")


def _change_deletions(text: str, callers: set[str]) -> str:
    return _DELETIONS.sub(", ".join(sorted(callers)), text, count=1)


_TARGETS = re.compile(r"(?:^      \w+: \{retry: once\}\n)+", re.MULTILINE)


def _add_target(text: str, new: NewService) -> str:
    end = _find(_TARGETS, text, "targets.apps").end()
    return f"{text[:end]}      {new.name}: {{retry: once}}\n{text[end:]}"


def _remove_target(text: str, new: NewService) -> str:
    return text.replace(f"      {new.name}: {{retry: once}}\n", "")


_LAYER = re.compile(r'(?<=^    ")(?=[^"]*\| gateway \|)[\w| ]+(?=",$)', re.MULTILINE)
_ROOMS = re.compile(r'(?<=^containers = \[\n)(?:    "services\.\w+",\n)+(?=\])', re.MULTILINE)


def _add_contracts(text: str, new: NewService) -> str:
    return _change_contracts(text, lambda names: names | {new.name})


def _remove_contracts(text: str, new: NewService) -> str:
    return _change_contracts(text, lambda names: names - {new.name})


def _change_contracts(text: str, change: Callable[[set[str]], set[str]]) -> str:
    layer = _find(_LAYER, text, "the layer of services")[0]
    text = text.replace(layer, " | ".join(sorted(change({*layer.split(" | ")}))), 1)
    rooms = _find(_ROOMS, text, "the containers of rooms")[0]
    names = change({*re.findall(r"services\.(\w+)", rooms)})
    lines = "".join(f'    "services.{name}",\n' for name in sorted(names))
    return text.replace(rooms, lines, 1)


_LAST_EVENTS = "FEED_INVALIDATED"
"""The events of new services come before these, which are for caches."""


_STEPS = re.compile(
    r'(?<=^    INSIGHTS,\n)(?:    ExportStep\("\w+", "\w+", "\w+"\),\n)*(?=^\)$)', re.MULTILINE
)
"""The steps of new services come last, so that the positions of archives that are made stay."""

_EXPLAINED = re.compile(r"(?=^pictures\.json )", re.MULTILINE)


def _add_export_step(text: str, new: NewService) -> str:
    end = _find(_STEPS, text, "the steps of an archive").end()
    text = f"{text[:end]}{_export_step(new)}{text[end:]}"
    place = _find(_EXPLAINED, text, "the README of archives").start()
    return f"{text[:place]}{_export_line(new)}{text[place:]}"


def _remove_export_step(text: str, new: NewService) -> str:
    return text.replace(_export_step(new), "").replace(_export_line(new), "")


def _export_step(new: NewService) -> str:
    return f'    ExportStep("{new.name}", "{new.name}", "{new.name}"),\n'


def _export_line(new: NewService) -> str:
    return f"{new.name}.json".ljust(20) + f"your {new.plural}\n"


_CLIENTS = re.compile(r"(?<=^    InsightsClient,\n)(?:    \w+Client,\n)*(?=^\)$)", re.MULTILINE)


def _add_export_client(text: str, new: NewService) -> str:
    end = _find(_CLIENTS, text, "the clients of an archive").end()
    text = f"{text[:end]}    {_client(new)},\n{text[end:]}"
    place = _find(re.compile(r"^from services\.contracts", re.MULTILINE), text, "imports").start()
    return f"{text[:place]}{_client_import(new)}{text[place:]}"


def _remove_export_client(text: str, new: NewService) -> str:
    return text.replace(f"    {_client(new)},\n", "").replace(_client_import(new), "")


def _client(new: NewService) -> str:
    return f"{new.name.capitalize()}Client"


def _client_import(new: NewService) -> str:
    return f"from services.clients.{new.name} import {_client(new)}\n"


def _add_event(text: str, new: NewService) -> str:
    model, name = new.owns.capitalize(), new.tells.replace("-", ".", 1)
    constant = f'{new.constant} = EventType("{name}", "{new.name}", "{new.name}", {model})\n'
    imports = "from services.contracts.posts import "
    for anchor, line in (
        (imports, f"from services.contracts.{new.name} import {model}\n"),
        (f"{_LAST_EVENTS} = ", constant),
        (f"    {_LAST_EVENTS},", f"    {new.constant},\n"),
    ):
        place = _find(re.compile(f"^{re.escape(anchor)}", re.MULTILINE), text, anchor).start()
        text = text[:place] + line + text[place:]
    return text


def _remove_event(text: str, new: NewService) -> str:
    for line in (
        rf"^from services\.contracts\.{new.name} import .*\n",
        rf"^{new.constant} = EventType\([^()]*\)\n",
        rf"^    {new.constant},\n",
    ):
        text = re.sub(line, "", text, flags=re.MULTILINE)
    return text


_STUBS = "        stubs.create_router(),\n"
"""The routes of new services come before these, which answer what nothing else does."""


def _add_router(text: str, new: NewService) -> str:
    for anchor, line in (("    stubs,\n", f"    {new.name},\n"), (_STUBS, _router(new))):
        place = _find(re.compile(f"^{re.escape(anchor)}", re.MULTILINE), text, anchor).start()
        text = text[:place] + line + text[place:]
    return text


def _remove_router(text: str, new: NewService) -> str:
    return re.sub(rf"^    {new.name},\n", "", text, flags=re.MULTILINE).replace(_router(new), "")


def _router(new: NewService) -> str:
    return f"        {new.name}.create_router(gateway),\n"


_OTHER_ROWS = re.compile(r"(?=^    # for operators and sidecars\n)", re.MULTILINE)


def _add_rows(text: str, new: NewService) -> str:
    place = _find(_OTHER_ROWS, text, "the routes that are not for clients").start()
    return text[:place] + _rows(new) + text[place:]


def _remove_rows(text: str, new: NewService) -> str:
    return text.replace(_rows(new), "")


def _rows(new: NewService) -> str:
    path = f"/api/v1/{new.name}"
    routes = (f"POST {path}", f"GET {path}", f"GET {path}/{{id}}", f"DELETE {path}/{{id}}")
    return "".join(f'    "{route}": own_data,\n' for route in routes)


def _find(pattern: re.Pattern[str], text: str, what: str) -> re.Match[str]:
    found = pattern.search(text)
    if found is None:
        raise RunnerError(f"the place for a new service is not found: {what}. Name it by hand")
    return found


REGISTRATIONS: Mapping[str, Registration] = {
    "dapr.yaml": Registration(_add_app, _remove_app),
    "services/access.yaml": Registration(_add_rules, _remove_rules),
    "components/resiliency.yaml": Registration(_add_target, _remove_target),
    "pyproject.toml": Registration(_add_contracts, _remove_contracts),
    "services/contracts/events.py": Registration(_add_event, _remove_event),
    "services/media/exports/steps.py": Registration(_add_export_step, _remove_export_step),
    "services/media/exports/collector.py": Registration(_add_export_client, _remove_export_client),
    "services/gateway/rest/routers.py": Registration(_add_router, _remove_router),
    "tests/mastodon/routes.py": Registration(_add_rows, _remove_rows),
}
"""By file. Everything else that lists services reads one of these."""


def added_lines(before: str, after: str) -> Counter[str]:
    """Return the lines that one text has and the other one has not, in no order.

    Ports are left out: which are free depends on the services that came and went.
    """
    return _lines(after) - _lines(before)


def _lines(text: str) -> Counter[str]:
    return Counter(re.sub(r"(?<=Port: )\d+$", "", line) for line in text.splitlines())


def names_module(text: str, service: str) -> bool:
    """Return whether Python code names a module of a service: its own, its client or contract."""
    dotted = rf"\bservices\.((clients|contracts)\.)?{service}\b"
    imported = rf"^from services(\.clients|\.contracts)? import [^\n]*\b{service}\b"
    return re.search(rf"{dotted}|{imported}", text, re.MULTILINE) is not None
