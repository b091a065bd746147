"""The keys of Dapr's multi-app run template, and what this runner does with each.

Checked against Dapr 1.18. Every key is honoured as `dapr run -f` does, or refused with its line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ManifestKey:
    """One supported key: its type, the option of daprd that it sets, and a check of its value."""

    kind: type
    option: str = ""
    check: Callable[[str], str] = lambda _: ""
    """Returns what is wrong with a value, or an empty text."""


def _only(value: str) -> Callable[[str], str]:
    return lambda given: "" if given == value else f"only {value} is supported"


def _with_loopback(given: str) -> str:
    addresses = [address.strip() for address in given.split(",")]
    return "" if LOOPBACK in addresses else f"{LOOPBACK} must be one of the addresses"


SHARED_KEYS = {
    "apiListenAddresses": ManifestKey(str, "dapr-listen-addresses", _with_loopback),
    "appHealthCheckPath": ManifestKey(str, "app-health-check-path"),
    "appHealthProbeInterval": ManifestKey(int, "app-health-probe-interval"),
    "appHealthProbeTimeout": ManifestKey(int, "app-health-probe-timeout"),
    "appHealthThreshold": ManifestKey(int, "app-health-threshold"),
    "appMaxConcurrency": ManifestKey(int, "app-max-concurrency"),
    "appProtocol": ManifestKey(str, "app-protocol", _only("http")),
    "configFilePath": ManifestKey(str),
    "enableApiLogging": ManifestKey(bool, "enable-api-logging"),
    "enableAppHealthCheck": ManifestKey(bool, "enable-app-health-check"),
    "enableProfiling": ManifestKey(bool, "enable-profiling"),
    "env": ManifestKey(dict),
    "logLevel": ManifestKey(str, "log-level"),
    "maxBodySize": ManifestKey(str, "max-body-size"),
    "readBufferSize": ManifestKey(str, "read-buffer-size"),
}
"""Keys of `common` and of an app."""

COMMON_KEYS = SHARED_KEYS | {
    "resourcesPath": ManifestKey(str),
    "resourcesPaths": ManifestKey(list),
}
PORT_OPTIONS = {
    "appPort": "app-port",
    "daprHTTPPort": "dapr-http-port",
    "daprGRPCPort": "dapr-grpc-port",
    "daprInternalGRPCPort": "dapr-internal-grpc-port",
    "metricsPort": "metrics-port",
    "profilePort": "profile-port",
}
APP_KEYS = (
    SHARED_KEYS
    | {key: ManifestKey(int) for key in PORT_OPTIONS}
    | {
        "appChannelAddress": ManifestKey(str, "app-channel-address", _only(LOOPBACK)),
        "appDirPath": ManifestKey(str),
        "appID": ManifestKey(str),
        "command": ManifestKey(list),
    }
)
TOP_KEYS = {
    "version": ManifestKey(int),
    "common": ManifestKey(dict),
    "apps": ManifestKey(list),
}

_LOGS = "the runner writes every log to a file and shows what matters: see `logs`"
_KUBERNETES = "it is for Kubernetes"
_ONE_SET = "all apps share the component set below the resourcesPaths of common"
_CONTROL_PLANE = "the runner starts its own, and tells sidecars of it"
UNSUPPORTED_KEYS = {
    "appLogDestination": _LOGS,
    "appSSL": "services listen without TLS, on the loopback address",
    "containerImage": _KUBERNETES,
    "containerImagePullPolicy": _KUBERNETES,
    "createService": _KUBERNETES,
    "daprdLogDestination": _LOGS,
    "name": _KUBERNETES,
    "placementHostAddress": _CONTROL_PLANE,
    "resourcesPath": _ONE_SET,
    "resourcesPaths": _ONE_SET,
    "runtimePath": "the runner uses the pinned daprd of tools/dapr/go.mod",
    "schedulerHostAddress": _CONTROL_PLANE,
    "unixDomainSocket": "services reach their sidecar by TCP",
}
"""Keys of the template that are refused where no table above has them, each with the reason."""
