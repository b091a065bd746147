"""The health check of a container: asks URLs on this host, by default that of a ready service."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_TIMEOUT = 5.0


def is_healthy(url: str) -> bool:
    """Return whether a URL answers with a status from 200 to 299 within 5 s."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", parts.path)
        return 200 <= connection.getresponse().status < 300
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def main(urls: Sequence[str]) -> int:
    """Return 0 if all URLs are healthy, else 1."""
    urls = urls or [f"http://127.0.0.1:{os.environ.get('APP_PORT', '8080')}/readyz"]
    return 0 if all(is_healthy(url) for url in urls) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
