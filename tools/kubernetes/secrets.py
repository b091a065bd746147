"""The Secrets of a system in a cluster, of the secrets that a run directory keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

import yaml

from services.chassis.security.access_rules import (
    METRICS_SECRET,
    OPERATOR_SECRET,
    Access,
    ServiceAccess,
)
from tools.kubernetes.broker import broker_logins, keda_login, login_secret
from tools.kubernetes.settings import NAMESPACE, RABBITMQ_PORT, Document
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import REDIS, SecretsFile, create_token, password
from tools.runner.infra.broker_logins import login_of
from tools.runner.infra.rabbitmq import definitions

_ADMIN = "microgram"


def secrets_of(run: RunDir, access: Access) -> str:
    """Return the Secrets as YAML, for `kubectl apply -f -`.

    What is missing in the run directory is created there, so that a second call returns the same
    passwords: keep it as you keep the cluster.
    """
    kept = SecretsFile(run.secrets)
    kept.create_missing()
    create_token(run.operator_token, kept, OPERATOR_SECRET)
    create_token(run.metrics_token, kept, METRICS_SECRET)
    documents = [each for own in access.values() for each in _of_service(own, kept)]
    documents += _of_servers(access, kept)
    return yaml.safe_dump_all(documents, sort_keys=False)


def secret_names(access: Access) -> set[str]:
    """Return the names of all Secrets that `secrets_of` makes."""
    found = {
        "redis",
        "rabbitmq-definitions",
        *(login_secret(each.app) for each in broker_logins(access)),
    }
    return found | {
        f"{app}-{what}" for app in access for what in ("secrets", "api-token", "app-token")
    }


def _kept(kept: SecretsFile, name: str) -> str:
    """Return a password of the cluster, created if it is missing."""
    key = f"kubernetes-{name}"
    if (found := kept.get(key)) is None:
        found = password()
        kept.set(key, found)
    return found


def _of_service(own: ServiceAccess, kept: SecretsFile) -> list[Document]:
    name = own.name
    secrets = json.dumps({key: kept[key] for key in sorted(own.secrets)})
    return [
        _secret(f"{name}-secrets", {"secrets.json": secrets}),
        _secret(f"{name}-api-token", {"token": _kept(kept, f"{name}-api-token")}),
        _secret(f"{name}-app-token", {"token": _kept(kept, f"{name}-app-token")}),
    ]


def _of_servers(access: Access, kept: SecretsFile) -> list[Document]:
    found = [_secret("redis", {"password": kept[REDIS]})]
    names = [login.app for login in broker_logins(access)]
    passwords = {app: _kept(kept, login_secret(app)) for app in names}
    for app in names:
        login = {"username": app, "password": passwords[app]}
        if app == "keda":
            login["host"] = (
                f"amqp://keda:{quote(passwords[app])}@rabbitmq.{NAMESPACE}.svc:{RABBITMQ_PORT}/"
            )
        found.append(_secret(login_secret(app), login))
    return [*found, _definitions(access, passwords, _kept(kept, "rabbitmq-admin"))]


def _definitions(access: Access, passwords: Mapping[str, str], admin: str) -> Document:
    """Return what a RabbitMQ without operators loads at its start."""
    logins = [login_of(access[app], passwords[app]) for app in passwords if app != "keda"]
    logins.append(keda_login(passwords["keda"]))
    content = definitions(_ADMIN, admin, logins)
    return _secret("rabbitmq-definitions", {"definitions.json": json.dumps(content)})


def _secret(name: str, values: Mapping[str, str]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "type": "Opaque",
        "stringData": dict(values),
    }
