"""The verb `conform`: runs the conformance kit on services, or on a program in the place of one."""

from __future__ import annotations

from dataclasses import dataclass

from services.chassis.security.access_rules import read_access
from tools.runner.commands import checks
from tools.runner.config.guests import FOLDER
from tools.runner.errors import RunnerError

_VARIABLES = "MICROGRAM_CONFORM_"
"""The prefix of the variables that tests/conformance/kit.py reads."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested: services (none: all of them), or what takes the place of one."""

    apps: tuple[str, ...]
    command: str
    """A program that is started as the service."""
    guest: str
    """A guest, such as `comments=go`."""
    components: str


def conform(subject: Subject, arguments: list[str], *, planted: bool) -> int:
    """Test services against docs/protocol.md; return non-zero if one breaks a rule.

    Raises RunnerError for a service that services/access.yaml does not name.
    """
    known = sorted(read_access())
    for app in subject.apps:
        if app not in known and not list(FOLDER.glob(f"{app}-*/access.yaml")):
            raise RunnerError(
                f'there is no service "{app}" in services/access.yaml (known: {", ".join(known)}). '
                "A new service is named there first: who may call it, and what it may use"
            )
    environment = {
        f"{_VARIABLES}APPS": ",".join(subject.apps or known),
        f"{_VARIABLES}COMMAND": subject.command,
        f"{_VARIABLES}COMPONENTS": subject.components,
        "MICROGRAM_GUEST": subject.guest,
        **({f"{_VARIABLES}PLANTED": "1"} if planted else {}),
    }
    return checks.test_conformance(arguments, environment)
