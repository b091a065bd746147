"""Reservations of a username or an e-mail address: no two users have the same one.

Registration takes three steps. Each is a compare-and-swap of one document: reserve the e-mail
address, reserve the username, create the user. A user is registered if and only if the user
document exists. A crash before that leaves reservations for a user who does not exist:

- a retry with the same username and address adopts the reservation and its user id. It continues at
  once, and two concurrent retries create at most one user;
- anybody else can take over such a reservation after `RESERVATION_TTL`. By then its owner has given
  up: no user is created later than `REGISTRATION_TIMEOUT` after the first reservation, a commit is
  retried for at most 8 s, and a commit with an unknown outcome has settled 8 s later.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from services.auth.domain.errors import InvalidFields

RESERVATION_TTL = 60
"""Seconds after which a claim counts only if the person it names exists."""

REGISTRATION_TIMEOUT = 30
"""Seconds after its first claim in which a registration must come to its last step."""

TAKEN = "has already been taken"


@dataclass(frozen=True, slots=True)
class NameReservation:
    """On a name or an address: for whom, and when, in seconds since 1970. Free if for nobody."""

    user_id: str
    login: str
    at: int

    def is_available_to(self, other: NameReservation, absent: Set[str]) -> bool:
        """Whether another may have what this is a claim on."""
        if not self.user_id or self.user_id == other.user_id:
            return True
        return other.at - self.at >= RESERVATION_TTL and self.user_id in absent


def reserve_email(
    existing: NameReservation | None, reservation: NameReservation, absent: Set[str]
) -> NameReservation:
    """The claim on an address after somebody asked for it; with the user id to go on with.

    `absent` are user ids that were looked for and are nobody's. Raises `InvalidFields`.
    """
    if existing is not None and existing.user_id and existing.login == reservation.login:
        return replace(existing, at=reservation.at)
    if existing is not None and not existing.is_available_to(reservation, absent):
        raise InvalidFields({"email": [TAKEN]})
    return reservation


def reserve_username(
    existing: NameReservation | None, reservation: NameReservation, absent: Set[str]
) -> NameReservation:
    """The claim on a name after somebody asked for it. Raises `InvalidFields`."""
    if existing is not None and not existing.is_available_to(reservation, absent):
        raise InvalidFields({"username": [TAKEN]})
    return reservation


def release(
    existing: NameReservation | None, reservation: NameReservation
) -> NameReservation | None:
    """The claim given back, unless it is another's by now."""
    if existing is None or existing.user_id != reservation.user_id:
        return existing
    return replace(existing, user_id="")
