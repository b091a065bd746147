"""How somebody registers: claim the address, claim the name, be there (`domain/claims`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from services.auth.domain import claims
from services.auth.domain.claims import GIVE_UP, TAKEN, Claim
from services.auth.domain.people import Applicant, Person
from services.auth.domain.refusals import BadFields
from services.auth.passwords import Passwords
from services.auth.store import Store, email_id
from services.chassis.errors import Unavailable
from services.chassis.ids import timestamp


class Registrar:
    """Registers people, each under a name and an address that nobody else has."""

    def __init__(
        self,
        store: Store,
        passwords: Passwords,
        new_id: Callable[[], str],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._new_id = new_id
        self._clock = clock

    async def register(self, applicant: Applicant) -> Person:
        """Make a person. Raises `BadFields` for a name or an address that somebody has."""
        absent = await self._refuse_taken(applicant)
        hashed = await self._passwords.hash(applicant.password)
        claim = await self._claim(applicant, absent)
        now = self._clock()
        if now.timestamp() - claim.at > GIVE_UP:
            raise Unavailable("Registration took too long. Nothing was kept; try again.")
        person = Person(
            claim.user_id,
            applicant.username,
            applicant.email,
            hashed,
            timestamp(now),
            applicant.locale,
        )
        await self._store.people.update(
            claim.user_id, lambda kept: _first(kept, person), fresh=True
        )
        return person

    async def _refuse_taken(self, applicant: Applicant) -> set[str]:
        """Refuse before the costly part; returns the user ids that claims name and nobody has."""
        held = {
            "email": await self._store.emails.get(email_id(applicant.email)),
            "username": await self._store.logins.get(applicant.login),
        }
        named = {claim.user_id for claim in held.values() if claim and claim.user_id}
        people = await self._store.people.get_many(named)
        taken = [field for field, claim in held.items() if claim and claim.user_id in people]
        if taken:
            raise BadFields({field: [TAKEN] for field in sorted(taken, reverse=True)})
        return named - people.keys()

    async def _claim(self, applicant: Applicant, absent: set[str]) -> Claim:
        """Claim the address, then the name; the claim says under which id to go on."""
        new = Claim(self._new_id(), applicant.login, int(self._clock().timestamp()))
        email = email_id(applicant.email)
        mine = await self._store.emails.update(
            email, lambda held: claims.claim_email(held, new, absent)
        )
        mine = mine or new
        try:
            await self._store.logins.update(
                applicant.login, lambda held: claims.claim_login(held, mine, absent)
            )
        except BadFields:
            if mine.user_id == new.user_id:
                await self._store.emails.update(email, lambda held: claims.release(held, new))
            raise
        return mine


def _first(kept: Person | None, person: Person) -> Person:
    if kept is not None:
        raise BadFields({"username": [TAKEN]})
    return person
