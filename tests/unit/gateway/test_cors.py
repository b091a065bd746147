"""What a preflight allows: whatever was asked for that can be the name of a header."""

from __future__ import annotations

import string

from hypothesis import example, given
from hypothesis import strategies as st

from services.gateway.middleware.cors import allowed_headers

TOKEN = st.text("!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits, min_size=1, max_size=40)
JUNK = st.text(st.characters(max_codepoint=255), max_size=40)
ALWAYS = {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"}


def answered(*lines: str) -> list[str]:
    headers = [(b"access-control-request-headers", line.encode("latin-1")) for line in lines]
    name, value = allowed_headers(headers)
    assert name == b"access-control-allow-headers"
    assert value.isascii()
    assert len(value) < 10_000
    return value.decode().lower().split(", ")


@given(st.lists(TOKEN, max_size=30), st.sampled_from([",", ", ", " ,\t", ",,"]), st.booleans())
@example(["authorization", "user-agent", "x-requested-with", "baggage"], ",", True)
def test_every_requested_header_is_allowed(
    names: list[str], comma: str, in_two_lines: bool
) -> None:
    half = len(names) // 2 if in_two_lines else 0
    lines = [comma.join(part) for part in (names[:half], names[half:])]
    assert {name.lower() for name in names} | ALWAYS == set(answered(*lines))


@given(st.lists(JUNK, max_size=5))
@example(["a\r\nset-cookie: x=1", "x y", "é", '"quoted"', "a" * 129])
def test_invalid_header_names_are_left_out(lines: list[str]) -> None:
    token = set("!#$%&'*+-.^_`|~" + string.ascii_lowercase + string.digits)
    assert all(name and set(name) <= token and len(name) <= 128 for name in answered(*lines))


def test_the_number_of_header_names_is_bounded() -> None:
    names = answered(",".join(f"x-{number}" for number in range(10_000)))
    assert len(names) == 64 + len(ALWAYS)
