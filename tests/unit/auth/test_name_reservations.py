from __future__ import annotations

import pytest

from services.auth.domain.errors import InvalidFields
from services.auth.domain.name_reservations import (
    RESERVATION_TTL,
    NameReservation,
    release,
    reserve_email,
    reserve_username,
)

HELD = NameReservation("1", "ada", 1000)


def test_an_unreserved_name_is_available() -> None:
    reservation = NameReservation("2", "bob", 1000)
    assert reserve_email(None, reservation, set()) == reservation
    assert reserve_username(None, reservation, set()) == reservation
    assert reserve_email(NameReservation("", "ada", 1000), reservation, set()) == reservation


def test_the_same_username_adopts_its_email_reservation() -> None:
    again = reserve_email(HELD, NameReservation("2", "ada", 1001), set())
    assert again == NameReservation("1", "ada", 1001)
    assert reserve_username(HELD, again, set()) == again


@pytest.mark.parametrize("reserve", [reserve_email, reserve_username])
def test_a_fresh_reservation_holds_before_its_user_exists(reserve: object) -> None:
    assert callable(reserve)
    with pytest.raises(InvalidFields):
        reserve(HELD, NameReservation("2", "bob", 1000 + RESERVATION_TTL - 1), {"1"})


@pytest.mark.parametrize("reserve", [reserve_email, reserve_username])
def test_a_reservation_of_an_existing_user_never_expires(reserve: object) -> None:
    assert callable(reserve)
    with pytest.raises(InvalidFields):
        reserve(HELD, NameReservation("2", "bob", 10**9), set())


@pytest.mark.parametrize("reserve", [reserve_email, reserve_username])
def test_an_expired_reservation_without_a_user_is_taken_over(reserve: object) -> None:
    assert callable(reserve)
    reservation = NameReservation("2", "bob", 1000 + RESERVATION_TTL)
    assert reserve(HELD, reservation, {"1"}) == reservation


def test_only_the_owner_releases_a_reservation() -> None:
    assert release(HELD, NameReservation("2", "bob", 1000)) == HELD
    released = release(HELD, HELD)
    assert released is not None
    assert not released.user_id
    assert release(None, HELD) is None
