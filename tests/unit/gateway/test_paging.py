"""`Link` headers."""

from __future__ import annotations

import requests
from fastapi import Request

from services.gateway.http.paging import link_header, link_header_of

SITE = "https://micro.example"


def asked(path: str, query: str) -> Request:
    scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    return Request({**scope, "query_string": query.encode()})


def test_next_comes_first_and_both_are_absolute() -> None:
    header = link_header(SITE, asked("/api/v1/timelines/home", "limit=2&max_id=9"), "8", "7")[
        "link"
    ]
    assert header.startswith(f'<{SITE}/api/v1/timelines/home?limit=2&max_id=7>; rel="next", ')
    both = requests.utils.parse_header_links(header)
    assert [(link["rel"], link["url"]) for link in both] == [
        ("next", f"{SITE}/api/v1/timelines/home?limit=2&max_id=7"),
        ("prev", f"{SITE}/api/v1/timelines/home?limit=2&min_id=8"),
    ]


def test_other_query_parameters_are_repeated() -> None:
    request = asked("/x", "types[]=a&types[]=b&since_id=1&min_id=2&q=%3E%22")
    header = link_header(SITE, request, "8", "7")["link"]
    assert "?types%5B%5D=a&types%5B%5D=b&q=%3E%22&max_id=7>" in header
    assert "since_id" not in header


def test_an_empty_page_has_no_links() -> None:
    assert link_header(SITE, asked("/x", ""), "", "") == {}
    assert link_header_of(SITE, asked("/x", ""), []) == {}
    assert "max_id=1>" in link_header_of(SITE, asked("/x", ""), ["3", "2", "1"])["link"]
