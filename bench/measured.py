r"""What was measured, on which docs/scale.md computes: processor time by service, and memory.

The price of each request is that of docs/benchmark.md, "A measured run", whose machine was quiet.
How it divides among services, and their memory, is of a run with them apart:

    ./tye-like-run.sh bench --edges socfb-Reed98.edges --people 200 --in-flight 16 \
        --kinds floor,home,home-miss,account-miss,notifications-miss,compose,like,comment,\
        follow,mix,checkout --seconds 5 --rounds 2 --fan-outs 2 --checkouts 32 --by-service

2026-11-30, two cores of which others took 76 %: so only its proportions are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from tools.learn.figures import look_up, section_of
from tools.runner.config.paths import REPO

_RUN = section_of((REPO / "docs" / "benchmark.md").read_text(), "a-measured-run")


def _ms(kind: str, processes: str) -> float:
    """Return the processor milliseconds of a request in the run of docs/benchmark.md."""
    return float(look_up(_RUN, kind, processes))


def _divided(kind: str, processes: str, parts: Mapping[str, float]) -> dict[str, float]:
    """Return what processes of a kind take of that run, in f, by service."""
    share = _ms(kind, processes) / FLOOR_MS / sum(parts.values())
    return {app: part * share for app, part in parts.items()}


FLOOR_MS = _ms("floor", "all")
"""Processor milliseconds of a request of the floor."""

READY_F = _ms("home", "all") / FLOOR_MS
"""A ready page, nearly all of it in the gateway."""

READ_MS, WRITE_MS = 0.07, 0.14
"""A list of 4 KB that is read, and one that is written, in feed's sidecar (decision 51)."""

POST_MS, POST_MS_BY_HOME = 10.35, 22.7
"""A post after decision 51, and before it, when each post wrote all of its homes by itself
(docs/benchmark.md, "A measured run" and "What writes cost"). Later decisions made both cheaper."""


class Turn(NamedTuple):
    """A turn of the benchmark: requests a second, and calls of services for each of them."""

    per_second: float
    calls: float


TURN_SECONDS = 2.5
HOME_TURN, MIX_TURN = Turn(74.0, 0.63), Turn(50.6, 1.05)
CALLS_OF_A_POST = 2.09
"""One request after the other, so that none shares its call with others (decision 59):

    ./tye-like-run.sh bench --edges socfb-Reed98.edges --people 200 --in-flight 1 \
        --kinds floor,home,compose,mix --seconds 5 --rounds 2

2026-11-30. Others took 83 % of the machine: it lowers the rates, which the simulation is given.
"""

_SERVICE_MS: dict[str, dict[str, float]] = {
    "home-miss": {
        "feed": 1.05,
    },
    "account-miss": {
        "feed": 0.76,
    },
    "notifications-miss": {
        "users": 0.81,
        "posts": 0.78,
        "notifications": 1.29,
    },
    "compose": {
        "users": 0.86,
        "posts": 1.54,
        "comments": 0.12,
        "feed": 3.03,
        "notifications": 0.23,
        "media": 0.14,
    },
    "like": {
        "users": 0.90,
        "posts": 2.00,
        "feed": 0.85,
        "notifications": 0.90,
    },
    "comment": {
        "users": 1.51,
        "posts": 2.77,
        "comments": 1.05,
        "feed": 3.95,
        "notifications": 1.22,
        "media": 0.21,
    },
    "follow": {
        "users": 2.25,
        "feed": 1.51,
        "notifications": 1.05,
        "catalog": 0.18,
    },
    "checkout": {
        "notifications": 3.94,
        "catalog": 4.37,
        "orders": 11.64,
        "payments": 4.56,
    },
}
"""Processor milliseconds of each service but the gateway, by kind of request, in that run."""

_SIDECAR_MS: dict[str, dict[str, float]] = {
    "home-miss": {
        "gateway": 0.21,
        "feed": 0.31,
        "orders": 0.01,
        "payments": 0.02,
    },
    "account-miss": {
        "gateway": 0.17,
        "feed": 0.35,
    },
    "notifications-miss": {
        "gateway": 0.85,
        "users": 1.12,
        "posts": 0.51,
        "notifications": 0.52,
        "payments": 0.06,
    },
    "compose": {
        "gateway": 1.21,
        "users": 0.86,
        "posts": 1.63,
        "feed": 2.78,
        "media": 0.12,
    },
    "like": {
        "gateway": 1.51,
        "users": 0.91,
        "posts": 2.32,
        "feed": 0.75,
        "notifications": 1.04,
    },
    "comment": {
        "gateway": 1.68,
        "users": 1.47,
        "posts": 2.77,
        "comments": 1.42,
        "feed": 3.52,
        "notifications": 1.17,
    },
    "follow": {
        "gateway": 1.14,
        "users": 2.02,
        "feed": 1.09,
        "notifications": 1.03,
        "catalog": 0.13,
    },
    "checkout": {
        "gateway": 1.87,
        "notifications": 3.69,
        "catalog": 4.13,
        "orders": 15.57,
        "payments": 5.50,
    },
}
"""The same of the sidecar of each service, SQLite included."""

SERVICE_F = {
    kind: {"gateway": _ms(kind, "gateway") / FLOOR_MS, **_divided(kind, "services", parts)}
    for kind, parts in _SERVICE_MS.items()
}
"""Of each service, in the processor time of the floor, by kind of request."""

SIDECAR_F = {kind: _divided(kind, "sidecars", parts) for kind, parts in _SIDECAR_MS.items()}
"""Of the sidecar of each service, in the same unit."""

SERVER_F = {kind: (_ms(kind, "broker") + _ms(kind, "store")) / FLOOR_MS for kind in _SERVICE_MS}
"""Of the broker, and of the servers of workflows, in the same unit."""

MEMORY_MB = {
    "gateway": 218,
    "auth": 81,
    "users": 89,
    "posts": 83,
    "comments": 63,
    "feed": 106,
    "notifications": 90,
    "media": 93,
    "catalog": 64,
    "orders": 94,
    "payments": 59,
}
"""Of a service with its sidecar, at the end of the run."""
