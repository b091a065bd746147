"""The e-mail addresses of users: confirmed by a link, changed with the password."""

from __future__ import annotations

from services.auth.application.account_mails import AccountMailer
from services.auth.application.accounts import AccountService
from services.auth.application.login import Authenticator
from services.auth.domain.errors import InvalidCredentials, InvalidFields, InvalidLink
from services.auth.domain.name_reservations import NameReservation
from services.auth.domain.one_time_tokens import check_one_time_token
from services.auth.domain.users import User, email_errors, normalize_email
from services.auth.repository import Repository
from services.chassis.errors import Invalid, NotFound
from services.chassis.ids import Clock


class EmailService:
    """Changes and confirms addresses.

    Confirmation takes two steps: reserve the address, change the user. A crash between them leaves
    a reservation, which the same link adopts, and any other user a minute later.
    """

    def __init__(
        self,
        repository: Repository,
        authenticator: Authenticator,
        accounts: AccountService,
        mailer: AccountMailer,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._authenticator = authenticator
        self._accounts = accounts
        self._mailer = mailer
        self._clock = clock

    async def get(self, user_id: str) -> User:
        """Return a user. Raises `NotFound`. One state call."""
        for user in await self._accounts.find([user_id]):
            return user
        raise NotFound("This account was deleted.")

    async def change(self, user_id: str, email: str, password: str) -> User:
        """Request a change. The new address gets a link, and the present one stays until then.

        The answer is the same if somebody else has the address. Raises `Invalid` where no mail can
        be sent, `InvalidFields`, and what `Authenticator.authenticate` raises.
        """
        if not self._mailer.enabled:
            raise Invalid("This instance sends no e-mail, so no address can be confirmed.")
        address = normalize_email(email)
        if errors := email_errors(address):
            raise InvalidFields({"email": errors})
        user = await self.get(user_id)
        try:
            await self._authenticator.authenticate(user.username, password)
        except InvalidCredentials as error:
            raise InvalidFields({"current_password": ["is wrong"]}) from error
        return await self._accounts.change_email(user_id, address)

    async def confirm(self, user_id: str, token: str) -> User:
        """Confirm an address. Raises `InvalidLink`, or `InvalidFields` if it is another user's."""
        user = await self._repository.users.get(user_id)
        if user is None or not user.is_active:
            raise InvalidLink
        now = int(self._clock().timestamp())
        check_one_time_token(user.confirmation, token, now)
        email = user.email_to_confirm
        own = NameReservation(user_id, user.username.lower(), now)
        absent = await self._holders_without(email)
        await self._repository.reserve_email(email, own, absent)
        return await self._accounts.confirm_email(user_id, email, token)

    async def release_former(self, user_id: str) -> None:
        """Release the addresses that a user no longer has. Safe to repeat."""
        user = await self._repository.users.get(user_id)
        for notice in user.notices if user else []:
            if user and notice.kind == "email_changed" and notice.address != user.email:
                own = NameReservation(user_id, user.username.lower(), 0)
                await self._repository.release_email(notice.address, own)

    async def _holders_without(self, email: str) -> set[str]:
        """Return the holder of a reservation, if there is no such user with this address."""
        held = await self._repository.email_reservation(email)
        holder = await self._repository.users.get(held.user_id) if held and held.user_id else None
        is_valid = holder is not None and holder.email == email
        return {held.user_id} if held and not is_valid else set()
