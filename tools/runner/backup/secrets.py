"""The secrets that belong to data, in a file beside the backup.

Whoever has them can sign tokens of any user, and guess the addresses behind keyed hashes. So they
are not in the backup. Passwords of servers are not among them: a new system has servers of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from services.chassis.security.access_rules import METRICS_SECRET, OPERATOR_SECRET
from tools.runner.config.paths import write_private
from tools.runner.config.secrets import IDENTIFIERS, JWT, SERVER_LOGINS, SecretsFile
from tools.runner.errors import RunnerError

_OF_THIS_SYSTEM = (*SERVER_LOGINS, OPERATOR_SECRET, METRICS_SECRET)
_FINGERPRINTED = (JWT, IDENTIFIERS)
"""Long random secrets, without which data is of less use. A hash of them reveals nothing."""

LOSSES = {
    JWT: "all tokens are invalid: everybody has to log in again",
    IDENTIFIERS: (
        "nobody can log in with an e-mail address or get mail to reset a password, addresses can "
        "be registered twice, and names of deleted accounts can be taken again"
    ),
}
"""What a restored system without a secret cannot do."""


def secrets_of(file: SecretsFile) -> dict[str, str]:
    """Return the secrets that belong to data: all but logins of this system."""
    return {
        name: value
        for name, value in file.all().items()
        if not any(name == own or name.startswith(f"{own}-") for own in _OF_THIS_SYSTEM)
    }


def fingerprints(secrets: Mapping[str, str]) -> dict[str, str]:
    """Return what tells whether a secret is the same one."""
    return {
        name: hashlib.sha256(secrets[name].encode()).hexdigest()[:16]
        for name in _FINGERPRINTED
        if name in secrets
    }


def write_secrets(path: Path, secrets: Mapping[str, str]) -> None:
    """Write them to a file that is readable by its owner only."""
    write_private(path, json.dumps(dict(secrets), indent=2) + "\n")


def read_secrets(path: Path) -> dict[str, str]:
    """Return the secrets of a file. Raises RunnerError for a file without, or for none."""
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError:
        raise RunnerError(_missing(path)) from None
    except ValueError:
        raise RunnerError(f"{path} has no secrets of a backup: it is not JSON") from None
    if not isinstance(raw, dict) or not all(isinstance(each, str) for each in raw.values()):
        raise RunnerError(f"{path} has no secrets of a backup")
    return raw


def _missing(path: Path) -> str:
    losses = "".join(f"\n  {name}: {loss}" for name, loss in LOSSES.items())
    return (
        f"{path} is missing. Name the file with the secrets (--secrets FILE), or restore without "
        f"them (--without-secrets), which means:{losses}"
    )


def require_matching(secrets: Mapping[str, str], expected: Mapping[str, str], path: Path) -> None:
    """Raise RunnerError if secrets are not those of a backup, by its fingerprints."""
    found = fingerprints(secrets)
    for name in expected:
        if found.get(name) != expected[name]:
            raise RunnerError(
                f"{path} has not the {name} of this backup, but that of another system or time: "
                f"without it {LOSSES[name]}"
            )
