"""GraphiQL, for development only: the page from strawberry's wheel.

Its scripts come from another host. Each is pinned by a hash, but runs on the origin of the login
pages.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256

from fastapi import Response
from strawberry.http.ides import get_graphql_ide_html

_SCRIPT = re.compile(r'<script\b[^>]*\ssrc="([^"]+)"')
_SHEET = re.compile(r'<link\b[^>]*\shref="(https:[^"]+)"')
_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def page() -> Response:
    """The page. Its policy allows the scripts it names, and connections to the gateway only."""
    html, policy = _page_and_policy()
    headers = {"content-security-policy": policy, "cache-control": "no-store"}
    return Response(html, headers=headers, media_type="text/html")


@cache
def _page_and_policy() -> tuple[str, str]:
    html = get_graphql_ide_html()
    return html, _policy(html)


def _policy(html: str) -> str:
    """The content security policy. Inline styles are allowed, since the editor sets them."""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src", *_SCRIPT.findall(html), *map(_hash, _INLINE.findall(html)))),
            " ".join(("style-src 'unsafe-inline'", *_SHEET.findall(html))),
            "font-src data:",
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
