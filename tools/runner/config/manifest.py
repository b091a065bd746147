"""Reads `dapr.yaml` as `dapr run -f` does, and refuses what cannot be honoured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tools.runner.config.manifest_keys import (
    APP_KEYS,
    COMMON_KEYS,
    PORT_OPTIONS,
    TOP_KEYS,
    UNSUPPORTED_KEYS,
    ManifestKey,
)
from tools.runner.errors import RunnerError


class ManifestError(RunnerError):
    """A fault in the manifest; the message begins with file and line."""


class ManifestPort(NamedTuple):
    """A port that the manifest names, and the file and line that do."""

    number: int
    source: str


@dataclass(frozen=True)
class ManifestApp:
    """One service as the manifest describes it, with the common settings merged in."""

    app_id: str
    directory: Path
    command: tuple[str, ...]
    config_file: Path | None = None
    resources: Path | None = None
    """The folder of the component sets; the same for every app."""
    ports: Mapping[str, ManifestPort] = field(default_factory=dict)
    """By the option of daprd, such as `app-port`; the others may be any."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Further options of daprd, such as `max-body-size`."""
    commands: tuple[tuple[str, ...], ...] = ()
    """The commands of the replicas in turn; without them all have `command`."""
    env: Mapping[str, str] = field(default_factory=dict)

    def command_of(self, replica: int) -> tuple[str, ...]:
        """Return the command of a replica, counted from 0."""
        return self.commands[replica % len(self.commands)] if self.commands else self.command


class _Entry(NamedTuple):
    value: Any
    line: int


_Section = dict[str, _Entry]
_KINDS = {str: "a text", int: "a number", bool: "true or false", list: "a list", dict: "a mapping"}


class _Reader:
    """Walks the YAML nodes of one file, so that every complaint can name its line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def source(self, line: int) -> str:
        return f"{self.path}:{line}"

    def fail(self, line: int, message: str) -> ManifestError:
        return ManifestError(f"{self.source(line)}: {message}")

    def nodes(
        self, node: yaml.Node, allowed: Mapping[str, ManifestKey], where: str
    ) -> Iterator[tuple[str, yaml.Node, int]]:
        """Yield key, value and line of each entry of a mapping; every key is checked."""
        if not isinstance(node, yaml.MappingNode):
            raise self.fail(_line(node), f"{where} must be a mapping")
        seen: set[str] = set()
        for key_node, value in node.value:
            key, line = str(key_node.value), _line(key_node)
            if key not in allowed:
                raise self.fail(line, _refusal(key, allowed, where))
            if key in seen:
                raise self.fail(line, f'"{key}" is given twice in {where}')
            seen.add(key)
            yield key, value, line

    def section(self, node: yaml.Node, allowed: Mapping[str, ManifestKey], where: str) -> _Section:
        """Return the plain values of a mapping, each checked for its type."""
        return {
            key: _Entry(self._value(key, value, allowed[key], line), line)
            for key, value, line in self.nodes(node, allowed, where)
        }

    def _value(self, key: str, node: yaml.Node, rule: ManifestKey, line: int) -> Any:
        value = _plain(node)
        if not isinstance(value, rule.kind) or (rule.kind is int and isinstance(value, bool)):
            raise self.fail(line, f'"{key}" must be {_KINDS[rule.kind]}')
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise self.fail(line, f'"{key}" must be a list of texts')
        if isinstance(value, str) and value and (wrong := rule.check(value)):
            raise self.fail(line, f'"{key}": {wrong}')
        return value

    def existing(self, entry: _Entry, key: str, base: Path, *, is_folder: bool) -> Path:
        """Return the path that an entry names below a folder."""
        path = base / Path(entry.value).expanduser()
        if not (path.is_dir() if is_folder else path.is_file()):
            what = "directory" if is_folder else "file"
            raise self.fail(entry.line, f'"{key}": no {what} {entry.value}')
        return path.resolve()


def _refusal(key: str, allowed: Mapping[str, ManifestKey], where: str) -> str:
    if key in UNSUPPORTED_KEYS:
        return f'"{key}" in {where} is not supported: {UNSUPPORTED_KEYS[key]}'
    return f'unknown key "{key}" in {where} (known: {", ".join(sorted(allowed))})'


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _plain(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_object(node, deep=True)


def read_manifest(path: Path) -> list[ManifestApp]:
    """Return the apps of a multi-app run file.

    Raises ManifestError, with the line, for anything unknown, unsupported, doubled or missing.
    """
    reader = _Reader(path)
    parts = {key: value for key, value, _ in reader.nodes(_root(reader), TOP_KEYS, "the file")}
    if "version" not in parts or _plain(parts["version"]) != 1:
        raise reader.fail(1, '"version: 1" is missing')
    common = reader.section(parts["common"], COMMON_KEYS, "common") if "common" in parts else {}
    apps = parts.get("apps")
    if not isinstance(apps, yaml.SequenceNode) or not apps.value:
        raise reader.fail(1, '"apps" must be a list with at least one app')
    shared = _Common(
        common,
        _config_file(reader, common, path.parent),
        _resources(reader, common),
    )
    taken: dict[str, int] = {}
    return [_app(reader, node, shared, taken) for node in apps.value]


def _root(reader: _Reader) -> yaml.Node:
    try:
        node = yaml.compose(reader.path.read_text(), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise ManifestError(f"{reader.path}: no such file") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise reader.fail(line, f"not YAML: {error.problem}") from None
    if node is None:
        raise reader.fail(1, "the file is empty")
    return node


class _Common(NamedTuple):
    settings: _Section
    config_file: Path | None
    resources: Path | None


def _config_file(reader: _Reader, section: _Section, base: Path) -> Path | None:
    entry = section.get("configFilePath")
    if entry is None or not entry.value:
        return None
    return reader.existing(entry, "configFilePath", base, is_folder=False)


def _resources(reader: _Reader, common: _Section) -> Path | None:
    """Return the one folder of resources; `dapr run -f` would load the files of several."""
    found = []
    for key in {"resourcesPaths", "resourcesPath"} & common.keys():
        value, line = common[key]
        for one in filter(None, value if isinstance(value, list) else [value]):
            entry = _Entry(one, line)
            found.append(reader.existing(entry, key, reader.path.parent, is_folder=True))
        if len(found) > 1:
            raise reader.fail(line, f'"{key}": only one directory is supported')
    return found[0] if found else None


def _app(reader: _Reader, node: yaml.Node, common: _Common, taken: dict[str, int]) -> ManifestApp:
    own = reader.section(node, APP_KEYS, "an app")
    for key in ("appID", "appDirPath", "command"):
        if key not in own or not own[key].value:
            raise reader.fail(_line(node), f'an app without "{key}"')
    folder = own["appDirPath"]
    directory = reader.existing(folder, "appDirPath", reader.path.parent, is_folder=True)
    _claim(reader, taken, f'app-id "{own["appID"].value}"', own["appID"].line)
    # As in `dapr run -f`, an empty value of an app counts as none.
    merged = common.settings | {key: entry for key, entry in own.items() if entry.value}
    return ManifestApp(
        app_id=own["appID"].value,
        directory=directory,
        command=tuple(own["command"].value),
        config_file=_config_file(reader, own, directory) or common.config_file,
        resources=common.resources,
        ports=_ports(reader, own, taken),
        options=_options(merged),
        env=_env(common.settings) | _env(own),
    )


def _ports(reader: _Reader, own: _Section, taken: dict[str, int]) -> dict[str, ManifestPort]:
    ports = {}
    for key, option in PORT_OPTIONS.items():
        if key in own and own[key].value > 0:
            number, line = own[key]
            _claim(reader, taken, f"port {number}", line)
            ports[option] = ManifestPort(number, reader.source(line))
    return ports


def _claim(reader: _Reader, taken: dict[str, int], what: str, line: int) -> None:
    if what in taken:
        raise reader.fail(line, f"{what} is already used on line {taken[what]}")
    taken[what] = line


def _options(settings: _Section) -> dict[str, str]:
    """Return the options of daprd that some settings mean; empty values mean none."""
    return {
        option: "true" if entry.value is True else str(entry.value)
        for key, entry in settings.items()
        if entry.value and (option := APP_KEYS[key].option if key in APP_KEYS else "")
    }


def _env(section: _Section) -> dict[str, str]:
    env = section["env"].value if "env" in section else {}
    return {name: str(value) for name, value in env.items()}
