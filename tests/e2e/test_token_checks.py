"""Only the gateway is public: services and sidecars require a token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.system import LoggedInUser, ProcessRow, System

SOCIAL = ("auth", "users", "media", "posts", "comments", "feed", "notifications")
SERVICES = (*SOCIAL, "catalog", "payments")
TOKEN_FILES = ("metrics", "operator")
INTERNAL = ("/dapr/subscribe", "/events/posts", "/events-dead", "/changes", "/deadletters")


@pytest.fixture
def rows(system: System) -> dict[str, ProcessRow]:
    return system.ps()


@pytest.fixture
def plain() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_serves_nobody_but_its_sidecar(
    rows: dict[str, ProcessRow], plain: requests.Session, anna: LoggedInUser, service: str
) -> None:
    address = rows[service].address
    attempts: list[dict[str, str]] = [
        {},
        {"dapr-api-token": ""},
        {"dapr-api-token": "wrong"},
        {"Authorization": f"Bearer {anna.token}"},
        {"dapr-caller-app-id": "gateway", "Authorization": f"Bearer {anna.token}"},
    ]
    for path in (*INTERNAL, "/posts", "/accounts/me", "/tokens", "/openapi.json", "/docs"):
        for headers in attempts:
            for method in ("GET", "POST"):
                answer = plain.request(method, f"{address}{path}", headers=headers, timeout=60)
                assert answer.status_code == 401, f"{method} {path} {headers}"
    assert plain.get(f"{address}/healthz", timeout=60).status_code == 200


@pytest.mark.parametrize("service", ["gateway", *SERVICES])
def test_a_service_serves_its_own_sidecar(
    system: System, rows: dict[str, ProcessRow], plain: requests.Session, service: str
) -> None:
    # Replicas of the gateway share its public port; each one has an app token of its own.
    own_port = f"http://127.0.0.1:{rows[service].app_port}"
    headers = {"dapr-api-token": system.tokens(service).app}
    subscribed = plain.get(f"{own_port}/dapr/subscribe", headers=headers, timeout=60)
    assert subscribed.status_code == 200


@pytest.mark.parametrize("service", ["gateway", *SERVICES])
def test_metrics_are_for_whoever_has_their_token(
    system: System, rows: dict[str, ProcessRow], plain: requests.Session, service: str
) -> None:
    address = f"{rows[service].address}/metrics"
    tokens = {name: (system.run_dir / f"{name}-token").read_text() for name in TOKEN_FILES}
    expected = {"": 401, "wrong": 401, "operator": 401, "metrics": 200}
    for name, status in expected.items():
        headers = {"Authorization": f"Bearer {tokens.get(name, name).strip()}"} if name else {}
        answer = plain.get(address, headers=headers, timeout=60)
        assert answer.status_code == status, name
        assert ("process_cpu_seconds_total" in answer.text) == (name == "metrics")


@pytest.mark.parametrize("service", ["gateway", *SERVICES])
@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_sidecar_serves_nobody_without_its_token(
    rows: dict[str, ProcessRow], plain: requests.Session, service: str, token: str
) -> None:
    sidecar = f"http://127.0.0.1:{rows[service].sidecar_port}/v1.0"
    headers = {"dapr-api-token": token} if token else {}
    for method, path in [
        ("GET", "/state/statestore/x"),
        ("POST", "/state/statestore"),
        ("POST", "/publish/pubsub/posts"),
        ("GET", "/secrets/secretstore/jwt-signing-keys"),
        ("GET", "/invoke/posts/method/posts"),
        ("POST", "/bindings/blobs"),
        ("GET", "/metadata"),
    ]:
        answer = plain.request(method, sidecar + path, headers=headers, json=[], timeout=60)
        assert answer.status_code == 401, f"{method} {path}"


def test_the_gateway_shows_nobody_what_is_for_sidecars(
    system: System, plain: requests.Session, anna: LoggedInUser
) -> None:
    for path in INTERNAL:
        for headers in (
            {},
            {"dapr-caller-app-id": "gateway"},
            {"dapr-caller-app-id": "posts", "Authorization": f"Bearer {anna.token}"},
        ):
            for method in ("GET", "POST"):
                answer = plain.request(method, system.base + path, headers=headers, timeout=60)
                assert answer.status_code in (401, 404, 405), f"{method} {path} {headers}"


def test_routes_for_the_gateway_are_for_no_other_service(
    system: System, rows: dict[str, ProcessRow], plain: requests.Session
) -> None:
    """An attacker in one service cannot call the others."""
    sidecar = f"http://127.0.0.1:{rows['feed'].sidecar_port}/v1.0/invoke"
    headers = {"dapr-api-token": system.tokens("feed").sidecar}
    for method, path in [
        ("POST", "/auth/method/authorizations"),
        ("POST", "/auth/method/registrations"),
        ("POST", "/auth/method/apps"),
        ("POST", "/auth/method/tokens"),
        ("GET", "/media/method/files/x"),
        ("POST", "/catalog/method/reservations"),
        ("GET", "/posts/method/deadletters"),
        ("POST", "/posts/method/deadletters/replay"),
    ]:
        body = {"dapr-caller-app-id": "gateway"}
        answer = plain.request(method, sidecar + path, headers=headers | body, json={}, timeout=60)
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code} {answer.text}"


def test_no_service_acts_for_somebody_without_their_token(
    system: System, rows: dict[str, ProcessRow], plain: requests.Session, anna: LoggedInUser
) -> None:
    sidecar = f"http://127.0.0.1:{rows['gateway'].sidecar_port}/v1.0/invoke"
    headers = {"dapr-api-token": system.tokens("gateway").sidecar}
    for method, path in [
        ("POST", "/posts/method/posts"),
        ("GET", "/feed/method/timelines/home"),
        ("POST", f"/users/method/accounts/{anna.id}/follow"),
        ("GET", "/users/method/accounts/me"),
        ("POST", "/media/method/attachments"),
        ("POST", "/catalog/method/shops"),
    ]:
        answer = plain.request(method, sidecar + path, headers=headers, json={}, timeout=60)
        assert answer.status_code == 401, f"{method} {path}: {answer.status_code} {answer.text}"


def test_no_log_holds_a_token_or_a_password(system: System, anna: LoggedInUser) -> None:
    anna.client.status_post("something to log")
    secrets = {
        "user token": anna.token,
        "password": anna.password,
        "client secret": anna.app.client_secret,
        "sidecar token": system.tokens("posts").sidecar,
        "app token": system.tokens("posts").app,
    }
    for log in (system.run_dir / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        found = [name for name, secret in secrets.items() if secret in text]
        assert found == [], log.name
