"""Reads `dapr.yaml` as `dapr run -f` does, and refuses what that would silently ignore."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tools.runner.errors import RunnerError

_SHARED: dict[str, type] = {
    "apiListenAddresses": str,
    "appProtocol": str,
    "configFilePath": str,
    "enableApiLogging": bool,
    "env": dict,
    "logLevel": str,
    "maxBodySize": str,
    "resourcesPath": str,
    "resourcesPaths": list,
}
_APP = _SHARED | {
    "appChannelAddress": str,
    "appDirPath": str,
    "appID": str,
    "appPort": int,
    "command": list,
    "daprGRPCPort": int,
    "daprHTTPPort": int,
    "daprInternalGRPCPort": int,
    "metricsPort": int,
    "profilePort": int,
}
_TOP: dict[str, type] = {"version": int, "common": dict, "apps": list}
_PORTS = [key for key in _APP if key.lower().endswith("port")]
_DIRECTORIES = {"appDirPath", "resourcesPath", "resourcesPaths"}


class ManifestError(RunnerError):
    """A fault in the manifest; the message begins with file and line."""


@dataclass(frozen=True)
class ManifestApp:
    """One service as the manifest describes it, with the common settings merged in."""

    app_id: str
    directory: Path
    command: tuple[str, ...]
    app_port: int | None
    config_file: Path | None
    max_body_size: str
    log_level: str = "info"
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Entry:
    key: str
    value: yaml.Node
    line: int


class _Reader:
    """Walks the YAML nodes of one file, so that every complaint can name its line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, line: int, message: str) -> ManifestError:
        return ManifestError(f"{self.path}:{line}: {message}")

    def entries(self, node: yaml.Node, allowed: Mapping[str, type], where: str) -> Iterator[_Entry]:
        if not isinstance(node, yaml.MappingNode):
            raise self.fail(_line(node), f"{where} must be a mapping")
        seen: set[str] = set()
        for key_node, value in node.value:
            entry = _Entry(str(key_node.value), value, _line(key_node))
            self._check_key(entry, allowed, seen, where)
            seen.add(entry.key)
            yield entry

    def _check_key(
        self, entry: _Entry, allowed: Mapping[str, type], seen: set[str], where: str
    ) -> None:
        if entry.key not in allowed:
            known = ", ".join(sorted(allowed))
            raise self.fail(entry.line, f'unknown key "{entry.key}" in {where} (known: {known})')
        if entry.key in seen:
            raise self.fail(entry.line, f'"{entry.key}" is given twice in {where}')

    def settings(self, node: yaml.Node, allowed: Mapping[str, type], where: str) -> dict[str, Any]:
        """Return the plain values of a mapping, each checked for its type."""
        found: dict[str, Any] = {}
        for entry in self.entries(node, allowed, where):
            found[entry.key] = self._value(entry, allowed[entry.key])
            if entry.key in _DIRECTORIES:
                self._check_directories(entry, found[entry.key])
        return found

    def _value(self, entry: _Entry, kind: type) -> Any:
        value = _plain(entry.value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.fail(entry.line, f'"{entry.key}" must be {_KINDS[kind]}')
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise self.fail(entry.line, f'"{entry.key}" must be a list of texts')
        return value

    def _check_directories(self, entry: _Entry, value: str | list[str]) -> None:
        directories: list[str] = [value] if isinstance(value, str) else value
        for directory in directories:
            if not (self.path.parent / directory).is_dir():
                raise self.fail(entry.line, f'"{entry.key}": no directory {directory}')


_KINDS = {str: "a text", int: "a number", bool: "true or false", list: "a list", dict: "a mapping"}


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _plain(node: yaml.Node) -> Any:
    return yaml.SafeLoader("").construct_object(node, deep=True)


def read_manifest(path: Path) -> list[ManifestApp]:
    """Return the apps of a multi-app run file.

    Raises ManifestError, with the line, for anything that is unknown, doubled or missing.
    """
    reader = _Reader(path)
    parts = {entry.key: entry.value for entry in reader.entries(_root(reader), _TOP, "the file")}
    if "version" not in parts or _plain(parts["version"]) != 1:
        raise reader.fail(1, '"version: 1" is missing')
    common = reader.settings(parts["common"], _SHARED, "common") if "common" in parts else {}
    apps = parts.get("apps")
    if not isinstance(apps, yaml.SequenceNode) or not apps.value:
        raise reader.fail(1, '"apps" must be a list with at least one app')
    taken: dict[str, int] = {}
    return [_app(reader, node, common, taken) for node in apps.value]


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


def _app(
    reader: _Reader, node: yaml.Node, common: dict[str, Any], taken: dict[str, int]
) -> ManifestApp:
    own = reader.settings(node, _APP, "an app")
    lines = {entry.key: entry.line for entry in reader.entries(node, _APP, "an app")}
    for key in ("appID", "appDirPath", "command"):
        if not own.get(key):
            raise reader.fail(_line(node), f'an app without "{key}"')
    _claim(reader, taken, f'app-id "{own["appID"]}"', lines["appID"])
    for key in _PORTS:
        if own.get(key, 0) > 0:
            _claim(reader, taken, f"port {own[key]}", lines[key])
    return _merged(reader.path.parent, common | own, _env(common) | _env(own))


def _claim(reader: _Reader, taken: dict[str, int], what: str, line: int) -> None:
    if what in taken:
        raise reader.fail(line, f"{what} is already used on line {taken[what]}")
    taken[what] = line


def _env(settings: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in settings.get("env", {}).items()}


def _merged(base: Path, settings: dict[str, Any], env: dict[str, str]) -> ManifestApp:
    config = settings.get("configFilePath")
    return ManifestApp(
        app_id=settings["appID"],
        directory=(base / settings["appDirPath"]).resolve(),
        command=tuple(settings["command"]),
        app_port=settings.get("appPort"),
        config_file=base / config if config else None,
        max_body_size=settings.get("maxBodySize", "4Mi"),
        log_level=settings.get("logLevel", "info"),
        env=env,
    )
