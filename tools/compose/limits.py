"""What each container may use, and what no container may do."""

from __future__ import annotations

from typing import Any, NamedTuple

Document = dict[str, Any]

USER = "10001:10001"
"""The user of our images (deploy/Containerfile)."""

SERVER_USER = "999:999"
"""The user of RabbitMQ and of Redis in their official images."""


class Limits(NamedTuple):
    """The memory in MiB and the number of threads that a container may have."""

    memory: int
    pids: int


NETWORK = Limits(16, 16)
SERVICE = Limits(256, 128)
DAPR = Limits(256, 128)
SERVER = Limits(768, 512)
OF_SERVICE = {
    # Each worker decodes a picture in up to 220 MiB (services/media/pictures).
    "media": Limits(1024, 256),
    "gateway": Limits(512, 128),
}
"""Services that need more than others."""

_GO_SHARE = 0.8
"""Of the limit, above which Go's garbage collector works harder, so that it is not reached."""


def go_memory(limits: Limits) -> str:
    """Return GOMEMLIMIT for a program in Go."""
    return f"{int(limits.memory * _GO_SHARE)}MiB"


def confined(limits: Limits, user: str = USER) -> Document:
    """Return the settings with which a container has no rights and a bounded appetite."""
    return {
        "user": user,
        "read_only": True,
        "tmpfs": ["/tmp:size=64m,mode=1777"],  # noqa: S108 (of the container alone)
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": f"{limits.memory}m",
        "pids_limit": limits.pids,
        "restart": "always",
        "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
    }


def checked_by(*command: str) -> Document:
    """Return a health check; a container has a minute to start."""
    return {
        "test": ["CMD", *command],
        "interval": "10s",
        "timeout": "10s",
        "retries": 4,
        "start_period": "60s",
    }
