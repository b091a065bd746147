from __future__ import annotations

import pytest

from services.auth.domain.claims import STALE, Claim, claim_email, claim_login, release
from services.auth.domain.refusals import BadFields

HELD = Claim("1", "ada", 1000)


def test_what_nobody_claims_is_free() -> None:
    mine = Claim("2", "bob", 1000)
    assert claim_email(None, mine, set()) == mine
    assert claim_login(None, mine, set()) == mine
    assert claim_email(Claim("", "ada", 1000), mine, set()) == mine


def test_an_address_is_adopted_at_once_for_the_same_name() -> None:
    again = claim_email(HELD, Claim("2", "ada", 1001), set())
    assert again == Claim("1", "ada", 1001)
    assert claim_login(HELD, again, set()) == again


@pytest.mark.parametrize("claim", [claim_email, claim_login])
def test_a_fresh_claim_holds_even_if_its_person_is_not_there_yet(claim: object) -> None:
    assert callable(claim)
    with pytest.raises(BadFields):
        claim(HELD, Claim("2", "bob", 1000 + STALE - 1), {"1"})


@pytest.mark.parametrize("claim", [claim_email, claim_login])
def test_a_stale_claim_of_somebody_who_exists_holds_for_ever(claim: object) -> None:
    assert callable(claim)
    with pytest.raises(BadFields):
        claim(HELD, Claim("2", "bob", 10**9), set())


@pytest.mark.parametrize("claim", [claim_email, claim_login])
def test_a_stale_claim_of_nobody_is_taken_over(claim: object) -> None:
    assert callable(claim)
    mine = Claim("2", "bob", 1000 + STALE)
    assert claim(HELD, mine, {"1"}) == mine


def test_only_its_owner_gives_a_claim_back() -> None:
    assert release(HELD, Claim("2", "bob", 1000)) == HELD
    given_back = release(HELD, HELD)
    assert given_back is not None
    assert not given_back.user_id
    assert release(None, HELD) is None
