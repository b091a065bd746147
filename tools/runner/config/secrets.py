"""Creates the secrets of a system on its first start; existing secrets are kept."""

import base64
import hashlib
import json
import secrets as random
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from services.chassis.security.access_rules import OPERATOR_HEADER
from tools.runner.config.paths import write_private
from tools.runner.errors import RunnerError

RABBITMQ = "rabbitmq-connection"
REDIS = "redis-password"
NATS = "nats-url"
KAFKA = "kafka-password"
MQTT = "mqtt-url"
POSTGRESQL = "postgresql-connection"
MARIADB = "mariadb-connection"
SERVER_LOGINS = (RABBITMQ, REDIS, NATS, KAFKA, MQTT, POSTGRESQL, MARIADB)
"""Passwords of servers; those of single services have its name at the end."""

JWT = "jwt-signing-keys"
WEBHOOKS = "payments-webhook-secret"
IDENTIFIERS = "identifier-hash-key"


class SecretsFile:
    """The flat secrets file that the component `secretstore` reads (mode 0600)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = self._read()

    def _read(self) -> dict[str, str]:
        try:
            self._path.chmod(0o600)
            values = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise RunnerError(f"{self._path} is not JSON ({error}): correct or remove it") from None
        return {str(key): str(value) for key, value in values.items()}

    def __getitem__(self, key: str) -> str:
        return self._values[key]

    def get(self, key: str) -> str | None:
        """Return a secret, or None if it does not exist yet."""
        return self._values.get(key)

    def all(self) -> dict[str, str]:
        """Return all secrets."""
        return dict(self._values)

    def set(self, key: str, value: str) -> None:
        """Store a secret; it replaces an earlier one."""
        if self._values.get(key) != value:
            self._values[key] = value
            write_private(self._path, json.dumps(self._values, indent=2) + "\n")

    def update(self, values: Mapping[str, str]) -> None:
        """Store several secrets; they replace earlier ones."""
        self._values |= values
        write_private(self._path, json.dumps(self._values, indent=2) + "\n")

    def create_missing(self) -> None:
        """Create all missing secrets."""
        for key, make in _MAKERS.items():
            if key not in self._values:
                self.set(key, make())


_GENERATED = "generated-"


def create_token(path: Path, secrets: SecretsFile, secret: str) -> None:
    """Create a token if it does not exist, and store its hash as a secret.

    The token is in a file of its own, which no sidecar reads. A death in between does no harm: the
    hash is made of the file at every start.
    """
    token = read_or_create_token(path)
    secrets.set(secret, hashlib.sha256(token.encode()).hexdigest())


def operator_headers(path: Path, sidecar_token: str) -> dict[str, str]:
    """Return the headers of a call as the operator. Raises RunnerError without the token."""
    try:
        token = path.read_text().strip()
    except FileNotFoundError:
        raise RunnerError(
            f"{path} is missing: start the system again, as its owner ({path} proves that)"
        ) from None
    return {"dapr-api-token": sidecar_token, OPERATOR_HEADER: token}


def read_or_create_token(path: Path) -> str:
    """Return the token or password in a file of its own, created if it does not exist."""
    if not path.exists():
        write_private(path, password() + "\n")
    path.chmod(0o600)
    return path.read_text().strip()


def password() -> str:
    """Return a new password, 192 bits, safe in a URL, and marked as generated."""
    return _GENERATED + random.token_urlsafe(24)


def is_generated(secret: str) -> bool:
    """Return whether a password is for servers of this runner only.

    It is never sent to a server that another process started, which could be anybody's.
    """
    return secret.startswith(_GENERATED)


def credentials(url: str) -> tuple[str, str]:
    """Return user and password of a connection URL, which may lack its scheme."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    return parts.username or "", parts.password or ""


def new_signing_keys() -> str:
    """Return a new key for tokens of users: those that were signed with others are refused."""
    seed = base64.urlsafe_b64encode(random.token_bytes(32)).decode()
    return json.dumps({"keys": [{"kid": random.token_hex(8), "private": seed}]})


_MAKERS: dict[str, Callable[[], str]] = {
    JWT: new_signing_keys,
    IDENTIFIERS: lambda: random.token_urlsafe(32),
    RABBITMQ: lambda: f"amqp://microgram:{password()}@localhost:5672/",
    REDIS: password,
    WEBHOOKS: password,
    NATS: lambda: f"nats://microgram:{password()}@127.0.0.1:4222",
}
