"""Services call each other through the clients only, and every method of a client has a caller."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.unit.clients.test_clients import CLIENTS

SERVICES = Path(__file__).parents[3] / "services"

HANDING_ON = {"gateway/graphql/dataloaders.py"}
"""Is the port of some clients, and hands on what they send."""

WITHOUT_A_CALLER = {"deleted_users": "clients/deletions.py, which all consumers of accounts use"}


@cache
def _attributes() -> dict[str, set[str]]:
    """The attributes that each module uses outside of the clients and the chassis."""
    modules = {str(path.relative_to(SERVICES)): path for path in SERVICES.rglob("*.py")}
    return {
        name: {
            n.attr for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute)
        }
        for name, path in modules.items()
        if not name.startswith(("clients/", "chassis/"))
    }


def _methods() -> Iterator[str]:
    for client in CLIENTS:
        for name, _ in inspect.getmembers(client, inspect.iscoroutinefunction):
            if not name.startswith("_"):
                yield name


def test_nobody_but_clients_and_the_chassis_invokes_a_service() -> None:
    invoking = {name for name, attributes in _attributes().items() if "invoke" in attributes}
    assert invoking == HANDING_ON


@pytest.mark.parametrize("method", sorted(set(_methods())))
def test_a_method_of_a_client_has_a_caller(method: str) -> None:
    has_caller = any(method in attributes for attributes in _attributes().values())
    assert has_caller == (method not in WITHOUT_A_CALLER)
