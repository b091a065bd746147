"""How somebody registers: claim the address, claim the name, be there (`domain/claims`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.domain import name_reservations
from services.auth.domain.errors import InvalidFields
from services.auth.domain.name_reservations import REGISTRATION_TIMEOUT, TAKEN, NameReservation
from services.auth.domain.users import NewUser, User
from services.auth.repository import Repository, email_key
from services.chassis.errors import Unavailable
from services.chassis.ids import timestamp


class RegistrationService:
    """Registers people, each under a name and an address that nobody else has."""

    def __init__(
        self,
        repository: Repository,
        passwords: PasswordHasherPool,
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._repository = repository
        self._passwords = passwords
        self._new_id = new_id
        self._clock = clock

    async def register(self, new_user: NewUser) -> User:
        """Make a person. Raises `InvalidFields` for a name or an address that somebody has."""
        absent = await self._reject_taken(new_user)
        hashed = await self._passwords.hash(new_user.password)
        reservation = await self._reserve(new_user, absent)
        now = self._clock()
        if now.timestamp() - reservation.at > REGISTRATION_TIMEOUT:
            raise Unavailable("Registration took too long. Nothing was kept; try again.")
        user = User(
            reservation.user_id,
            new_user.username,
            new_user.email,
            hashed,
            timestamp(now),
            new_user.locale,
        )
        await self._repository.users.update(
            reservation.user_id, lambda kept: _first(kept, user), fresh=True
        )
        return user

    async def _reject_taken(self, new_user: NewUser) -> set[str]:
        """Refuse before the costly part; returns the user ids that claims name and nobody has."""
        existing = {
            "email": await self._repository.email_reservations.get(email_key(new_user.email)),
            "username": await self._repository.username_reservations.get(new_user.username_key),
        }
        named = {
            reservation.user_id
            for reservation in existing.values()
            if reservation and reservation.user_id
        }
        people = await self._repository.users.get_many(named)
        taken = [
            field
            for field, reservation in existing.items()
            if reservation and reservation.user_id in people
        ]
        if taken:
            raise InvalidFields({field: [TAKEN] for field in sorted(taken, reverse=True)})
        return named - people.keys()

    async def _reserve(self, new_user: NewUser, absent: set[str]) -> NameReservation:
        """Claim the address, then the name; the claim says under which id to go on."""
        new = NameReservation(self._new_id(), new_user.username_key, int(self._clock().timestamp()))
        email = email_key(new_user.email)
        reservation = await self._repository.email_reservations.update(
            email, lambda existing: name_reservations.reserve_email(existing, new, absent)
        )
        reservation = reservation or new
        try:
            await self._repository.username_reservations.update(
                new_user.username_key,
                lambda existing: name_reservations.reserve_username(existing, reservation, absent),
            )
        except InvalidFields:
            if reservation.user_id == new.user_id:
                await self._repository.email_reservations.update(
                    email, lambda existing: name_reservations.release(existing, new)
                )
            raise
        return reservation


def _first(kept: User | None, user: User) -> User:
    if kept is not None:
        raise InvalidFields({"username": [TAKEN]})
    return user
