"""Clients and the services' generated OpenAPI agree, in both directions."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_type_hints, is_typeddict

import pytest
from pydantic import BaseModel

from services import contracts
from services.chassis.http import batch
from services.clients.base import batch_request, given
from services.clients.json_types import accounts, notifications, posts
from services.clients.payments import PaymentWebhookClient
from tests.unit.clients.routes import (
    Sent,
    client_classes,
    document_of,
    operation_of,
    requests_of,
    route_of,
    routes_of,
    shape_of_schema,
    shape_of_type,
)

CLIENTS = (*client_classes(), PaymentWebhookClient)
SENT = [sent for client in CLIENTS for sent in requests_of(client)]

OF_THE_CHASSIS = (
    batch.PATH,
    "/changes",
    "/dapr/",
    "/deadletters",
    "/events",
    "/healthz",
    "/readyz",
    "/metrics",
)
"""What the chassis asks of itself, and what the sidecar and the runner ask of every service."""

WITHOUT_A_METHOD = {
    ("auth", "get", "/jwks"): "the token verifier of the chassis",
    ("auth", "get", "/revocations"): "the token verifier of the chassis",
    ("auth", "post", "/roles"): "operators make admins with it",
    ("auth", "post", "/password_links"): "operators help users with it",
    ("catalog", "get", "/reservations/{order}"): "operators and tests",
    ("orders", "get", "/workflows"): "the dashboard shows it to operators",
    ("orders", "post", "/rebuilds"): "operators rebuild the read models with it",
    ("payments", "get", "/ledger"): "operators and tests audit with it",
    ("payments", "get", "/ledger/balances"): "operators and tests audit with it",
}

SHAPED_BY_THE_CLIENT = {
    "AuthClient.logins_by_id",
    "AuthClient.logins_by_name",
    "MediaClient.claim",
    "MediaClient.export_part",
    "MediaClient.file",
    "UsersClient.account_named",
    "UsersClient.relationships_of",
}
"""Methods that return something else than the route does; what they read of it they validate."""


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: f"{sent.name} {sent.method} {sent.path}")
def test_a_request_of_a_client_is_one_that_the_service_knows(sent: Sent) -> None:
    assert route_of(sent), f"{sent.app} has no route {sent.method} {sent.path}"
    known = operation_of(sent).get("parameters", [])
    assert sent.query <= {one["name"] for one in known if one["in"] == "query"}
    conditions = sent.headers & {"if-match", "if-none-match"}
    assert sent.app == "media" or conditions <= {one["name"] for one in known}
    _check_body(sent, operation_of(sent).get("requestBody"))


def _check_body(sent: Sent, expected: Any) -> None:
    hints = get_type_hints(sent.function)
    models = [hint for hint in hints.values() if _is_model(hint) and hint != hints["return"]]
    if isinstance(sent.body, bytes):
        return
    if not sent.body and not models:
        assert not expected or not expected.get("required")
        return
    schema = expected["content"]["application/json"]["schema"]
    if models:
        expected_shape = shape_of_schema(schema).removesuffix(" | null")
        assert [shape_of_type(model) for model in models] == [expected_shape]
        return
    schema = next((one for one in schema.get("anyOf", ()) if "$ref" in one), schema)
    schema = document_of(sent.app)["components"]["schemas"][shape_of_schema(schema)]
    assert {*schema.get("required", ())} <= {*sent.body} <= {*schema["properties"]}


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: f"{sent.name} {sent.method} {sent.path}")
def test_a_method_returns_what_the_route_does(sent: Sent) -> None:
    returned = get_type_hints(sent.function)["return"]
    if returned is NoneType or sent.name in SHAPED_BY_THE_CLIENT:
        return
    content = operation_of(sent)["responses"]["200"]["content"]["application/json"]
    assert shape_of_type(returned) == shape_of_schema(content["schema"])


@pytest.mark.parametrize("app", sorted({sent.app for sent in SENT} - {"gateway"}))
def test_a_route_has_a_method_or_a_reason_to_have_none(app: str) -> None:
    routes = {route for route in routes_of(app) if not route[1].startswith(OF_THE_CHASSIS)}
    without = {(method, path) for named, method, path in WITHOUT_A_METHOD if named == app}
    used = {route_of(sent) for sent in SENT if sent.app == app}
    assert routes - used == without


EDITED_PROFILE = {"EditedProfileJson", "EditedProfileFieldJson", "ProfileValuesJson"}


@pytest.mark.parametrize("module", [accounts, notifications, posts], ids=lambda m: m.__name__)
def test_a_json_type_has_the_fields_of_its_contract(module: ModuleType) -> None:
    models = _contract_models()
    named = {name: kind for name, kind in vars(module).items() if is_typeddict(kind)}
    for name in named.keys() - EDITED_PROFILE:
        model = models[name.removesuffix("Json")]
        expected = get_type_hints(model, include_extras=True)
        actual = get_type_hints(named[name], include_extras=True)
        assert {field: shape_of_type(hint) for field, hint in actual.items()} == {
            field: shape_of_type(expected[field]) for field in model.model_fields
        }, name


def test_an_edited_profile_has_the_fields_of_its_contract() -> None:
    schemas = document_of("users")["components"]["schemas"]
    for kind in (accounts.EditedProfileJson, accounts.ProfileValuesJson):
        schema = schemas[kind.__name__.removesuffix("Json")]
        assert get_type_hints(kind).keys() == schema["properties"].keys()


@pytest.mark.parametrize("app", sorted({sent.app for sent in SENT} - {"gateway", "insights"}))
def test_a_service_takes_several_requests_in_one(app: str) -> None:
    request = batch_request([])
    assert (request.method.lower(), f"/{request.path}") in routes_of(app)
    fields = document_of(app)["components"]["schemas"]["BatchRequest"]["properties"]
    assert request.json.keys() == fields.keys()


def test_empty_query_parameters_are_left_out() -> None:
    assert given(a="", b=None, c=False, d=True, e=0, f="x") == {"d": "true", "e": "0", "f": "x"}


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _contract_models() -> dict[str, type[BaseModel]]:
    found: dict[str, type[BaseModel]] = {}
    for path in Path(inspect.getfile(contracts)).parent.glob("*.py"):
        module = __import__(f"services.contracts.{path.stem}", fromlist=["_"])
        found |= {name: kind for name, kind in vars(module).items() if _is_model(kind)}
    return found
