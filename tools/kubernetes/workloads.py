"""The pods of a service: Deployment, ServiceAccount and PodDisruptionBudget."""

from __future__ import annotations

from services.chassis.security.access_rules import ServiceAccess
from tools.kubernetes import settings
from tools.kubernetes.settings import Document, labels, metadata, size_of
from tools.runner.config.manifest import ManifestApp

SECRETS_FOLDER = "/var/run/microgram"
"""Where a sidecar finds the secrets of its service."""

SETTINGS = "microgram-settings"
"""The ConfigMap with what an operator sets (docs/operating.md, Settings)."""

_SIDECAR_OPTIONS = ("max-body-size", "read-buffer-size")
"""Options of daprd in dapr.yaml that Dapr's injector has as annotations of the same name."""


def service_account(app: str) -> Document:
    """Return the account of a service. Its token is not mounted: nothing calls the API server."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(app),
        "automountServiceAccountToken": False,
    }


def disruption_budget(app: str) -> Document:
    """Return a budget that lets one pod of a service go at a time, also the only one."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(app),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(app)}},
    }


def deployment(app: ManifestApp, own: ServiceAccess) -> Document:
    """Return the Deployment of a service. A new version replaces pods when it is ready."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(app.app_id),
        "spec": {
            "replicas": 2,
            "revisionHistoryLimit": settings.REVISIONS,
            "selector": {"matchLabels": labels(app.app_id)},
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "template": {
                "metadata": {
                    "labels": labels(app.app_id),
                    "annotations": sidecar_annotations(app, own),
                },
                "spec": _pod(app),
            },
        },
    }


def sidecar_annotations(app: ManifestApp, own: ServiceAccess) -> dict[str, str]:
    """Return what tells Dapr's injector how to run the sidecar of a service."""
    name = app.app_id
    sidecar = settings.SIDECAR.resources()
    found = {
        "enabled": "true",
        "app-id": name,
        "app-port": str(_port(app)),
        "config": name,
        "log-as-json": "true",
        "api-token-secret": f"{name}-api-token",
        "app-token-secret": f"{name}-app-token",
        "disable-builtin-k8s-secret-store": "true",
        "volume-mounts": f"secrets:{SECRETS_FOLDER}",
        "env": f"GOMEMLIMIT={settings.GO_MEMORY}MiB",
        "env-from-secret": ",".join(server_logins(own)),
        "enable-native-sidecar": "true",
        "graceful-shutdown-seconds": "5",
        "enable-metrics": "true",
        "metrics-port": str(settings.METRICS_PORT),
        "sidecar-seccomp-profile-type": "RuntimeDefault",
        "sidecar-cpu-request": sidecar["requests"]["cpu"],
        "sidecar-cpu-limit": sidecar["limits"]["cpu"],
        "sidecar-memory-request": sidecar["requests"]["memory"],
        "sidecar-memory-limit": sidecar["limits"]["memory"],
        **{option: app.options[option] for option in _SIDECAR_OPTIONS if option in app.options},
    }
    return {f"dapr.io/{key}": value for key, value in found.items()}


def server_logins(own: ServiceAccess) -> list[str]:
    """Return the variables with logins at servers that components refer to, as NAME=SECRET:KEY."""
    found = []
    if own.components & {"statestore", "workflowstore"}:
        found.append("REDIS_PASSWORD=redis:password")
    if own.components & {"pubsub", "broadcast"}:
        secret = f"{own.name}-rabbitmq"
        found += [f"RABBITMQ_USERNAME={secret}:username", f"RABBITMQ_PASSWORD={secret}:password"]
    return found


def picture_keys(app: ManifestApp, own: ServiceAccess) -> Document:
    """Return a patch by which the sidecar of media gets the keys of a bucket, too."""
    key = "dapr.io/env-from-secret"
    bucket = ("PICTURES_ACCESS_KEY=pictures:access-key", "PICTURES_SECRET_KEY=pictures:secret-key")
    logins = ",".join([sidecar_annotations(app, own)[key], *bucket])
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(app.app_id),
        "spec": {"template": {"metadata": {"annotations": {key: logins}}}},
    }


def _port(app: ManifestApp) -> int:
    return app.ports["app-port"].number


def _pod(app: ManifestApp) -> Document:
    name = app.app_id
    return {
        "serviceAccountName": name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": settings.GRACE_SECONDS,
        "securityContext": pod_security(),
        "topologySpreadConstraints": [
            _spread(name, "topology.kubernetes.io/zone"),
            _spread(name, "kubernetes.io/hostname"),
        ],
        "containers": [_container(app)],
        "volumes": [
            {"name": "secrets", "secret": {"secretName": f"{name}-secrets", "defaultMode": 0o440}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}},
        ],
    }


def _spread(app: str, key: str) -> Document:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels(app)},
    }


def pod_security() -> Document:
    """Return the security context of a pod, as the level `restricted` asks for."""
    return {
        "runAsNonRoot": True,
        "runAsUser": settings.USER,
        "runAsGroup": settings.USER,
        "fsGroup": settings.USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> Document:
    """Return the security context of a container, as the level `restricted` asks for."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _container(app: ManifestApp) -> Document:
    name = app.app_id
    module = app.command[app.command.index("-m") + 1]
    return {
        "name": name,
        "image": settings.IMAGE,
        "command": ["python", "-m", module],
        "ports": [{"name": "http", "containerPort": _port(app)}],
        "envFrom": [{"configMapRef": {"name": SETTINGS}}],
        "env": [
            {"name": "APP_ID", "value": name},
            {"name": "APP_PORT", "value": str(_port(app))},
            {"name": "MICROGRAM_LISTEN_ADDRESS", "value": "0.0.0.0"},  # noqa: S104
            _secret("DAPR_API_TOKEN", f"{name}-api-token"),
            _secret("APP_API_TOKEN", f"{name}-app-token"),
            *({"name": key, "value": value} for key, value in sorted(app.env.items())),
        ],
        "resources": size_of(name).resources(),
        "securityContext": container_security(),
        # A slow node gets two minutes for the start; afterwards a process that hangs is restarted
        # after half a minute. Ready is who reaches the sidecar, too.
        "startupProbe": _probe("/healthz", 2, 60),
        "livenessProbe": _probe("/healthz", 10, 3),
        "readinessProbe": _probe("/readyz", 5, 2),
        "lifecycle": {"preStop": {"sleep": {"seconds": settings.DRAIN_SECONDS}}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }


def _secret(variable: str, secret: str) -> Document:
    reference = {"name": secret, "key": "token"}
    return {"name": variable, "valueFrom": {"secretKeyRef": reference}}


def _probe(path: str, period: int, failures: int) -> Document:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "failureThreshold": failures,
    }
