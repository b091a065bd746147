r"""What was measured, on which docs/scale.md computes: processor time by service, and memory.

    ./tye-like-run.sh bench --edges socfb-Reed98.edges --people 200 --in-flight 16 \
        --kinds floor,home,home-miss,account-miss,notifications-miss,compose,like,comment,\
        follow,mix,checkout --seconds 5 --rounds 2 --fan-outs 2 --checkouts 32 --by-service

2026-11-30, two cores of which others took 83 %: so only ratios to the floor of this run are used.
"""

from __future__ import annotations

FLOOR_MS = 1.82
"""Processor milliseconds of a request of the floor on a quiet machine (docs/benchmark.md)."""

READY_F = 0.14
"""A ready page, all of it in the gateway and its sidecar (docs/benchmark.md, `home`)."""

READ_MS, WRITE_MS = 0.07, 0.14
"""A list of 4 KB that is read, and one that is written, in feed's sidecar (decision 51)."""

POST_MS, POST_MS_BY_HOME = 10.35, 22.7
"""A post of the same 200 people on a quiet machine, and before decision 51, when each post wrote
all of its homes by itself (docs/benchmark.md, "A measured run", "What writes cost")."""

SERVICE_F: dict[str, dict[str, float]] = {
    "home-miss": {
        "gateway": 0.65,
        "feed": 0.83,
    },
    "account-miss": {
        "gateway": 0.53,
        "feed": 0.54,
    },
    "notifications-miss": {
        "gateway": 0.84,
        "users": 0.32,
        "posts": 0.39,
        "comments": 0.02,
        "notifications": 0.67,
    },
    "compose": {
        "gateway": 0.59,
        "users": 0.31,
        "posts": 0.60,
        "comments": 0.06,
        "feed": 1.02,
        "notifications": 0.10,
        "media": 0.05,
    },
    "like": {
        "gateway": 0.78,
        "users": 0.28,
        "posts": 0.86,
        "feed": 0.44,
        "notifications": 0.59,
    },
    "comment": {
        "gateway": 1.06,
        "users": 0.47,
        "posts": 1.08,
        "comments": 0.47,
        "feed": 1.60,
        "notifications": 0.69,
        "media": 0.12,
    },
    "follow": {
        "gateway": 0.69,
        "users": 0.88,
        "feed": 1.82,
        "notifications": 0.53,
        "catalog": 0.05,
    },
    "checkout": {
        "gateway": 1.29,
        "users": 0.05,
        "notifications": 3.96,
        "catalog": 1.82,
        "orders": 5.27,
        "payments": 3.17,
    },
}
"""Of each service, in the processor time of the floor, by kind of request."""

SIDECAR_F: dict[str, dict[str, float]] = {
    "home-miss": {
        "gateway": 0.47,
        "feed": 0.54,
        "orders": 0.02,
    },
    "account-miss": {
        "gateway": 0.35,
        "auth": 0.02,
        "feed": 0.46,
    },
    "notifications-miss": {
        "gateway": 0.71,
        "users": 0.39,
        "posts": 0.44,
        "notifications": 0.54,
    },
    "compose": {
        "gateway": 0.40,
        "users": 0.31,
        "posts": 0.59,
        "comments": 0.03,
        "feed": 0.94,
        "notifications": 0.08,
        "media": 0.03,
        "payments": 0.02,
    },
    "like": {
        "gateway": 0.60,
        "auth": 0.04,
        "users": 0.30,
        "posts": 0.93,
        "feed": 0.37,
        "notifications": 0.55,
    },
    "comment": {
        "gateway": 0.61,
        "auth": 0.03,
        "users": 0.48,
        "posts": 0.98,
        "comments": 0.57,
        "feed": 1.30,
        "notifications": 0.57,
        "media": 0.07,
        "payments": 0.02,
    },
    "follow": {
        "gateway": 0.47,
        "users": 0.68,
        "feed": 1.45,
        "notifications": 0.47,
        "catalog": 0.04,
    },
    "checkout": {
        "gateway": 0.85,
        "auth": 0.11,
        "posts": 0.12,
        "notifications": 3.79,
        "catalog": 1.73,
        "orders": 7.11,
        "payments": 3.06,
    },
}
"""Of the sidecar of each service, SQLite included."""

SERVER_F = {
    "account-miss": 0.02,
    "compose": 0.18,
    "like": 0.29,
    "comment": 0.46,
    "follow": 0.22,
    "checkout": 5.21,
}
"""Of the broker, and of the servers of workflows."""

MEMORY_MB = {
    "gateway": 206,
    "auth": 83,
    "users": 87,
    "posts": 83,
    "comments": 63,
    "feed": 101,
    "notifications": 87,
    "media": 96,
    "catalog": 64,
    "orders": 95,
    "payments": 61,
}
"""Of a service with its sidecar, at the end of the run."""
