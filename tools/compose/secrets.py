"""Makes the secrets of the compose project: a file for each container that reads it.

No container gets what it does not need: a sidecar has the secrets that its service or its
components read, and its own login at the broker.
"""

from __future__ import annotations

import json
import secrets as random
from collections.abc import Iterable, Mapping
from pathlib import Path

from services.chassis.security.access_rules import (
    METRICS_SECRET,
    OPERATOR_SECRET,
    Access,
    ServiceAccess,
)
from tools.compose.limits import Document
from tools.compose.servers import ADDRESSES
from tools.runner.config.components import own_login
from tools.runner.config.paths import RunDir, write_private
from tools.runner.config.secrets import RABBITMQ, REDIS, SecretsFile, create_token, password
from tools.runner.errors import RunnerError
from tools.runner.infra import broker_logins, rabbitmq
from tools.runner.infra.identities import CONTROL_PLANE_TRUST_DOMAIN, Identities
from tools.runner.infra.servers import ServerContext

IDENTITY_LIFETIME = 365 * 24 * 3600
"""Seconds; that of the certificate authority, which is made together with the identities."""

_READABLE = 0o444
"""Containers run as users of their own. The folder is closed to all others of the machine."""


def create_secrets(folder: Path, access: Access, documents: Iterable[Document]) -> None:
    """Create the secrets of all containers in a folder; passwords and keys of users are kept.

    Identities are new ones each time: all sidecars and Dapr's servers must start again then.
    """
    run = RunDir(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    secrets = SecretsFile(run.secrets)
    secrets.create_missing()
    create_token(run.operator_token, secrets, OPERATOR_SECRET)
    create_token(run.metrics_token, secrets, METRICS_SECRET)
    _write_broker(folder, run, secrets, access)
    _write(folder / "redis.conf", f"requirepass {secrets[REDIS]}\n")
    anchors = _write_identities(folder, run, access)
    documents = [*documents]
    for app, own in access.items():
        needed = own.secrets | _referred(own, documents)
        stored = {name: _own_secret(secrets, name, app) for name in sorted(needed)}
        _write(folder / f"{app}.secrets.json", json.dumps(stored))
        _write(folder / f"{app}.environment.json", json.dumps(_environment(anchors)))


def _environment(anchors: str) -> Mapping[str, str]:
    """Return what a service and its sidecar tell each other by, and whom a sidecar trusts."""
    return {
        "DAPR_API_TOKEN": random.token_urlsafe(24),
        "APP_API_TOKEN": random.token_urlsafe(24),
        "DAPR_TRUST_ANCHORS": anchors,
    }


def _referred(own: ServiceAccess, documents: Iterable[Document]) -> set[str]:
    """Return the secrets that the components of a service refer to."""
    used = (
        each
        for each in documents
        if each["kind"] == "Component" and each["metadata"]["name"] in own.components
    )
    items = (item for each in used for item in each["spec"].get("metadata") or ())
    return {item["secretKeyRef"]["name"] for item in items if "secretKeyRef" in item}


def _own_secret(secrets: SecretsFile, name: str, app: str) -> str:
    found = secrets.get(own_login(name, app)) or secrets.get(name)
    if found is None:
        raise RunnerError(
            f'a component of {app} needs the secret "{name}": add it to secrets.json in the folder '
            "of the secrets (deploy/secrets)"
        )
    return found


def _write_broker(folder: Path, run: RunDir, secrets: SecretsFile, access: Access) -> None:
    """Write the users of RabbitMQ, one for each service."""

    def no_tool(name: str) -> Path:
        raise NotImplementedError(name)

    context = ServerContext(run, secrets, iter(()), no_tool, access=access)
    url = f"amqp://{{user}}:{{password}}@{ADDRESSES['rabbitmq']}/"
    logins = broker_logins.create_logins(context, RABBITMQ, url)
    content = rabbitmq.definitions("microgram", password(), logins)
    _write(folder / "rabbitmq.json", json.dumps(content))


def _write_identities(folder: Path, run: RunDir, access: Access) -> str:
    """Write a new certificate authority, and identities that it accepts; return its root."""
    identities = Identities(run, IDENTITY_LIFETIME)
    identities.create()
    for app in access:
        identities.environment(app)
    for server in ("dapr-placement", "dapr-scheduler"):
        identities.environment(server, CONTROL_PLANE_TRUST_DOMAIN)
    made = [*identities.folder.glob("*.j*"), *identities.authority.iterdir()]
    for path in made:
        _write(folder / path.name, path.read_text())
    return identities.trust_anchors.read_text()


def _write(path: Path, text: str) -> None:
    write_private(path, text)
    path.chmod(_READABLE)
