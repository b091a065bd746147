"""The routes that others invoke: the gateway for people and apps, every service for the keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path, Query, Request

from services.auth import examples
from services.auth.domain import people, scopes
from services.auth.domain.apps import Client
from services.auth.domain.refusals import InvalidRequest, UnsupportedGrant
from services.auth.examples import Keys, Nothing, Revocation, Revocations, answers, refusal
from services.auth.keys import Keyring
from services.auth.leaving import Leaving
from services.auth.office import Office, Signed
from services.auth.office import Request as Asked
from services.auth.registrar import Registrar
from services.auth.revocations import RevocationLog
from services.auth.warden import Warden
from services.chassis.errors import Forbidden, NotFound
from services.chassis.security.token_verifier import (
    Caller,
    optional_user,
    require_service,
    require_user,
)
from services.chassis.service import OrjsonResponse
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
InSession = Annotated[Caller, Depends(require_user(scopes.SESSION))]
UserId = Annotated[str, Path(pattern=r"^[0-9]{1,20}$", examples=["115581273340018689"])]
Ids = Annotated[str, Query(max_length=4_000, pattern=r"^[0-9,]*$", examples=["1,2"])]
Names = Annotated[str, Query(max_length=4_000, pattern=r"^[A-Za-z0-9_,]*$", examples=["ada,bob"])]
MOST_AT_ONCE = 160
ClientId = Annotated[str, Path(max_length=100, examples=[examples.CLIENT_ID])]


@dataclass(frozen=True, slots=True)
class Desk:
    """Who does the work behind the routes."""

    office: Office
    registrar: Registrar
    warden: Warden
    leaving: Leaving
    keyring: Keyring
    revocations: RevocationLog


async def any_service(request: Request) -> None:
    """Lets in every service, by the name that the sidecar vouches for."""
    if not request.headers.get("dapr-caller-app-id"):
        raise Forbidden("This route is for other services, through their sidecars.")


def create_routers(desk: Desk) -> list[APIRouter]:
    """Every route of auth, on a desk."""
    parts = (_apps, _people, _logins, _standing, _addresses, _roles, _tokens, _sessions, _keys)
    return [part(desk) for part in parts]


def _for_gateway(tag: str) -> APIRouter:
    refused = refusal(403, "Not called by the gateway.")
    return APIRouter(
        tags=[tag], dependencies=[Depends(require_service("gateway"))], responses=refused
    )


def _apps(desk: Desk) -> APIRouter:
    router = _for_gateway("apps")

    @router.post("/apps", responses=answers(examples.APP, 422))
    async def enrol(new: Annotated[NewApp, Body(examples=[examples.NEW_APP])]) -> App:
        """Register an app. The secret is shown here and never again."""
        client, secret = await desk.office.enrol(
            new.client_name, new.redirect_uris, new.scopes, new.website
        )
        return _app(client, secret)

    @router.get("/apps/{client_id}", responses=answers(examples.KNOWN_APP, 404))
    async def known(client_id: ClientId) -> App:
        """An app as it is known, without its secret."""
        client = await desk.office.client(client_id)
        if client is None:
            raise NotFound("There is no such app.")
        return _app(client, "")

    @router.get("/apps/{client_id}/grant", responses=answers(examples.GRANT, 400, 401, 422))
    async def grantable(
        client_id: ClientId, scope: Annotated[str, Query(max_length=500)] = ""
    ) -> Grantable:
        """What of the scopes that an app asks for it would get; refused where that is none."""
        return Grantable(scope=await desk.office.grantable(client_id, scope))

    return router


def _people(desk: Desk) -> APIRouter:
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
        applicant = people.applicant(
            form.username, form.email, form.password, agreement=form.agreement, locale=form.locale
        )
        if app is not None:
            await desk.office.ready_to_sign()
        person = await desk.registrar.register(applicant)
        signed = await desk.office.for_registered(app.client_id, person) if app else None
        return Registered(
            user_id=person.user_id,
            username=person.username,
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
        return Deleted(user_id=await desk.leaving.delete(form.login, form.password, user_id))

    @router.post("/authorizations", responses=answers(examples.CODE, 400, 401, 422, 429))
    async def authorize(
        form: Annotated[Authorization, Body(examples=[examples.AUTHORIZATION])],
    ) -> Code:
        """Log somebody in for an app, and give a code that the app can redeem once.

        `wrong_login` (401) is for the person; every other refusal is the app's fault. Only after
        the redirect URI was seen to be the app's may a refusal be sent there.
        """
        asked = Asked(
            form.client_id,
            form.redirect_uri,
            form.scope,
            form.code_challenge,
            form.code_challenge_method,
            form.login,
            form.password,
        )
        return Code(code=await desk.office.authorize(asked))

    return router


def _logins(desk: Desk) -> APIRouter:
    refused = refusal(403, "Not called by users.")
    router = APIRouter(
        tags=["logins"], dependencies=[Depends(require_service("users"))], responses=refused
    )

    @router.get("/logins", responses=answers({examples.KNOWN["user_id"]: examples.KNOWN}))
    async def known(ids: Ids = "", names: Names = "") -> dict[str, KnownLogin]:
        """What `login.registered` says of some people, for who has not heard it yet.

        By name only those who have not left.
        """
        found = await desk.warden.known(_wanted(ids))
        found += await desk.warden.named(names.split(",")[:MOST_AT_ONCE])
        return {person.user_id: _known(person, version) for person, version in found}

    return router


def _standing(desk: Desk) -> APIRouter:
    router = _for_gateway("standing")

    @router.get(
        "/people", responses=answers({examples.DETAILS["user_id"]: examples.DETAILS}, 401, 403)
    )
    async def some(ids: Ids, _: Overseer) -> dict[str, LoginDetails]:
        """The logins of some people, for admins: of those that exist. One state call."""
        return {p.user_id: _details(p) for p in await desk.warden.some(_wanted(ids))}

    @router.post("/people/{user_id}/suspend", responses=answers(examples.DETAILS, 401, 403, 404))
    async def suspend(user_id: UserId, _: Judge) -> LoginDetails:
        """Put somebody out: no login, no token, nothing of theirs is seen. Nothing is deleted."""
        return _details(await desk.warden.suspend(user_id))

    @router.post("/people/{user_id}/unsuspend", responses=answers(examples.DETAILS, 401, 403, 404))
    async def unsuspend(user_id: UserId, _: Judge) -> LoginDetails:
        """Let somebody in again, with all that was theirs."""
        return _details(await desk.warden.unsuspend(user_id))

    return router


def _addresses(desk: Desk) -> APIRouter:
    refused = refusal(403, "Not called by notifications.")
    router = APIRouter(
        tags=["addresses"],
        dependencies=[Depends(require_service("notifications"))],
        responses=refused,
    )

    @router.get("/addresses/{user_id}", responses=answers(examples.ADDRESS, 404))
    async def address(user_id: UserId) -> Address:
        """Where somebody is reached by mail. Nobody who is gone, or suspended, is."""
        for person in await desk.warden.some([user_id]):
            if not person.suspended:
                return Address(username=person.username, email=person.email)
        raise NotFound("There is nobody to be reached.")

    return router


def _roles(desk: Desk) -> APIRouter:
    refused = refusal(403, "Not called through auth's own sidecar.")
    router = APIRouter(
        tags=["roles"], dependencies=[Depends(require_service("auth"))], responses=refused
    )

    @router.post("/roles", responses=answers(examples.DETAILS, 404, 422))
    async def give_role(new: Annotated[NewRole, Body(examples=[examples.ROLE])]) -> LoginDetails:
        """Give somebody a role, or take it: for the operator, who has the sidecar's token."""
        return _details(await desk.warden.give_role(new.username, new.role))

    return router


def _tokens(desk: Desk) -> APIRouter:
    router = _for_gateway("tokens")

    @router.post("/tokens", responses=answers(examples.TOKEN, 400, 401, 422))
    async def give(
        form: Annotated[TokenRequest, Body(openapi_examples=examples.TOKEN_REQUESTS)],
    ) -> Token:
        """A token for a code, or for the app itself."""
        if form.grant_type == "authorization_code":
            signed = await desk.office.redeem(
                form.client_id, form.client_secret, form.code, form.redirect_uri, form.code_verifier
            )
        elif form.grant_type == "client_credentials":
            signed = await desk.office.for_itself(form.client_id, form.client_secret, form.scope)
        elif not form.grant_type:
            raise InvalidRequest("The grant type is missing.")
        else:
            raise UnsupportedGrant("The grant types are authorization_code and client_credentials.")
        return _token(signed)

    @router.post("/tokens/revoke", responses=answers({}, 401, 403, 422))
    async def revoke(form: Annotated[Revocation, Body(examples=[examples.REVOCATION])]) -> Nothing:
        """Take back a token of the app's own. What is no token, or none any more, is no error."""
        await desk.office.revoke(form.client_id, form.client_secret, form.token)
        return Nothing()

    return router


def _sessions(desk: Desk) -> APIRouter:
    router = _for_gateway("sessions")

    @router.post("/sessions", responses=answers(examples.SESSION, 401, 403, 422, 429))
    async def begin(form: Annotated[NewSession, Body(examples=[examples.PROOF])]) -> Session:
        """Log somebody in to the page on which they get their archive: good for that alone."""
        signed = await desk.office.session(form.login, form.password)
        return Session(token=signed.token)

    @router.post("/sessions/end", responses=answers({}, 401, 403))
    async def end(caller: InSession) -> Nothing:
        """Log them out again: the session's token, which is shown, is good no more."""
        await desk.office.end_session(caller.token)
        return Nothing()

    return router


def _keys(desk: Desk) -> APIRouter:
    refused = refusal(403, "Not called by a service.")
    router = APIRouter(tags=["keys"], dependencies=[Depends(any_service)], responses=refused)

    @router.get("/jwks", responses=answers(examples.KEYS), response_model=Keys)
    async def keys() -> OrjsonResponse:
        """The public keys that verify tokens (RFC 7517, RFC 8037)."""
        return OrjsonResponse({"keys": await desk.keyring.public()})

    @router.get("/revocations", responses=answers(examples.REVOCATIONS), response_model=Revocations)
    async def revoked(
        after: Annotated[int, Query(ge=0, le=10**12, description="`next` of the last answer.")] = 0,
    ) -> OrjsonResponse:
        """The ids of tokens that were revoked since; ask again until there are none."""
        ids, cursor = await desk.revocations.after(after)
        return OrjsonResponse({"revoked": ids, "next": cursor})

    return router


def _app(client: Client, secret: str) -> App:
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
    return [id for id in ids.split(",") if 0 < len(id) <= 20][:MOST_AT_ONCE]


def _known(person: people.Person, version: int) -> KnownLogin:
    return KnownLogin(
        user_id=person.user_id,
        username=person.username,
        created_at=person.created_at,
        deleted=person.deleted,
        role=person.role,
        suspended=person.suspended,
        locale=person.locale,
        version=version,
    )


def _details(person: people.Person) -> LoginDetails:
    return LoginDetails(
        user_id=person.user_id,
        username=person.username,
        created_at=person.created_at,
        role=person.role,
        suspended=person.suspended,
        email=person.email,
        locale=person.locale,
    )


def _token(signed: Signed) -> Token:
    return Token(
        access_token=signed.token, scope=signed.access.scope, created_at=signed.access.issued_at
    )
