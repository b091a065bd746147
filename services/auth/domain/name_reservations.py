"""Reservations of a username or an e-mail address: no two users have the same one.

Registration takes three steps. Each is a compare-and-swap of one document: reserve the e-mail
address, reserve the username, create the user. A user is registered if and only if the user
document exists. A crash before that leaves reservations for a user who does not exist:

- a retry with the same username and address adopts the reservation and its user id. It continues at
  once, and two concurrent retries create at most one user;
- another user can take over such a reservation after `RESERVATION_TTL`. By then its owner has given
  up: no user is created later than `REGISTRATION_TIMEOUT` after the first reservation, a commit is
  retried for at most 8 s, and a commit with an unknown outcome has settled 8 s later.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from services.auth.domain.errors import InvalidFields

RESERVATION_TTL = 60
"""Seconds, after which a reservation holds only if its user exists."""

REGISTRATION_TIMEOUT = 30
"""Seconds from the first reservation to the last step."""

TAKEN = "has already been taken"


@dataclass(frozen=True, slots=True)
class NameReservation:
    """The user id that holds a name or address, empty if released; `at` in seconds since 1970."""

    user_id: str
    login: str
    at: int

    def is_available_to(self, other: NameReservation, absent: Set[str]) -> bool:
        """Return whether another reservation may replace this one."""
        if not self.user_id or self.user_id == other.user_id:
            return True
        return other.at - self.at >= RESERVATION_TTL and self.user_id in absent


def reserve_email(
    held: NameReservation | None, reservation: NameReservation, absent: Set[str]
) -> NameReservation:
    """Return the reservation of an address after a request, with the user id to continue with.

    `absent` are user ids without a user. Raises `InvalidFields`.
    """
    if held is not None and held.user_id and held.login == reservation.login:
        return replace(held, at=reservation.at)
    if held is not None and not held.is_available_to(reservation, absent):
        raise InvalidFields({"email": [TAKEN]})
    return reservation


def reserve_username(
    held: NameReservation | None, reservation: NameReservation, absent: Set[str]
) -> NameReservation:
    """Return the reservation of a username after a request. Raises `InvalidFields`."""
    if held is not None and not held.is_available_to(reservation, absent):
        raise InvalidFields({"username": [TAKEN]})
    return reservation


@dataclass(frozen=True, slots=True)
class RetiredName:
    """Says that a username was that of a deleted user. The document's key is a keyed hash."""

    retired: bool = True


def release(held: NameReservation | None, reservation: NameReservation) -> NameReservation | None:
    """Return an empty reservation, unless another user holds it by now.

    The document stays: a registration may reserve the name between an update and a removal.
    """
    if held is None or held.user_id != reservation.user_id:
        return held
    return NameReservation("", "", 0)
