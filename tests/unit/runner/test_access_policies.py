"""The policies of sidecars say what services/access.yaml says, and nothing more."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from services.chassis.security.access_rules import read_access
from tools.runner.config.access_policies import configure, scope_component, workflow_policy
from tools.runner.config.components import load_set, set_names

ACCESS = read_access()
SETS = set_names()


def spec(app: str, *, has_mtls: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = configure({"spec": {}}, ACCESS[app], has_mtls=has_mtls)["spec"]
    return found


def scoped(name: str, which: str) -> dict[str, Any]:
    (found,) = [each for each in load_set(which) if each["metadata"]["name"] == name]
    return scope_component(found, ACCESS)


def topics(document: dict[str, Any], scope: str) -> dict[str, set[str]]:
    (value,) = [item["value"] for item in document["spec"]["metadata"] if item["name"] == scope]
    pairs = (part.split("=") for part in value.split(";"))
    return {app: set(filter(None, names.split(","))) for app, names in pairs}


@pytest.mark.parametrize("callee", sorted(ACCESS))
@pytest.mark.parametrize("caller", sorted(ACCESS))
def test_a_sidecar_admits_the_verbs_of_a_caller_by_the_first_segment(
    caller: str, callee: str
) -> None:
    control = spec(callee)["accessControl"]
    assert control["defaultAction"] == "deny"
    policies = [policy for policy in control["policies"] if policy["appId"] == caller]
    admitted = {
        f"{verb} {operation['name']}"
        for policy in policies
        for operation in policy["operations"]
        for verb in operation.get("httpVerb", ())
        if policy["defaultAction"] == "deny" and operation["action"] == "allow"
    }
    assert admitted == {
        "/".join(route.split("/")[:2])
        for route, callers in ACCESS[callee].calls.items()
        if caller in callers
    }


@pytest.mark.parametrize("caller", sorted(ACCESS))
def test_a_sidecar_admits_exactly_the_named_methods_of_grpc(caller: str) -> None:
    """Names are matched as daprd does it: in lower case, with the method as it is called."""
    for callee, own in ACCESS.items():
        names = [
            operation["name"].lower()
            for policy in spec(callee)["accessControl"]["policies"]
            for operation in policy["operations"]
            if policy["appId"] == caller and "httpVerb" not in operation
        ]
        for method, callers in own.grpc.items():
            assert any(fnmatchcase(method, name) for name in names) == (caller in callers)
        assert not any(fnmatchcase("/microgram.catalog.v1.Catalog/Other", name) for name in names)


def test_without_mtls_nobody_can_be_told_apart() -> None:
    assert "accessControl" not in spec("posts", has_mtls=False)
    assert "secrets" in spec("posts", has_mtls=False)


@pytest.mark.parametrize("app", sorted(ACCESS))
def test_secrets_are_denied_unless_named(app: str) -> None:
    (scope,) = spec(app)["secrets"]["scopes"]
    assert scope["defaultAccess"] == "deny"
    assert set(scope["allowedSecrets"]) == ACCESS[app].secrets


@pytest.mark.parametrize("app", sorted(ACCESS))
def test_apis_are_denied_unless_named(app: str) -> None:
    api = spec(app)["api"]
    by_http = {rule["name"] for rule in api["allowed"] if rule["protocol"] == "http"}
    by_grpc = {rule["name"] for rule in api["allowed"] if rule["protocol"] == "grpc"}
    denied = {rule["name"] for rule in api["denied"]}
    assert by_http == ACCESS[app].apis
    assert by_grpc == ({"workflows", "metadata", "shutdown"} if app == "orders" else set())
    assert {"state", "secrets", "invoke", "publish", "bindings", "actors"} <= denied
    assert not by_grpc & denied


@pytest.mark.parametrize("which", SETS)
def test_a_component_is_for_the_services_that_name_it(which: str) -> None:
    for document in load_set(which):
        if document["kind"] == "Component":
            name = document["metadata"]["name"]
            expected = sorted(app for app in ACCESS if name in ACCESS[app].components)
            assert scope_component(document, ACCESS)["scopes"] == expected
            assert document.get("scopes", expected) == expected, "as for a plain `dapr run -f .`"


@pytest.mark.parametrize("which", SETS)
def test_every_service_has_a_scope_of_topics(which: str) -> None:
    """Dapr lets a service without a scope use every topic."""
    for name in ("pubsub", "broadcast"):
        for scope in ("publishingScopes", "subscriptionScopes"):
            assert topics(scoped(name, which), scope).keys() == ACCESS.keys()


def test_a_service_publishes_its_topics_and_its_dead_letters_only() -> None:
    published = topics(scoped("pubsub", "embedded"), "publishingScopes")
    subscribed = topics(scoped("pubsub", "embedded"), "subscriptionScopes")
    assert published["comments"] == {"comments", "comment-counts", "comments-dead"}
    assert subscribed["comments"] == {"posts", "comments-dead"}
    assert published["gateway"] == subscribed["gateway"] == set()
    broadcast = scoped("broadcast", "embedded")
    assert topics(broadcast, "subscriptionScopes")["gateway"] == ACCESS["gateway"].subscribes
    assert not any(topics(broadcast, "publishingScopes").values())


def test_workflows_are_steered_by_their_own_service() -> None:
    policy = workflow_policy(ACCESS)
    assert policy["scopes"] == ["orders"]
    assert [rule["callers"] for rule in policy["spec"]["rules"]] == [[{"appID": "orders"}]]
