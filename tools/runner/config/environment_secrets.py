"""Gives sidecars secrets in their environment, for a component set that reads them there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from services.chassis.security.access_rules import ServiceAccess
from tools.runner.config.components import Document, component_type

STORE_TYPE = "secretstores.local.env"
PREFIX = "MICROGRAM_SECRET_"
"""Of the variables; component_traps.py holds each set to it."""


def environment_secrets(
    folder: Path, own: ServiceAccess, secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables for a sidecar of a service; none if its store is another one.

    They are the secrets that the service may read, and those that the components in `folder`, which
    are those of the service, refer to.
    """
    components = [yaml.safe_load(path.read_text()) for path in folder.glob("component-*.yaml")]
    if not any(component_type(each) == STORE_TYPE for each in components):
        return {}
    needed = own.secrets | set(_references(components))
    return {PREFIX + name: secrets[name] for name in sorted(needed) if name in secrets}


def _references(components: Iterable[Document]) -> Iterator[str]:
    for component in components:
        for item in component["spec"].get("metadata") or []:
            if "secretKeyRef" in item:
                yield str(item["secretKeyRef"]["name"])
