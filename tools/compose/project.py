"""The compose project: each service with its sidecar, Dapr's servers, the broker and the store.

A service and its sidecar share the network of a third container that does nothing else: so either
may end and start again, and the other still reaches it. Names of sidecars are in one SQLite file,
as in a local run: multicast (mDNS, the default) does not pass every network of containers.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from services.chassis.security.access_rules import Access
from tools.compose.limits import (
    DAPR,
    NETWORK,
    OF_SERVICE,
    SERVICE,
    Document,
    checked_by,
    confined,
    go_memory,
)
from tools.compose.servers import SERVERS
from tools.runner.config.manifest import ManifestApp
from tools.runner.infra.identities import CONTROL_PLANE_TRUST_DOMAIN, NAMESPACE

SETTINGS = "/etc/microgram"
"""The folder of what a container reads."""
SECRETS = "/run/secrets"
DATA = Path("/var/lib/microgram")
"""The folder of the volumes."""

VERSION = "0.2.0"
_IMAGE = f"${{MICROGRAM_IMAGE:-microgram:{VERSION}}}"
_DAPR_IMAGE = f"${{MICROGRAM_DAPR_IMAGE:-microgram-dapr:{VERSION}}}"
_SECRETS_FOLDER = "${MICROGRAM_SECRETS:-./secrets}"
_HEALTH = ("python3", "/app/tools/container/health.py")
_HTTP, _GRPC, _INTERNAL = 3500, 50001, 50002
"""The ports of each sidecar: daprd's defaults, and one for other sidecars."""
_SERVER_PORTS = {"sentry": 50001, "placement": 50005, "scheduler": 50006}
_HEALTH_PORT = 8080


def create_project(
    apps: Iterable[ManifestApp], access: Access, gateway: str, servers: Iterable[str]
) -> Document:
    """Return the project of some services, which need some servers of `SERVERS`."""
    apps, servers = [*apps], [*servers]
    works = {app.app_id: "workflows" in access[app.app_id].apis for app in apps}
    needed = [*servers, "sentry"]
    containers: Document = {}
    for app in apps:
        after = [*needed, *(("placement", "scheduler") if works[app.app_id] else ())]
        name, is_public = app.app_id, app.app_id == gateway
        containers[name] = _service(app, is_public=is_public)
        containers[f"{name}-daprd"] = _sidecar(app, after, has_workflows=works[name])
        containers[f"{name}-network"] = _network(is_public=is_public)
    if any(works.values()):
        containers["placement"] = _placement()
        containers["scheduler"] = _scheduler()
    containers["sentry"] = _sentry()
    for server in servers:
        containers[server] = SERVERS[server]()
    return {
        "name": "microgram",
        "services": containers,
        "networks": {"inside": {"internal": True}, "outside": {}},
        "volumes": {name: {} for name in sorted(_volumes(containers))},
        "secrets": {
            name: {"file": f"{_SECRETS_FOLDER}/{name}"} for name in sorted(_secrets(containers))
        },
    }


def _volumes(containers: Document) -> set[str]:
    mounts = (each for one in containers.values() for each in one.get("volumes", ()))
    return {name for name in (mount.partition(":")[0] for mount in mounts) if "/" not in name}


def _secrets(containers: Document) -> set[str]:
    return {each["source"] for one in containers.values() for each in one.get("secrets", ())}


def _secret(source: str, target: str) -> Document:
    return {"source": source, "target": target}


def _healthy(names: Iterable[str]) -> Document:
    return {name: {"condition": "service_healthy"} for name in names}


def _network(*, is_public: bool) -> Document:
    """Return the container whose network a service and its sidecar share."""
    shared: Document = {
        "image": _IMAGE,
        "entrypoint": ["sleep"],
        "command": ["infinity"],
        "stop_signal": "SIGKILL",  # it holds nothing
        **confined(NETWORK),
        "healthcheck": {"disable": True},  # it answers nobody
        "networks": ["inside"],
    }
    if is_public:
        shared["networks"] = ["inside", "outside"]
        shared["ports"] = ["127.0.0.1:${MICROGRAM_PORT:-8080}:8080"]
    return shared


def _service(app: ManifestApp, *, is_public: bool) -> Document:
    name = app.app_id
    environment = {
        "APP_ID": name,
        "APP_PORT": str(_app_port(app)),
        "DAPR_HTTP_PORT": str(_HTTP),
        "DAPR_GRPC_PORT": str(_GRPC),
        "MICROGRAM_PUBLIC_URL": "${MICROGRAM_PUBLIC_URL:-http://127.0.0.1:8080}",
    }
    if is_public:
        environment["MICROGRAM_LISTEN_ADDRESS"] = "0.0.0.0"  # noqa: S104 (in its own network)
        environment["FORWARDED_ALLOW_IPS"] = "${FORWARDED_ALLOW_IPS:-127.0.0.1}"
    return {
        "image": _IMAGE,
        "command": ["python", "-m", f"services.{name}"],
        "network_mode": f"service:{name}-network",
        "environment": environment | dict(app.env),
        "secrets": [_secret(f"{name}.environment.json", "environment.json")],
        **confined(OF_SERVICE.get(name, SERVICE)),
        "stop_grace_period": "15s",  # longer than a service finishes requests
        "healthcheck": checked_by(*_HEALTH),
        "depends_on": {f"{name}-network": {"condition": "service_started"}},
    }


def _app_port(app: ManifestApp) -> int:
    return app.ports["app-port"].number


def _sidecar(app: ManifestApp, after: Iterable[str], *, has_workflows: bool) -> Document:
    name = app.app_id
    options = {
        "app-id": name,
        "app-port": _app_port(app),
        "app-channel-address": "127.0.0.1",
        "dapr-http-port": _HTTP,
        "dapr-grpc-port": _GRPC,
        "dapr-internal-grpc-port": _INTERNAL,
        "dapr-listen-addresses": "127.0.0.1",
        "resources-path": f"{SETTINGS}/components",
        "config": f"{SETTINGS}/config.yaml",
        "enable-metrics": "false",
        "log-as-json": "true",
        "dapr-graceful-shutdown-seconds": 5,
        **app.options,
        "enable-mtls": "true",
        "sentry-address": _address("sentry"),
        "control-plane-trust-domain": CONTROL_PLANE_TRUST_DOMAIN,
    }
    if has_workflows:
        options |= {f"{each}-host-address": _address(each) for each in ("placement", "scheduler")}
    blobs = [f"blobs:{DATA / 'blobs'}"] if name == "media" else []
    return {
        "image": _DAPR_IMAGE,
        "command": ["python3", "/app/tools/container/sidecar.py", "daprd", *_flags(options)],
        "network_mode": f"service:{name}-network",
        "environment": _identity() | {"POD_NAME": name},
        "volumes": [
            f"./compose/components:{SETTINGS}/components:ro",
            f"./compose/config/{name}.yaml:{SETTINGS}/config.yaml:ro",
            f"names:{DATA / 'names'}",
            *blobs,
        ],
        "secrets": [
            _secret(f"{name}.environment.json", "environment.json"),
            _secret(f"{name}.secrets.json", "secrets.json"),
            _secret(f"{name}.jwt", "identity.jwt"),
        ],
        **confined(DAPR),
        "stop_grace_period": "10s",
        "healthcheck": checked_by(*_HEALTH, f"http://127.0.0.1:{_HTTP}/v1.0/healthz"),
        "depends_on": {f"{name}-network": {"condition": "service_started"}, **_healthy(after)},
    }


def _address(server: str) -> str:
    return f"{server}:{_SERVER_PORTS[server]}"


def _flags(options: Document) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def _identity() -> Document:
    """Return the environment in which a program asks sentry for its certificate."""
    return {
        "NAMESPACE": NAMESPACE,
        "DAPR_SENTRY_TOKEN_FILE": f"{SECRETS}/identity.jwt",
        "GOMEMLIMIT": go_memory(DAPR),
    }


def _dapr_server(name: str, own: Document) -> Document:
    common = {
        "port": _SERVER_PORTS[name],
        "healthz-port": _HEALTH_PORT,
        "healthz-listen-address": "127.0.0.1",
        "trust-domain": CONTROL_PLANE_TRUST_DOMAIN,
        "log-as-json": "true",
        "enable-metrics": "false",
    }
    return {
        "image": _DAPR_IMAGE,
        "command": [name, *_flags(common | own)],
        "environment": {"GOMEMLIMIT": go_memory(DAPR)},
        **confined(DAPR),
        "healthcheck": checked_by(*_HEALTH, f"http://127.0.0.1:{_HEALTH_PORT}/healthz"),
        "networks": ["inside"],
    }


def _sentry() -> Document:
    own = {"config": f"{SETTINGS}/sentry.yaml", "issuer-credentials": f"{SECRETS}/authority"}
    files = ("ca.crt", "issuer.crt", "issuer.key")
    return _dapr_server("sentry", own) | {
        "volumes": [f"./compose/sentry.yaml:{SETTINGS}/sentry.yaml:ro"],
        "secrets": [
            *(_secret(name, f"authority/{name}") for name in files),
            _secret("keys.json", "keys.json"),
        ],
    }


def _with_identity(name: str, own: Document) -> Document:
    tls = {
        "tls-enabled": "true",
        "trust-anchors-file": f"{SECRETS}/ca.crt",
        "sentry-address": _address("sentry"),
    }
    server = _dapr_server(name, own | tls)
    return server | {
        "environment": _identity(),
        "secrets": [_secret("ca.crt", "ca.crt"), _secret(f"dapr-{name}.jwt", "identity.jwt")],
        "depends_on": _healthy(["sentry"]),
    }


def _placement() -> Document:
    """Return the placement service, the only member of its cluster."""
    own = {"id": "dapr-placement-0", "initial-cluster": "dapr-placement-0=127.0.0.1:8201"}
    return _with_identity("placement", own)


def _scheduler() -> Document:
    """Return the scheduler; nothing outside of its container reaches its embedded etcd."""
    own = {
        "id": "dapr-scheduler-server-0",
        "override-broadcast-host-port": _address("scheduler"),
        "etcd-data-dir": DATA / "scheduler",
        "etcd-initial-cluster": "dapr-scheduler-server-0=http://127.0.0.1:2380",
    }
    volumes = [f"scheduler:{DATA / 'scheduler'}"]
    return _with_identity("scheduler", own) | {"volumes": volumes}
