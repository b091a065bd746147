"""Where services and sidecars send the spans of traces, and how many requests are traced."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from tools.runner.errors import RunnerError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
PREFIX = "OTEL_"
"""Of all variables of OpenTelemetry. Processes get those of `Tracing` only."""

TRACING_MODULES = ("services.chassis.span_recorder",)
"""What each service imports where it is traced: 6 MB, which forks share."""

_NEVER = "1e-30"
"""The sampling rate of sidecars: they record what the caller sampled, and nothing by themselves.

"0" would also switch off the spans of events, and a rate that is not zero samples requests without
a `traceparent`; this one is so small that daprd's bound of trace ids is zero (docs/dapr-notes.md).
"""


@dataclass(frozen=True)
class Tracing:
    """A receiver of OTLP over HTTP, and the share of requests at the gateway that are traced."""

    endpoint: str
    """`http://HOST:PORT`; spans are sent to its path /v1/traces."""
    ratio: float
    """From 0 to 1."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def environment(self, process: str) -> dict[str, str]:
        """Return the variables of a service or sidecar, by the name of its process in `ps`."""
        return {
            ENDPOINT: self.endpoint,
            HEADERS: ",".join(f"{key}={quote(value)}" for key, value in self.headers.items()),
            "OTEL_TRACES_SAMPLER_ARG": str(self.ratio),
            "OTEL_RESOURCE_ATTRIBUTES": f"service.instance.id={process}",
        }

    def sidecar_settings(self) -> dict[str, Any]:
        """Return the section `tracing` of a sidecar's configuration."""
        parts = urlsplit(self.endpoint)
        otel = {
            "endpointAddress": parts.netloc,
            "isSecure": parts.scheme == "https",
            "protocol": "http",
            "headers": [f"{key}={value}" for key, value in self.headers.items()],
        }
        return {"samplingRate": _NEVER, "otel": otel}


def tracing_of(ratio: float | None, environ: Mapping[str, str] = os.environ) -> Tracing | None:
    """Return the tracing of a start with `--trace RATIO`; None for none.

    The receiver is the one that OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS name.
    Raises RunnerError if there is none, or if its address is invalid.
    """
    if not ratio:
        return None
    endpoint = environ.get(ENDPOINT, "").rstrip("/")
    if not endpoint:
        raise RunnerError(f"--trace needs a receiver: set {ENDPOINT} to its http://HOST:PORT")
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise RunnerError(f'{ENDPOINT} is "{endpoint}": it must be http://HOST:PORT')
    given = (each.partition("=") for each in environ.get(HEADERS, "").split(",") if each.strip())
    headers = {key.strip(): unquote(value.strip()) for key, _, value in given}
    return Tracing(endpoint, ratio, headers)
