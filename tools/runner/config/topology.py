"""The structure of the system: topology.yaml, and what follows from services/access.yaml."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from services.chassis.security.access_rules import Access, read_access
from tools.runner.config.access_policies import published_topics

CONTROL_PLANE = ("placement", "scheduler")
"""Dapr servers that workflows need."""

ETCD = "etcd"
"""The database of the scheduler."""

_FILE = Path(__file__).with_name("topology.yaml")


@dataclass(frozen=True)
class Topology:
    """The default component set, topics, dependencies and replicas."""

    default_set: str
    topics: tuple[str, ...]
    """All topics, those of dead letters included: JetStream needs a stream for each beforehand."""
    gateway: str
    """The public service, which listens on --port; empty if there is none."""
    needs: Mapping[str, frozenset[str]]
    """The services that each service calls."""
    replicas: Mapping[str, int]
    workflows: frozenset[str]
    shared_modules: tuple[str, ...]

    def control_plane(self, chosen: Iterable[str]) -> tuple[str, ...]:
        """Return the Dapr servers that the chosen services need, with the scheduler's database."""
        return (ETCD, *CONTROL_PLANE) if self.workflows & set(chosen) else ()

    def missed_by(self, chosen: Iterable[str]) -> dict[str, list[str]]:
        """Return, for each chosen service, the services it calls that are not chosen."""
        names = set(chosen)
        missed = {name: sorted(self.needs.get(name, frozenset()) - names) for name in sorted(names)}
        return {name: needs for name, needs in missed.items() if needs}


def read_topology(access: Access | None = None, path: Path = _FILE) -> Topology:
    """Return the structure of the system, by default that of services/access.yaml."""
    access = read_access() if access is None else access
    raw = yaml.safe_load(path.read_text())
    topics = {topic for own in access.values() for topic in published_topics(own)}
    public = [name for name, own in access.items() if own.is_public]
    return Topology(
        default_set=raw["default"],
        topics=tuple(sorted(topics)),
        gateway=public[0] if public else "",
        needs={caller: _called_by(caller, access) for caller in access},
        replicas=raw["replicas"] or {},
        workflows=frozenset(name for name, own in access.items() if "workflows" in own.apis),
        shared_modules=tuple(raw["shared_modules"]),
    )


def _called_by(caller: str, access: Access) -> frozenset[str]:
    return frozenset(
        callee
        for callee, own in access.items()
        if any(caller in callers for callers in own.calls.values())
    )
