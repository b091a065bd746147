"""The auth service: registrations, apps, tokens, logins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from services.chassis.security.caller import Caller
from services.clients.base import ExportingClient
from services.clients.paths import numeric_id, path_segment
from services.contracts.logins import (
    AccountLink,
    ActiveSessions,
    App,
    Authorization,
    AuthorizationCode,
    CurrentPassword,
    DeletedUsers,
    DeletionRequest,
    DeletionResponse,
    EmailAddress,
    ForgottenPassword,
    GrantableScope,
    KnownLogin,
    LoginDetails,
    NewApp,
    NewEmail,
    NewPassword,
    NewSecondFactor,
    NewSession,
    OwnEmail,
    PasswordReset,
    RecoveryCodes,
    RegistrationRequest,
    RegistrationResponse,
    SecondFactorCode,
    SecondFactorStatus,
    Session,
    Token,
    TokenRequest,
)


class AuthClient(ExportingClient):
    """Routes of the auth service."""

    app_id = "auth"

    # ── apps and tokens ─────────────────────────────────────────────────────────────────────

    async def register_app(self, new: NewApp) -> App:
        """Make an app known; the only response with its secret."""
        return await self._post(App, "apps", json=new)

    async def app(self, client_id: str) -> App:
        """An app. Raises `NotFound`."""
        return await self._get(App, f"apps/{path_segment(client_id)}")

    async def grantable(self, client_id: str, scope: str) -> GrantableScope:
        """The scopes that an app would get. Raises what `authorize` would."""
        path = f"apps/{path_segment(client_id)}/grant"
        return await self._get(GrantableScope, path, params={"scope": scope})

    async def authorize(self, authorization: Authorization) -> AuthorizationCode:
        """An authorization code for an app that a person lets in."""
        return await self._post(AuthorizationCode, "authorizations", json=authorization)

    async def issue_token(self, request: TokenRequest) -> Token:
        """An access token for a code, or for an app's own secret."""
        return await self._post(Token, "tokens", json=request)

    async def revoke_token(self, *, client_id: str, client_secret: str, token: str) -> None:
        """Have a token stop working."""
        body = {"client_id": client_id, "client_secret": client_secret, "token": token}
        await self._post(dict[str, Any], "tokens/revoke", json=body)

    async def open_session(self, who: NewSession) -> Session:
        """Log in to the web app, or to the page of archives, see `NewSession.kind`."""
        return await self._post(Session, "sessions", json=who)

    async def end_session(self, caller: Caller) -> None:
        """Log out of it."""
        await self._post(dict[str, Any], "sessions/end", caller)

    async def sessions(self, caller: Caller) -> ActiveSessions:
        """What holds a valid token of the user, newest first. For users of the web app only."""
        return await self._get(ActiveSessions, "sessions", caller)

    async def revoke_session(self, id: str, caller: Caller) -> None:
        """End one session of the user, also an app's. One that is unknown is no error."""
        path = f"sessions/{path_segment(id)}/revoke"
        await self._post(dict[str, Any], path, caller)

    async def revoke_other_sessions(self, caller: Caller) -> Session:
        """End all sessions of the user; the new one takes the place of the caller's."""
        return await self._post(Session, "sessions/revoke_others", caller)

    async def change_password(self, new: NewPassword, caller: Caller) -> Session:
        """Change the password, and end all sessions; the new one takes the place of the caller's.

        Raises `Invalid` with errors by field, `Conflict` if another change came first, and
        `RateLimited`.
        """
        return await self._post(Session, "passwords", caller, json=new)

    # ── recovery ────────────────────────────────────────────────────────────────────────────

    async def request_password_reset(self, forgotten: ForgottenPassword) -> None:
        """Have a link to a new password sent, if the address is somebody's."""
        await self._post(dict[str, Any], "password_resets", json=forgotten)

    async def reset_password(self, new: PasswordReset) -> None:
        """Set a new password for the token of a link, and end all sessions.

        Raises `Invalid`, with errors by field or the code `invalid_link`, and `RateLimited`.
        """
        await self._post(dict[str, Any], "password_resets/redeem", json=new)

    async def email(self, caller: Caller) -> OwnEmail:
        """The e-mail address of the user. For users of the web app only."""
        return await self._get(OwnEmail, "emails", caller)

    async def change_email(self, new: NewEmail, caller: Caller) -> OwnEmail:
        """Have a link sent to another address, or once more to the same one.

        Raises `Invalid` with errors by field, and `RateLimited`.
        """
        return await self._post(OwnEmail, "emails", caller, json=new)

    async def confirm_email(self, link: AccountLink) -> None:
        """Confirm an address. Raises `Invalid`, with the code `invalid_link` or errors by field."""
        await self._post(dict[str, Any], "emails/confirm", json=link)

    # ── the second factor, for users of the web app only ────────────────────────────────────

    async def second_factor(self, caller: Caller) -> SecondFactorStatus:
        """Whether the user has one."""
        return await self._get(SecondFactorStatus, "second_factor", caller)

    async def new_second_factor(self, proof: CurrentPassword, caller: Caller) -> NewSecondFactor:
        """A secret for an authenticator app. Raises `Invalid` with errors by field."""
        return await self._post(NewSecondFactor, "second_factor", caller, json=proof)

    async def confirm_second_factor(self, code: SecondFactorCode, caller: Caller) -> RecoveryCodes:
        """Enable it with a code. Raises `Invalid` with the code `invalid_code`."""
        return await self._post(RecoveryCodes, "second_factor/confirm", caller, json=code)

    async def disable_second_factor(self, proof: CurrentPassword, caller: Caller) -> None:
        """Disable it. Raises `Invalid` with errors by field."""
        await self._post(dict[str, Any], "second_factor/disable", caller, json=proof)

    # ── people ──────────────────────────────────────────────────────────────────────────────

    async def register(
        self, new: RegistrationRequest, caller: Caller | None = None
    ) -> RegistrationResponse:
        """Register a person; with a token for the app that the caller is."""
        return await self._post(RegistrationResponse, "registrations", caller, json=new)

    async def delete_account(
        self, who: DeletionRequest, caller: Caller | None = None
    ) -> DeletionResponse:
        """Delete the account of somebody who proves who they are."""
        return await self._post(DeletionResponse, "deletions", caller, json=who)

    async def deleted_users(self, ids: Iterable[str]) -> DeletedUsers:
        """Those of some users who deleted their account."""
        return await self._get(DeletedUsers, "deletions", params={"ids": ",".join(ids)})

    async def address(self, user: str) -> EmailAddress:
        """Where somebody is reached by mail. Raises `NotFound` for suspended and deleted users."""
        return await self._get(EmailAddress, f"addresses/{numeric_id(user)}")

    async def logins_by_id(self, ids: Iterable[str]) -> list[KnownLogin]:
        """The logins of those of some people who are registered."""
        return await self._logins({"ids": ",".join(ids)})

    async def logins_by_name(self, names: Iterable[str], deadline: float) -> list[KnownLogin]:
        """The same by username."""
        return await self._logins({"names": ",".join(names)}, deadline)

    async def _logins(
        self, params: dict[str, str], deadline: float | None = None
    ) -> list[KnownLogin]:
        found = await self._send(
            dict[str, Any], "GET", "logins", None, params=params, deadline=deadline
        )
        return [KnownLogin.model_validate(login) for login in found.values()]

    # ── for admins ──────────────────────────────────────────────────────────────────────────

    async def login_details(self, ids: Sequence[str], caller: Caller) -> dict[str, LoginDetails]:
        """Logins as an admin sees them, at most 80, without those that do not exist."""
        found = await self._get(dict[str, Any], "people", caller, {"ids": ",".join(ids)})
        return {id: LoginDetails.model_validate(login) for id, login in found.items()}

    async def set_suspension(
        self, id: str, action: Literal["suspend", "unsuspend"], caller: Caller
    ) -> LoginDetails:
        """Suspend a person, or end that."""
        return await self._post(LoginDetails, f"people/{numeric_id(id)}/{action}", caller)
