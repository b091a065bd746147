from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain.errors import InvalidScope
from services.auth.domain.scopes import (
    KNOWN_SCOPES,
    grant_scopes,
    parse_scopes,
    restrict_scopes,
)
from services.shared.scopes import covers

scope_texts = st.lists(st.sampled_from(sorted(KNOWN_SCOPES)), max_size=6).map(" ".join)


@given(scope_texts, scope_texts)
def test_no_scope_is_granted_that_the_app_lacks(wanted: str, held: str) -> None:
    try:
        given_ = grant_scopes(wanted, held or "read").split()
    except InvalidScope:
        return
    assert all(covers((held or "read").split(), scope) for scope in given_)
    dropped = [scope for scope in parse_scopes(wanted) if scope not in given_]
    assert not wanted or all(scope.startswith("admin:") for scope in dropped)


@given(scope_texts)
def test_admin_scopes_are_granted_to_admins_only(held: str) -> None:
    for_all = [scope for scope in held.split() if not scope.startswith("admin:")]
    if for_all:
        assert restrict_scopes(held, to_admin=False).split() == for_all
        assert restrict_scopes(held, to_admin=True) == held
    else:
        with pytest.raises(InvalidScope):
            restrict_scopes(held, to_admin=False)


@given(scope_texts)
def test_an_app_gets_exactly_the_scopes_it_requests(held: str) -> None:
    if held:
        assert grant_scopes(held, held) == " ".join(dict.fromkeys(held.split()))


@pytest.mark.parametrize(
    ("wanted", "held", "given_"),
    [
        ("read:accounts", "read", "read:accounts"),
        ("write:media read", "read write", "write:media read"),
        ("write:follows read:blocks", "follow", "write:follows read:blocks"),
        ("read:shop write:shop", "read write", "read:shop write:shop"),
        ("", "read write", "read"),
        ("", "write:media", "write:media"),
        ("read admin crypto", "read", "read"),
        ("read admin:read", "read", "read"),
        ("admin:read:reports read", "read admin:read", "admin:read:reports read"),
    ],
)
def test_a_coarse_scope_covers_its_parts(wanted: str, held: str, given_: str) -> None:
    assert grant_scopes(wanted, held) == given_


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ("read", "read:accounts"),
        ("write", "read"),
        ("follow", "read write"),
        ("read:statuses", "follow"),
        ("admin:write", "read write"),
        ("read:everything", "read"),
        ("READ", "read"),
        ("read,write", "read write"),
        ("write:search", "write"),
    ],
)
def test_unknown_or_excessive_scopes_are_rejected(wanted: str, held: str) -> None:
    with pytest.raises(InvalidScope):
        grant_scopes(wanted, held)
