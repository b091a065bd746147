"""Random valid and invalid requests of the OpenAPI document: all responses are documented.

Schemathesis makes up the requests, the same at every run. Each goes out three times: signed in, as
nobody, and signed in about something that is there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.mastodon import routes
from tests.mastodon.answers import fault_of
from tests.system import LoggedInUser, System
from tests.system.system import REPO

_EXAMPLES = 6
"""Requests made up of each kind, for each operation."""

Operation = Any
_SCHEMA = schemathesis.openapi.from_path(REPO / "docs/contracts/gateway.openapi.json")
_FOUND = list(_SCHEMA.get_all_operations())
_OPERATIONS = {found.ok().label: found.ok() for found in _FOUND if isinstance(found, Ok)}
_MADE_UP = settings(
    derandomize=True,
    max_examples=_EXAMPLES,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class RandomClient:
    """Sends generated requests, some of them with ids of existing objects."""

    base: str
    person: LoggedInUser
    other: LoggedInUser
    picture: Path
    faults: list[str] = field(default_factory=list)

    def real_id(self, path: str) -> str:
        """The id of something that a path may be about; empty where there is no such thing."""
        makers: dict[str, Callable[[], Any]] = {
            "/api/v1/statuses/{id}": lambda: self.person.client.status_post("to be acted on"),
            "/api/v1/accounts/{id}": lambda: self.other.client.me(),
            "/api/v1/media/{id}": lambda: self.person.upload(self.picture),
        }
        return next(
            (str(make().id) for about, make in makers.items() if path.startswith(about)), ""
        )

    def send(self, case: Case[Any], real_id: str) -> None:
        """Send a request in all three ways, and keep what is wrong with the answers."""
        authorized = {"Authorization": f"Bearer {self.person.token}"}
        self._send(case, authorized)
        self._send(case, {})
        if real_id:
            case.path_parameters = {**(case.path_parameters or {}), "id": real_id}
            self._send(case, authorized)

    def _send(self, case: Case[Any], headers: dict[str, str]) -> None:
        sent = case.as_transport_kwargs(base_url=self.base)
        sent["headers"] = {**sent.get("headers", {}), **headers}
        with requests.Session() as session:
            answer = session.request(**sent, stream=True, allow_redirects=False, timeout=60)
            fault = self._fault_of(case, answer)
            answer.close()
        if fault:
            self.faults.append(f"{fault}\n{case.as_curl_command(headers)}")

    def _fault_of(self, case: Case[Any], answer: requests.Response) -> str:
        status = str(answer.status_code)
        if status[0] == "5":
            return f"{status}: {answer.text[:300]}"
        if routes.ROUTES[case.operation.label] is routes.OURS:
            return ""
        documented = case.operation.definition.raw["responses"]
        if status not in documented and f"{status[0]}XX" not in documented:
            return f"{status} is not documented: {answer.text[:300]}"
        return fault_of(answer)


@pytest.fixture(scope="module")
def guest(system: System, picture: Path) -> RandomClient:
    people = system.register("guest"), system.register("host")
    return RandomClient(system.base, *people, picture)


def test_every_operation_is_understood() -> None:
    assert len(_OPERATIONS) == len(_FOUND) > 150


@pytest.mark.parametrize("label", _OPERATIONS)
def test_nothing_made_up_is_answered_wrongly(guest: RandomClient, label: str) -> None:
    operation = _OPERATIONS[label]
    real_id = guest.real_id(operation.path)
    guest.faults.clear()
    for mode in _modes(operation):

        @_MADE_UP
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Case[Any]) -> None:
            guest.send(case, real_id)

        with suppress(Unsatisfiable):  # nothing can be wrong about texts without bounds
            send()
    assert not guest.faults, "\n\n".join(guest.faults)


def _modes(operation: Operation) -> list[GenerationMode]:
    """Return the modes of generation: valid requests, and invalid ones for complex operations."""
    has_more = bool(operation.body or operation.query)
    return [GenerationMode.POSITIVE, *([GenerationMode.NEGATIVE] if has_more else [])]
