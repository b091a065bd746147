"""Under which names people reach this server, so that no other site can use its address.

A page of another site can let its own name resolve to this server's address (DNS rebinding). Its
scripts then count as same-origin in the browser; only the `Host` header tells them apart.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from services.shared.loopback import is_loopback

_AUTHORITY = re.compile(r"[a-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9a-f:.]{2,45}\](:[0-9]{1,5})?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_KNOWN = 64  # hosts of which it is known whether they name this server: they seldom differ


class OwnHosts:
    """The host of the public URL. If that is a loopback address, all loopback names.

    Loopback names have the port of the public URL, or one on which this process listens.
    """

    def __init__(self, public_url: str, *ports: int) -> None:
        parts = urlsplit(public_url)
        self._public_url = public_url
        self._name = parts.hostname or ""
        self._default_port = _DEFAULT_PORTS.get(parts.scheme, 0)
        self._port = parts.port or self._default_port
        self._is_local = is_loopback(parts.netloc)
        self._local_ports = (self._port, *ports)
        self.has = lru_cache(_MAX_KNOWN)(self._has)
        """Whether a `Host` header names this server."""

    def _has(self, authority: str) -> bool:
        if _AUTHORITY.fullmatch(authority.lower()) is None:
            return False
        parts = urlsplit(f"//{authority}")
        try:
            name, port = parts.hostname or "", parts.port or self._default_port
        except ValueError:  # a port above 65535, or no IPv6 address
            return False
        if name == self._name and port == self._port:
            return True
        return self._is_local and is_loopback(authority) and port in self._local_ports

    def has_origin(self, origin: str, authority: str) -> bool:
        """Whether an `Origin` header names this server. `authority` is the `Host` header."""
        if origin == self._public_url:
            return True
        return self._is_local and origin == f"http://{authority}" and self.has(authority)
