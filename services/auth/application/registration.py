"""Registration: reserve the address, reserve the username, create the user.

`domain.name_reservations` explains why a crash between these steps is harmless.
"""

from __future__ import annotations

from collections.abc import Callable

from services.auth.adapters.passwords import PasswordHasherPool
from services.auth.domain import name_reservations
from services.auth.domain.errors import InvalidFields
from services.auth.domain.name_reservations import REGISTRATION_TIMEOUT, TAKEN, NameReservation
from services.auth.domain.users import NewUser, User
from services.auth.repository import Repository
from services.chassis.errors import Unavailable
from services.chassis.ids import Clock, timestamp


class RegistrationService:
    """Registers users with unique usernames and e-mail addresses.

    If it `confirms` addresses, no address is reserved before somebody who reads its mail confirms
    it. So nobody learns from a registration whether an address is in use.
    """

    def __init__(
        self,
        repository: Repository,
        passwords: PasswordHasherPool,
        new_id: Callable[[], str],
        clock: Clock,
        *,
        confirms: bool = False,
    ) -> None:
        self._repository = repository
        self._passwords = passwords
        self._new_id = new_id
        self._clock = clock
        self._confirms = confirms

    async def register(self, new_user: NewUser) -> User:
        """Create a user.

        Raises `InvalidFields` for a username or address in use, or a password easy to guess.
        """
        await self._passwords.ensure_acceptable(
            new_user.password, new_user.username, new_user.email
        )
        absent = await self._reject_taken(new_user)
        hashed = await self._passwords.hash(new_user.password)
        reservation = await self._reserve(new_user, absent)
        now = self._clock()
        if now.timestamp() - reservation.at > REGISTRATION_TIMEOUT:
            raise Unavailable("The registration took too long. You are not registered. Try again.")
        user = User(
            reservation.user_id,
            new_user.username,
            "" if self._confirms else new_user.email,
            hashed,
            timestamp(now),
            new_user.locale,
        )
        if self._confirms:
            user = user.change_email(new_user.email, int(now.timestamp()))
        await self._repository.users.update(
            user.user_id, lambda kept: _only_first(kept, user), expect_absent=True
        )
        return user

    async def _reject_taken(self, new_user: NewUser) -> set[str]:
        """Reject names in use before the costly hash. Returns reserved user ids without a user."""
        held = {"username": await self._repository.username_reservations.get(new_user.username_key)}
        if not self._confirms:
            held["email"] = await self._repository.email_reservation(new_user.email)
        owners = {field: one.user_id for field, one in held.items() if one and one.user_id}
        users = await self._repository.users.get_many(set(owners.values()))
        taken = [field for field, owner in owners.items() if owner in users]
        if await self._repository.is_retired(new_user.username_key):
            taken.append("username")
        if taken:
            raise InvalidFields({field: [TAKEN] for field in sorted(taken, reverse=True)})
        return set(owners.values()) - users.keys()

    async def _reserve(self, new_user: NewUser, absent: set[str]) -> NameReservation:
        """Reserve the address, then the username. Returns the reservation with the user id."""
        new = NameReservation(self._new_id(), new_user.username_key, int(self._clock().timestamp()))
        reservation = new
        if not self._confirms:
            reservation = await self._repository.reserve_email(new_user.email, new, absent)
        try:
            await self._repository.username_reservations.update(
                new_user.username_key,
                lambda held: name_reservations.reserve_username(held, reservation, absent),
            )
            await self._refuse_retired(new_user)
        except InvalidFields:
            if reservation.user_id == new.user_id and not self._confirms:
                await self._repository.release_email(new_user.email, new)
            raise
        return reservation

    async def _refuse_retired(self, new_user: NewUser) -> None:
        """Undo the reservation of a name whose user was deleted a moment ago, and raise."""
        if await self._repository.is_retired(new_user.username_key):
            await self._repository.username_reservations.delete(new_user.username_key)
            raise InvalidFields({"username": [TAKEN]})


def _only_first(kept: User | None, user: User) -> User:
    if kept is not None:
        raise InvalidFields({"username": [TAKEN]})
    return user
