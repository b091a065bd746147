"""Gives each service a login of its own at a broker or database that the runner starts.

A sidecar's component connects with it. The broker refuses topics that services/access.yaml does not
name, also to somebody who has the login and no sidecar; a database, what belongs to other services.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from services.chassis.security.access_rules import ServiceAccess
from tools.runner.config.access_policies import delivered_topics, published_topics
from tools.runner.config.components import own_login
from tools.runner.config.secrets import credentials, password
from tools.runner.infra.servers import ServerContext


@dataclass(frozen=True)
class BrokerLogin:
    """A service at a broker: it publishes some topics, and receives others."""

    app: str
    password: str = field(repr=False)
    published: frozenset[str]
    delivered: frozenset[str]
    broadcasts: frozenset[str]
    """What it receives through the component `broadcast`."""


def create_logins(context: ServerContext, secret: str, url: str) -> list[BrokerLogin]:
    """Store a connection URL for each service, and return the logins in them.

    `url` is a template with `{user}` and `{password}`. A service keeps its password.
    """
    logins = [
        login_of(
            own, credentials(context.secrets.get(own_login(secret, app)) or "")[1] or password()
        )
        for app, own in context.access.items()
    ]
    context.secrets.update(
        {
            own_login(secret, login.app): url.format(user=login.app, password=login.password)
            for login in logins
        }
    )
    return logins


def login_of(own: ServiceAccess, secret: str) -> BrokerLogin:
    """Return the login of a service with this password."""
    return BrokerLogin(
        own.name,
        secret,
        published_topics(own),
        delivered_topics(own),
        delivered_topics(own, "broadcast"),
    )


def topics(login: BrokerLogin) -> Iterable[str]:
    """Return all topics of a login, sorted."""
    return sorted(login.published | login.delivered | login.broadcasts)
