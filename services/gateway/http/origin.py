"""Whether a browser sent a request from a page of this server, or from another site.

Browsers send `Sec-Fetch-Site` to secure origins and to loopback, and `Origin` with every request
that can change something (OWASP, Cross-Site Request Forgery Prevention; Fetch, "Origin" header).
"""

from __future__ import annotations

from enum import Enum

from starlette.requests import HTTPConnection

from services.gateway.http.own_hosts import OwnHosts

_OWN_SITE = ("same-origin", "none")  # "none": typed into the address bar, or a bookmark


class Origin(Enum):
    """Where a request comes from."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"
    """No browser says so: a program sent the request, or a link was followed."""


def origin_of(connection: HTTPConnection, hosts: OwnHosts) -> Origin:
    """Where a request comes from, by its headers."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return Origin.SAME if site in _OWN_SITE else Origin.OTHER
    origin = connection.headers.get("origin")
    if origin is None:
        return Origin.UNKNOWN
    is_own = hosts.has_origin(origin, connection.headers.get("host", ""))
    return Origin.SAME if is_own else Origin.OTHER
