"""The container that the injector adds really runs: it finds identity, logins and components."""

from __future__ import annotations

import base64
import shutil
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from cryptography import x509

from tests.kubernetes import container
from tests.kubernetes.cluster import until
from tests.kubernetes.conftest import Deployed
from tests.kubernetes.pods import NAMESPACE_OPTION, READY_SECONDS, all_are_ready
from tools.kubernetes import settings
from tools.runner.infra import toolchain

_APP = "feed"
_HTTP_PORT = 3500


@pytest.fixture
def token(deployed: Deployed) -> Iterator[str]:
    """The API token of a running sidecar. It has a Redis; RabbitMQ is away."""
    if (redis := shutil.which("redis-server")) is None:
        pytest.skip("needs redis-server")
    all_are_ready(deployed)
    cluster = deployed.cluster
    password = _secret(deployed, "redis", "password")
    _let_the_broker_be_away(deployed, is_away=True)
    pods = cluster.get(*NAMESPACE_OPTION, "pods", "-l", f"app.kubernetes.io/name={_APP}")["items"]
    processes = [
        cluster.start("redis", redis, "--bind", "127.0.0.1", "--requirepass", password),
        container.start(cluster, pods[0], "daprd", toolchain.require_tool("daprd")),
    ]
    try:
        yield _secret(deployed, f"{_APP}-api-token", "token")
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)
        _let_the_broker_be_away(deployed, is_away=False)


def test_a_sidecar_works_with_what_its_pod_gives_it(deployed: Deployed, token: str) -> None:
    until(
        lambda: _status("/v1.0/healthz/outbound", token) == 204,
        lambda: deployed.cluster.log("daprd"),
        READY_SECONDS,
    )
    assert _status("/v1.0/state/statestore/nobody", token) == 204  # Redis took its password
    assert _status("/v1.0/state/statestore/nobody", "another") == 401
    assert _status("/v1.0/secrets/secretstore/metrics-token-sha256", token) == 200
    assert _status("/v1.0/secrets/secretstore/payments-webhook-secret", token) == 403
    assert _status("/v1.0/metadata", token) in (403, 404)  # the policy does not allow this API
    assert _identity().endswith(f"/ns/{settings.NAMESPACE}/{_APP}")


def _status(path: str, token: str) -> int:
    """Return the status with which the sidecar answers; 0 without an answer."""
    connection = HTTPConnection("127.0.0.1", _HTTP_PORT, timeout=10)
    try:
        connection.request("GET", path, headers={"dapr-api-token": token})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def _identity() -> str:
    """Return the SPIFFE identity with which the sidecar answers others."""
    text = ssl.get_server_certificate(("127.0.0.1", settings.INTERNAL_PORT), timeout=10)
    names: Any = x509.load_pem_x509_certificate(text.encode()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    (found,) = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    return str(found)


def _secret(deployed: Deployed, name: str, key: str) -> str:
    data = deployed.cluster.get(*NAMESPACE_OPTION, "secret", name)["data"]
    return base64.b64decode(data[key]).decode()


def _let_the_broker_be_away(deployed: Deployed, is_away: bool) -> None:
    patch = f'{{"spec": {{"ignoreErrors": {str(is_away).lower()}}}}}'
    deployed.cluster.kubectl(
        *(*NAMESPACE_OPTION, "patch", "component", "pubsub", "--type=merge", "-p", patch)
    )
