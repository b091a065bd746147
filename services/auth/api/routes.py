"""The routes that others invoke: the gateway for people and apps, every service for the keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Request

from services.auth import examples
from services.auth.adapters.revocations import RevocationLog
from services.auth.adapters.signing_keys import SigningKeySet
from services.auth.application.account_deletion import AccountDeletion
from services.auth.application.accounts import AccountService
from services.auth.application.oauth import CodeRequest, OAuthService, SignedToken
from services.auth.application.registration import RegistrationService
from services.auth.domain import scopes, users
from services.auth.domain.clients import OAuthClient
from services.auth.domain.errors import InvalidRequest, UnsupportedGrantType
from services.auth.examples import Keys, Nothing, Revocation, Revocations, answers, refusal
from services.chassis.errors import Forbidden, NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_service, require_user
from services.contracts.logins import (
    Address,
    App,
    Authorization,
    Code,
    Deleted,
    Deletion,
    Grantable,
    KnownLogin,
    LoginDetails,
    NewApp,
    NewRole,
    NewSession,
    Registered,
    Registration,
    Session,
    Token,
    TokenRequest,
)

AppToken = Annotated[Caller | None, Depends(optional_user("write:accounts"))]
Overseer = Annotated[Caller, Depends(require_user("admin:read:accounts"))]
Judge = Annotated[Caller, Depends(require_user("admin:write:accounts"))]
InSession = Annotated[Caller, Depends(require_user(scopes.SESSION_SCOPE))]
UserId = Annotated[str, Path(pattern=r"^[0-9]{1,20}$", examples=["115581273340018689"])]
Ids = Annotated[str, Query(max_length=4_000, pattern=r"^[0-9,]*$", examples=["1,2"])]
Names = Annotated[str, Query(max_length=4_000, pattern=r"^[A-Za-z0-9_,]*$", examples=["ada,bob"])]
MAX_IDS = 160
ClientId = Annotated[str, Path(max_length=100, examples=[examples.CLIENT_ID])]


@dataclass(frozen=True, slots=True)
class AuthServices:
    """Who does the work behind the routes."""

    oauth: OAuthService
    registration: RegistrationService
    accounts: AccountService
    account_deletion: AccountDeletion
    signing_keys: SigningKeySet
    revocations: RevocationLog


async def any_service(request: Request) -> None:
    """Lets in every service, by the name that the sidecar vouches for."""
    if not request.headers.get("dapr-caller-app-id"):
        raise Forbidden("This route is for other services, through their sidecars.")


def create_routers(services: AuthServices) -> list[APIRouter]:
    """Every route of auth, on a services."""
    parts = (_apps, _people, _logins, _standing, _addresses, _roles, _tokens, _sessions, _keys)
    return [part(services) for part in parts]


def _for_gateway(tag: str) -> APIRouter:
    refused = refusal(403, "Not called by the gateway.")
    return APIRouter(
        tags=[tag], dependencies=[Depends(require_service("gateway"))], responses=refused
    )


def _apps(services: AuthServices) -> APIRouter:
    router = _for_gateway("apps")

    @router.post("/apps", responses=answers(examples.APP, 422))
    async def enrol(new: Annotated[NewApp, Body(examples=[examples.NEW_APP])]) -> App:
        """Register an app. The secret is shown here and never again."""
        client, secret = await services.oauth.register_client(
            new.client_name, new.redirect_uris, new.scopes, new.website
        )
        return _app(client, secret)

    @router.get("/apps/{client_id}", responses=answers(examples.KNOWN_APP, 404))
    async def known(client_id: ClientId) -> App:
        """An app as it is known, without its secret."""
        client = await services.oauth.find_client(client_id)
        if client is None:
            raise NotFound("There is no such app.")
        return _app(client, "")

    @router.get("/apps/{client_id}/grant", responses=answers(examples.GRANT, 400, 401, 422))
    async def grantable(
        client_id: ClientId, scope: Annotated[str, Query(max_length=500)] = ""
    ) -> Grantable:
        """What of the scopes that an app asks for it would get; refused where that is none."""
        return Grantable(scope=await services.oauth.grantable_scopes(client_id, scope))

    return router


def _people(services: AuthServices) -> APIRouter:
    router = _for_gateway("people")

    @router.post("/registrations", responses=answers(examples.REGISTERED, 401, 403, 422, 429))
    async def register(
        form: Annotated[Registration, Body(examples=[examples.REGISTRATION])], app: AppToken
    ) -> Registered:
        """Register somebody; with an app's own token, also give that app a token for them.

        A 422 carries `details`: for each field what is wrong with it.
        """
        if app is not None and app.user_id:
            raise Forbidden("Somebody who is signed in cannot register somebody else.")
        new_user = users.validate_registration(
            form.username, form.email, form.password, agreement=form.agreement, locale=form.locale
        )
        if app is not None:
            await services.oauth.ensure_can_sign()
        user = await services.registration.register(new_user)
        signed = await services.oauth.token_for_new_user(app.client_id, user) if app else None
        return Registered(
            user_id=user.user_id,
            username=user.username,
            token=_token(signed) if signed else None,
        )

    @router.post("/deletions", responses=answers(examples.DELETED, 401, 403, 422, 429))
    async def delete(
        form: Annotated[Deletion, Body(examples=[examples.PROOF])], caller: AppToken
    ) -> Deleted:
        """Delete a login for ever; with a token, only that of the token's own person.

        All tokens of the person are good no more, everywhere within 5 s; all that they made is
        removed by the services that keep it, in the background.
        """
        user_id = caller.user_id if caller else ""
        return Deleted(
            user_id=await services.account_deletion.delete(form.login, form.password, user_id)
        )

    @router.post("/authorizations", responses=answers(examples.CODE, 400, 401, 422, 429))
    async def authorize(
        form: Annotated[Authorization, Body(examples=[examples.AUTHORIZATION])],
    ) -> Code:
        """Log somebody in for an app, and give a code that the app can redeem once.

        `wrong_login` (401) is for the person; every other refusal is the app's fault. Only after
        the redirect URI was seen to be the app's may a refusal be sent there.
        """
        request = CodeRequest(
            form.client_id,
            form.redirect_uri,
            form.scope,
            form.code_challenge,
            form.code_challenge_method,
            form.login,
            form.password,
        )
        return Code(code=await services.oauth.authorize(request))

    return router


def _logins(services: AuthServices) -> APIRouter:
    refused = refusal(403, "Not called by users.")
    router = APIRouter(
        tags=["logins"], dependencies=[Depends(require_service("users"))], responses=refused
    )

    @router.get("/logins", responses=answers({examples.KNOWN["user_id"]: examples.KNOWN}))
    async def known(ids: Ids = "", names: Names = "") -> dict[str, KnownLogin]:
        """What `login.registered` says of some people, for who has not heard it yet.

        By name only those who have not left.
        """
        found = await services.accounts.users_with_versions(_wanted(ids))
        found += await services.accounts.users_with_versions_by_name(names.split(",")[:MAX_IDS])
        return {user.user_id: _known(user, version) for user, version in found}

    return router


def _standing(services: AuthServices) -> APIRouter:
    router = _for_gateway("standing")

    @router.get(
        "/people", responses=answers({examples.DETAILS["user_id"]: examples.DETAILS}, 401, 403)
    )
    async def some(ids: Ids, _: Overseer) -> dict[str, LoginDetails]:
        """The logins of some people, for admins: of those that exist. One state call."""
        return {p.user_id: _details(p) for p in await services.accounts.find_users(_wanted(ids))}

    @router.post("/people/{user_id}/suspend", responses=answers(examples.DETAILS, 401, 403, 404))
    async def suspend(user_id: UserId, _: Judge) -> LoginDetails:
        """Put somebody out: no login, no token, nothing of theirs is seen. Nothing is deleted."""
        return _details(await services.accounts.suspend(user_id))

    @router.post("/people/{user_id}/unsuspend", responses=answers(examples.DETAILS, 401, 403, 404))
    async def unsuspend(user_id: UserId, _: Judge) -> LoginDetails:
        """Let somebody in again, with all that was theirs."""
        return _details(await services.accounts.unsuspend(user_id))

    return router


def _addresses(services: AuthServices) -> APIRouter:
    refused = refusal(403, "Not called by notifications.")
    router = APIRouter(
        tags=["addresses"],
        dependencies=[Depends(require_service("notifications"))],
        responses=refused,
    )

    @router.get("/addresses/{user_id}", responses=answers(examples.ADDRESS, 404))
    async def address(user_id: UserId) -> Address:
        """Where somebody is reached by mail. Nobody who is gone, or suspended, is."""
        for user in await services.accounts.find_users([user_id]):
            if not user.suspended:
                return Address(username=user.username, email=user.email)
        raise NotFound("There is nobody to be reached.")

    return router


def _roles(services: AuthServices) -> APIRouter:
    refused = refusal(403, "Not called through auth's own sidecar.")
    router = APIRouter(
        tags=["roles"], dependencies=[Depends(require_service("auth"))], responses=refused
    )

    @router.post("/roles", responses=answers(examples.DETAILS, 404, 422))
    async def give_role(new: Annotated[NewRole, Body(examples=[examples.ROLE])]) -> LoginDetails:
        """Give somebody a role, or take it: for the operator, who has the sidecar's token."""
        return _details(await services.accounts.set_role(new.username, new.role))

    return router


def _tokens(services: AuthServices) -> APIRouter:
    router = _for_gateway("tokens")

    @router.post("/tokens", responses=answers(examples.TOKEN, 400, 401, 422))
    async def give(
        form: Annotated[TokenRequest, Body(openapi_examples=examples.TOKEN_REQUESTS)],
    ) -> Token:
        """A token for a code, or for the app itself."""
        if form.grant_type == "authorization_code":
            signed = await services.oauth.redeem(
                form.client_id, form.client_secret, form.code, form.redirect_uri, form.code_verifier
            )
        elif form.grant_type == "client_credentials":
            signed = await services.oauth.client_credentials(
                form.client_id, form.client_secret, form.scope
            )
        elif not form.grant_type:
            raise InvalidRequest("The grant type is missing.")
        else:
            raise UnsupportedGrantType(
                "The grant types are authorization_code and client_credentials."
            )
        return _token(signed)

    @router.post("/tokens/revoke", responses=answers({}, 401, 403, 422))
    async def revoke(form: Annotated[Revocation, Body(examples=[examples.REVOCATION])]) -> Nothing:
        """Take back a token of the app's own. What is no token, or none any more, is no error."""
        await services.oauth.revoke(form.client_id, form.client_secret, form.token)
        return Nothing()

    return router


def _sessions(services: AuthServices) -> APIRouter:
    router = _for_gateway("sessions")

    @router.post("/sessions", responses=answers(examples.SESSION, 401, 403, 422, 429))
    async def begin(form: Annotated[NewSession, Body(examples=[examples.PROOF])]) -> Session:
        """Log somebody in to the page on which they get their archive: good for that alone."""
        signed = await services.oauth.begin_session(form.login, form.password)
        return Session(token=signed.token)

    @router.post("/sessions/end", responses=answers({}, 401, 403))
    async def end(caller: InSession) -> Nothing:
        """Log them out again: the session's token, which is shown, is good no more."""
        await services.oauth.end_session(caller.token)
        return Nothing()

    return router


def _keys(services: AuthServices) -> APIRouter:
    refused = refusal(403, "Not called by a service.")
    router = APIRouter(tags=["keys"], dependencies=[Depends(any_service)], responses=refused)

    @router.get("/jwks", responses=answers(examples.KEYS), response_model=Keys)
    async def keys() -> OrjsonResponse:
        """The public keys that verify tokens (RFC 7517, RFC 8037)."""
        return OrjsonResponse({"keys": await services.signing_keys.public_keys()})

    @router.get("/revocations", responses=answers(examples.REVOCATIONS), response_model=Revocations)
    async def revoked(
        after: Annotated[int, Query(ge=0, le=10**12, description="`next` of the last answer.")] = 0,
    ) -> OrjsonResponse:
        """The ids of tokens that were revoked since; ask again until there are none."""
        ids, cursor = await services.revocations.read_after(after)
        return OrjsonResponse({"revoked": ids, "next": cursor})

    return router


def _app(client: OAuthClient, secret: str) -> App:
    return App(
        id=client.id,
        client_id=client.client_id,
        client_secret=secret,
        name=client.name,
        website=client.website,
        redirect_uris=client.redirect_uris,
        scopes=client.scopes,
    )


def _wanted(ids: str) -> list[str]:
    return [id for id in ids.split(",") if 0 < len(id) <= 20][:MAX_IDS]


def _known(user: users.User, version: int) -> KnownLogin:
    return KnownLogin(
        user_id=user.user_id,
        username=user.username,
        created_at=user.created_at,
        deleted=user.deleted,
        role=user.role,
        suspended=user.suspended,
        locale=user.locale,
        version=version,
    )


def _details(user: users.User) -> LoginDetails:
    return LoginDetails(
        user_id=user.user_id,
        username=user.username,
        created_at=user.created_at,
        role=user.role,
        suspended=user.suspended,
        email=user.email,
        locale=user.locale,
    )


def _token(signed: SignedToken) -> Token:
    return Token(
        access_token=signed.token,
        scope=signed.access_token.scope,
        created_at=signed.access_token.issued_at,
    )
