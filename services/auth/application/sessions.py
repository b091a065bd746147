"""Sessions on the pages of the gateway, and what a user sees of all their sessions."""

from __future__ import annotations

from services.auth.application.account_mails import AccountMailer
from services.auth.application.accounts import AccountService
from services.auth.application.apps import AppService
from services.auth.application.login import Authenticator
from services.auth.application.session_registry import ListedSession, SessionRegistry
from services.auth.application.tokens import SignedToken, TokenIssuer
from services.auth.domain.clients import WEB_APP_NAME
from services.auth.domain.scopes import SESSION_SCOPE, restrict_scopes
from services.auth.domain.sessions import SessionRecord
from services.auth.domain.tokens import SESSION_TTL, WEB_SESSION_TTL, AccessToken
from services.auth.domain.users import User
from services.chassis.errors import Unauthenticated
from services.chassis.security.audit import security_event
from services.chassis.security.caller import Caller
from services.contracts.logins import WEB_CLIENT_ID, NewSession

_SESSION_CLIENTS = ("", WEB_CLIENT_ID)
_APP_NAMES = {"web": WEB_APP_NAME, "archive": "The page of data archives"}


class SessionService:
    """Begins, lists and ends sessions.

    A session is an access token: of the web app, or without a client for the page of archives. The
    list includes the tokens of other apps.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        tokens: TokenIssuer,
        registry: SessionRegistry,
        apps: AppService,
        accounts: AccountService,
        mailer: AccountMailer,
    ) -> None:
        self._authenticator = authenticator
        self._tokens = tokens
        self._registry = registry
        self._apps = apps
        self._accounts = accounts
        self._mailer = mailer

    async def begin(self, new: NewSession) -> SignedToken:
        """Issue the token of a session. Raises what `Authenticator.log_in` raises."""
        await self._tokens.ensure_can_sign()
        client_id = WEB_CLIENT_ID if new.kind == "web" else ""
        user = await self._authenticator.log_in(new, client_id)
        token = await self._web_token(user) if new.kind == "web" else self._archive_token(user)
        signed = await self._registry.issue(token, user, new.user_agent)
        await self._mailer.announce_login(user, _APP_NAMES[new.kind], new.user_agent)
        security_event("login_succeeded", subject=user.user_id, client_id=client_id)
        return signed

    async def end(self, token: str) -> None:
        """Revoke the token of a session. The token of any other app stays valid."""
        claims = await self._tokens.verify(token)
        if claims is not None and claims.get("client_id", "") in _SESSION_CLIENTS:
            await self._registry.revoke(claims["sub"], claims["jti"], claims["exp"], "logout")

    async def list_sessions(self, user_id: str) -> list[ListedSession]:
        """Return a user's sessions and authorized apps, newest first. Three state calls."""
        return await self._registry.list_sessions(user_id)

    async def revoke(self, user_id: str, token_id: str) -> None:
        """End one session of a user. One that is not listed needs no revocation."""
        record = await self._registry.find(user_id, token_id)
        if record is not None:
            await self._registry.revoke(user_id, record.token_id, record.expires_at, "by_user")

    async def end_others(self, caller: Caller) -> SignedToken:
        """Revoke all tokens of a user, and issue a new web session for the caller.

        Raises what `get_valid` and `AccountService.end_sessions` raise.
        """
        session = await self.get_valid(caller)
        await self._tokens.ensure_can_sign()
        return await self.renew(await self._accounts.end_sessions(caller.user_id), session)

    async def ensure_can_sign(self) -> None:
        """Raise the error that would keep a session from being issued."""
        await self._tokens.ensure_can_sign()

    async def get_valid(self, caller: Caller) -> SessionRecord:
        """Return the caller's own session. Two state calls.

        Raises `Unauthenticated` if it was revoked a moment ago, before all processes know of it:
        such a token must not get a new one.
        """
        for record in await self._registry.valid_records(caller.user_id):
            if record.token_id == caller.token_id:
                return record
        raise Unauthenticated("The access token was revoked or has expired.")

    async def renew(self, user: User, session: SessionRecord) -> SignedToken:
        """Issue a web session in place of one that was just revoked."""
        return await self._registry.issue(await self._web_token(user), user, session.user_agent)

    async def _web_token(self, user: User) -> AccessToken:
        app = await self._apps.ensure_web_app()
        scope = restrict_scopes(app.scopes, to_admin=user.is_admin)
        return self._tokens.new_token(app.client_id, lifetime=WEB_SESSION_TTL).for_user(user, scope)

    def _archive_token(self, user: User) -> AccessToken:
        return self._tokens.new_token("", lifetime=SESSION_TTL).for_user(user, SESSION_SCOPE)
