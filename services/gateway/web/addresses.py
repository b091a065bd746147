"""Addresses within the web app."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from fastapi import Request

LOGIN = "/login"
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1000}")


def local_address(address: str, default: str = "/") -> str:
    """An address on this server that a form or a link named; the default for anything else."""
    return address if _LOCAL.fullmatch(address) else default


def login_address(request: Request) -> str:
    """The login page, which leads back to the page that was asked for."""
    return f"{LOGIN}?next={quote(came_from(request), safe='/')}"


def came_from(request: Request) -> str:
    """The page to go back to: the one that is asked for, or the one with the form that was sent."""
    if request.method == "GET":
        query = request.url.query
        return local_address(f"{quote(request.url.path)}{'?' if query else ''}{query}")
    return back_address(request)


def back_address(request: Request, default: str = "/") -> str:
    """The page on this server from which a form was sent."""
    parts = urlsplit(request.headers.get("referer", ""))
    if parts.netloc != request.headers.get("host"):
        return default
    return local_address(f"{parts.path}{'?' if parts.query else ''}{parts.query}", default)
