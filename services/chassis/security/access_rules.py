"""Reads `services/access.yaml`: who may call which route, and use which topic, secret, component.

Services, the runner, tests and documents read the same file, so this module imports nothing else
of the chassis.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import yaml

ACCESS_FILE = Path(__file__).parents[2] / "access.yaml"

ADDITIONS = "MICROGRAM_ACCESS_ADDITIONS"
"""The variable with the access files of guests that run beside the services, separated by `:`."""

OPERATOR_SECRET = "operator-token-sha256"  # noqa: S105 (its name)
"""The secret with the SHA-256 of the operator's token, in hexadecimal."""

OPERATOR_HEADER = "microgram-operator-token"

METRICS_SECRET = "metrics-token-sha256"  # noqa: S105 (its name)
"""The secret with the SHA-256 of the token of whoever scrapes metrics, in hexadecimal."""

HEALTH_ROUTES = frozenset({"GET /healthz", "GET /readyz"})
METRICS_ROUTES = frozenset({"GET /metrics"})
CHANGES_ROUTES = frozenset({"GET /changes", "GET /changes/{topic}/{stream}"})
DEAD_LETTER_ROUTES = frozenset({"GET /deadletters", "POST /deadletters/replay"})

COMPONENTS = frozenset(
    {"blobs", "broadcast", "mail", "pubsub", "secretstore", "statestore", "workflowstore"}
)
APIS = frozenset(
    {
        *("actors", "bindings", "configuration", "conversation", "crypto", "healthz", "invoke"),
        *("jobs", "lock", "metadata", "publish", "secrets", "shutdown", "state", "subscribe"),
        "workflows",
    }
)
"""The names in `spec.api.allowed` of Dapr's configuration."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The fast one if there is one: every service reads the file at its start."""

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
_LISTS = ("operator", "publishes", "subscribes", "secrets", "components", "apis")
_KEYS = ("public", "calls", "grpc", *_LISTS)
_GRPC_PATH = re.compile(r"/[a-z][a-z0-9_.]*\.[A-Z][A-Za-z0-9]*/[A-Z]+[a-z][A-Za-z0-9]*")
"""The path of a gRPC method: package, service and method."""


class AccessFileError(ValueError):
    """A fault in the file. The message begins with file and line."""


@dataclass(frozen=True, slots=True)
class ServiceAccess:
    """What one service offers to whom, and what it may use itself.

    Routes are written as `GET /apps/{client_id}`. `calls` has the callers of each route for other
    services, also of `/changes`; `operator` has also the routes of the dead letters. `grpc` has the
    callers of methods such as `/microgram.catalog.v1.Catalog/Quote`. `subscribers` has, by topic
    that it publishes, who may fetch events from it.
    """

    name: str
    is_public: bool = False
    calls: Mapping[str, frozenset[str]] = field(default_factory=dict)
    grpc: Mapping[str, frozenset[str]] = field(default_factory=dict)
    operator: frozenset[str] = DEAD_LETTER_ROUTES
    publishes: frozenset[str] = frozenset()
    subscribers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    subscribes: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    components: frozenset[str] = frozenset()
    apis: frozenset[str] = frozenset()

    @property
    def pubsub(self) -> str:
        """The component that delivers its topics."""
        return "pubsub" if "pubsub" in self.components else "broadcast"

    @property
    def dead_letter_topic(self) -> str:
        """The topic for what its sidecar could not deliver, or an empty string."""
        is_used = self.subscribes and self.pubsub == "pubsub"
        return f"{self.name}-dead" if is_used else ""

    @property
    def event_routes(self) -> frozenset[str]:
        """The routes that its own sidecar alone calls."""
        routes = {"GET /dapr/subscribe"}
        if self.pubsub == "broadcast":
            routes |= {f"POST /events-broadcast/{topic}" for topic in self.subscribes}
        elif self.subscribes:
            routes |= {f"POST /events/{topic}" for topic in self.subscribes} | {"POST /events-dead"}
        return frozenset(routes)


Access = Mapping[str, ServiceAccess]
"""The rules of all services, by app-id."""

_Entries = dict[str, tuple[yaml.Node, yaml.Node]]
"""The key and the value of each service in a file."""
_Pairs = list[tuple[yaml.Node, yaml.Node]]


def read_access(path: Path = ACCESS_FILE, additions: Sequence[Path] | None = None) -> Access:
    """The rules of all services, with those of guests: by default, of those that the runner names.

    A guest's file has its own rules, and for routes of services further callers. Raises
    `AccessFileError` for anything unknown, doubled or missing.
    """
    if additions is None:
        additions = [Path(each) for each in os.environ.get(ADDITIONS, "").split(":") if each]
    return _read(path, tuple(additions))


@cache
def _read(path: Path, additions: tuple[Path, ...]) -> Access:
    return _Reader(path).read(additions)


class _Reader:
    """Reads the YAML nodes of the files, so that every complaint names its file and line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, additions: Sequence[Path]) -> Access:
        entries = self._services(self._path)
        for path in additions:
            self._add(self._services(path), entries)
        names = frozenset(entries)
        services = {name: self._service(key, node, names) for name, (key, node) in entries.items()}
        self._check_topics(services, {name: key for name, (key, _) in entries.items()})
        return {name: _with_changes(own, services) for name, own in services.items()}

    def _services(self, path: Path) -> _Entries:
        root = self._root(path)
        nodes = {key.value: node for key, node in self._entries(root, ("services",))}
        if "services" not in nodes:
            raise AccessFileError(f'{path}:1: "services" is missing')
        return {key.value: (key, node) for key, node in self._entries(nodes["services"])}

    def _add(self, added: _Entries, entries: _Entries) -> None:
        """Add services, and to those that are there further callers of routes."""
        for name, (key, node) in added.items():
            if name in entries:
                self._add_callers(name, self._calls_of(node, ("calls",)), entries[name][1])
            else:
                entries[name] = (key, node)

    def _add_callers(self, name: str, added: _Pairs, node: yaml.Node) -> None:
        known = {route.value: callers for route, callers in self._calls_of(node)}
        for route, callers in added:
            if not isinstance(known.get(route.value), yaml.SequenceNode):
                raise self._fail(route, f'{name} has no list of callers for "{route.value}"')
            self._list(callers)
            known[route.value].value.extend(callers.value)

    def _calls_of(self, node: yaml.Node, allowed: tuple[str, ...] = ()) -> _Pairs:
        parts = {key.value: value for key, value in self._entries(node, allowed)}
        return list(self._entries(parts["calls"])) if "calls" in parts else []

    def _root(self, path: Path) -> yaml.Node:
        try:
            with path.open() as file:  # its name is in the marks of the nodes
                node = yaml.compose(file, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise AccessFileError(f"{path}:{line}: not YAML: {error.problem}") from None
        if node is None:
            raise AccessFileError(f"{path}:1: the file is empty")
        return node

    def _service(self, key: yaml.Node, node: yaml.Node, names: frozenset[str]) -> ServiceAccess:
        parts = {part.value: value for part, value in self._entries(node, _KEYS)}
        lists = {name: self._list(parts[name]) for name in _LISTS if name in parts}
        self._check_known(lists.get("components", {}), COMPONENTS, "component")
        self._check_known(lists.get("apis", {}), APIS, "Dapr API")
        for route, route_node in lists.get("operator", {}).items():
            self._check_route(route, route_node)
        calls, grpc = (
            self._calls(parts[name], names - {key.value}, names, check) if name in parts else {}
            for name, check in (("calls", self._check_route), ("grpc", self._check_method))
        )
        for route in calls.keys() & lists.get("operator", {}).keys():
            raise self._fail(lists["operator"][route], f'"{route}" is in "calls", too')
        own = ServiceAccess(
            key.value,
            is_public="public" in parts and self._bool(parts["public"]),
            calls=calls,
            grpc=grpc,
            **{name: frozenset(values) for name, values in lists.items()},  # type: ignore[arg-type]
        )
        return replace(own, operator=own.operator | DEAD_LETTER_ROUTES)

    def _calls(
        self,
        node: yaml.Node,
        others: frozenset[str],
        names: frozenset[str],
        check: Callable[[str, yaml.Node], None],
    ) -> dict[str, frozenset[str]]:
        calls = {}
        for key, value in self._entries(node):
            check(key.value, key)
            if isinstance(value, yaml.ScalarNode) and value.value == "all":
                calls[key.value] = others
                continue
            callers = self._list(value)
            self._check_known(callers, names, "service")
            calls[key.value] = frozenset(callers)
        return calls

    def _check_route(self, route: str, node: yaml.Node) -> None:
        method, _, path = route.partition(" ")
        if method not in _METHODS or not path.startswith("/") or " " in path:
            raise self._fail(node, f'"{route}" is no route such as "GET /apps/{{client_id}}"')

    def _check_method(self, method: str, node: yaml.Node) -> None:
        if not _GRPC_PATH.fullmatch(method):
            raise self._fail(node, f'"{method}" is no method such as "/shop.v1.Catalog/Quote"')

    def _check_known(
        self, given: Mapping[str, yaml.Node], known: frozenset[str], what: str
    ) -> None:
        for name, node in given.items():
            if name not in known:
                among = ", ".join(sorted(known))
                raise self._fail(node, f'there is no {what} "{name}" (known: {among})')

    def _check_topics(
        self, services: Mapping[str, ServiceAccess], keys: Mapping[str, yaml.Node]
    ) -> None:
        producers: dict[str, str] = {}
        for name, own in services.items():
            for topic in own.publishes:
                if topic in producers:
                    why = f'{producers[topic]} publishes the topic "{topic}", too'
                    raise self._fail(keys[name], f"{name}: {why}")
                producers[topic] = name
        for name, own in services.items():
            for topic in sorted(own.subscribes - producers.keys()):
                raise self._fail(keys[name], f'{name}: nobody publishes the topic "{topic}"')

    # ── nodes ───────────────────────────────────────────────────────────────────────────────

    def _entries(
        self, node: yaml.Node, allowed: tuple[str, ...] = ()
    ) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """Key and value of each entry of a mapping, each key once, and if given only some."""
        if not isinstance(node, yaml.MappingNode):
            raise self._fail(node, "a mapping is expected")
        seen: set[str] = set()
        for key, value in node.value:
            if allowed and key.value not in allowed:
                raise self._fail(key, f'unknown key "{key.value}" (known: {", ".join(allowed)})')
            if key.value in seen:
                raise self._fail(key, f'"{key.value}" is given twice')
            seen.add(key.value)
            yield key, value

    def _list(self, node: yaml.Node) -> dict[str, yaml.Node]:
        """The texts of a list, with their nodes."""
        if not isinstance(node, yaml.SequenceNode) or not all(
            isinstance(item, yaml.ScalarNode) for item in node.value
        ):
            raise self._fail(node, "a list of names is expected")
        items: dict[str, yaml.Node] = {}
        for item in node.value:
            if item.value in items:
                raise self._fail(item, f'"{item.value}" is given twice')
            items[item.value] = item
        return items

    def _bool(self, node: yaml.Node) -> bool:
        if node.value not in ("true", "false"):
            raise self._fail(node, "true or false is expected")
        return bool(node.value == "true")

    def _fail(self, node: yaml.Node, message: str) -> AccessFileError:
        return AccessFileError(f"{node.start_mark.name}:{node.start_mark.line + 1}: {message}")


def _with_changes(own: ServiceAccess, services: Mapping[str, ServiceAccess]) -> ServiceAccess:
    """The rules with `/changes`, by which subscribers fetch what the broker lost."""
    if not own.publishes:
        return own
    others = [each for each in services.values() if each is not own and each.pubsub == "pubsub"]
    subscribers = {
        topic: frozenset(other.name for other in others if topic in other.subscribes)
        for topic in own.publishes
    }
    callers = frozenset().union(*subscribers.values())
    calls = {**own.calls, **dict.fromkeys(sorted(CHANGES_ROUTES), callers)}
    return replace(own, calls=calls, subscribers=subscribers)
