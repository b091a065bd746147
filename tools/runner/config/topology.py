"""Reads topology.yaml: facts about the system that only the runner needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tools.runner.errors import RunnerError

PRODUCTION = "rabbitmq-redis"
"""The name of the component set in components/ itself."""

CONTROL_PLANE = ("placement", "scheduler")
"""Dapr servers that workflows need."""

ETCD = "etcd"
"""The database of the scheduler."""

_FILE = Path(__file__).with_name("topology.yaml")


@dataclass(frozen=True)
class Topology:
    """Component sets and their servers, topics, dependencies and replicas."""

    default_set: str
    sets: Mapping[str, tuple[str, ...]]
    topics: tuple[str, ...]
    gateway: str
    needs: Mapping[str, tuple[str, ...]]
    replicas: Mapping[str, int]
    workflows: frozenset[str]
    shared_modules: tuple[str, ...]

    def servers(self, name: str) -> tuple[str, ...]:
        """Return the servers that a component set needs.

        Raises RunnerError for an unknown set.
        """
        if name not in self.sets:
            known = ", ".join(sorted(self.sets))
            raise RunnerError(f'there is no component set "{name}" (known: {known})')
        return self.sets[name]

    def control_plane(self, chosen: Iterable[str]) -> tuple[str, ...]:
        """Return the Dapr servers that the chosen services need, with the scheduler's database."""
        return (ETCD, *CONTROL_PLANE) if self.workflows & set(chosen) else ()

    def missed_by(self, chosen: Iterable[str]) -> dict[str, list[str]]:
        """Return, for each chosen service, the services it calls that are not chosen."""
        names = set(chosen)
        missed = {
            n: [context for context in self.needs.get(n, ()) if context not in names] for n in names
        }
        return {name: needs for name, needs in sorted(missed.items()) if needs}


def read_topology(path: Path = _FILE) -> Topology:
    """Return the content of topology.yaml."""
    raw = yaml.safe_load(path.read_text())
    return Topology(
        default_set=raw["default"],
        sets={name: tuple(each["servers"]) for name, each in raw["sets"].items()},
        topics=tuple(raw["topics"]),
        gateway=raw["gateway"],
        needs={name: tuple(needs) for name, needs in raw["needs"].items()},
        replicas=raw["replicas"] or {},
        workflows=frozenset(raw["workflows"]),
        shared_modules=tuple(raw["shared_modules"]),
    )
