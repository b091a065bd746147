"""Spans of sidecars lose what they say of people. The names are what daprd 1.18.2 sends."""

from __future__ import annotations

import pytest

from tools.dashboard.collect.sidecar_spans import without_private_parts


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("/v1.0/state/statestore/login:anna", "/v1.0/state/statestore/login"),
        ("/v1.0/state/statestore/name:a\n/b?c:d", "/v1.0/state/statestore/name"),
        ("/v1.0/state/statestore/bulk", "/v1.0/state/statestore/bulk"),
        ("/v1.0/state/statestore", "/v1.0/state/statestore"),
        ("CallLocal/payments/payments/117/capture", "CallLocal/payments/payments"),
        ("CallLocal/users/search", "CallLocal/users/search"),
        ("/v1.0/publish/pubsub/posts", "/v1.0/publish/pubsub/posts"),
        ("pubsub/posts", "pubsub/posts"),
        ("activity||reserve", "activity||reserve"),
    ],
)
def test_names_end_before_ids_and_keys(name: str, kept: str) -> None:
    assert without_private_parts(name, {}) == (kept, {})


def test_attributes_have_no_path_below_the_first_segment_and_no_query() -> None:
    sent = {
        "url.full": "/v1.0/invoke/users/method/search?q=anna",
        "dapr.api": "GET /v1.0/invoke/users/method/search/anna?q=anna",
        "dapr.invoke_method": "search/anna",
        "db.statement": "GET /v1.0/state/statestore/login:anna",
        "dapr.status_code": "200",
        "http.request.method": "GET",
    }
    _, kept = without_private_parts("x", sent)
    assert kept == {
        "dapr.api": "GET /v1.0/invoke/users/method/search",
        "dapr.invoke_method": "search",
        "dapr.status_code": "200",
        "http.request.method": "GET",
    }
    assert "anna" not in str(kept)
