"""The logins of sidecars at RabbitMQ, as resources of its topology operator."""

from __future__ import annotations

from services.chassis.security.access_rules import Access
from tools.kubernetes.autoscaling import BROKER_LOGIN
from tools.kubernetes.settings import Document, metadata
from tools.runner.infra.broker_logins import BrokerLogin, login_of
from tools.runner.infra.rabbitmq import BROADCAST_POLICY, permissions

_CLUSTER = {"rabbitmqClusterReference": {"name": "rabbitmq"}}


def broker_logins(access: Access) -> list[BrokerLogin]:
    """Return the login of each service that uses the broker, and of KEDA, without passwords."""
    users = [own for own in access.values() if own.components & {"pubsub", "broadcast"}]
    return [*(login_of(own, "") for own in users), keda_login("")]


def keda_login(password: str) -> BrokerLogin:
    """Return a login that may ask for the lengths of queues, and nothing else."""
    nothing: frozenset[str] = frozenset()
    return BrokerLogin("keda", password, nothing, nothing, nothing)


def login_secret(app: str) -> str:
    """Return the name of the Secret with the login of a service."""
    return BROKER_LOGIN if app == "keda" else f"{app}-rabbitmq"


def login_resources(access: Access) -> list[Document]:
    """Return the users, what each may do, and the policy for queues of the gateway's streams."""
    found = []
    for login in broker_logins(access):
        found += [_user(login.app), _permission(login)]
    return [*found, _policy()]


def _user(app: str) -> Document:
    return _topology("User", app, {"importCredentialsSecret": {"name": login_secret(app)}})


def _permission(login: BrokerLogin) -> Document:
    reference = {"userReference": {"name": login.app}}
    spec = {"vhost": "/", **reference, "permissions": permissions(login)}
    return _topology("Permission", login.app, spec)


def _policy() -> Document:
    kept = {key: value for key, value in BROADCAST_POLICY.items() if key != "apply-to"}
    return _topology("Policy", "broadcast", kept | {"applyTo": BROADCAST_POLICY["apply-to"]})


def _topology(kind: str, name: str, spec: Document) -> Document:
    return {
        "apiVersion": "rabbitmq.com/v1beta1",
        "kind": kind,
        "metadata": metadata(name),
        "spec": spec | _CLUSTER,
    }
