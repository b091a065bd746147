"""People: oneself, others, how one stands to them."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.chassis.errors import Invalid, NotFound, ServiceError
from services.chassis.security.token_verifier import (
    Caller,
    optional_user,
    require_token,
    require_user,
)
from services.chassis.service import OrjsonResponse
from services.contracts.accounts import Account, OwnAccount, Relationship
from services.contracts.logins import Token
from services.gateway.application.registration import new_registration, validation_error
from services.gateway.desk import Desk, json_response, numeric_id
from services.gateway.http import paging
from services.gateway.http.openapi import FILE_SCHEMA, array_of, request_body, responses
from services.gateway.http.params import (
    QueryFlag,
    RequestParams,
    params_with_files,
    query_flag,
    query_flags,
    read_params,
)
from services.gateway.presentation.entities import apps, people
from services.gateway.rest.media import upload_profile_image
from services.shared.hashtags import normal_tag

OptionalReader = Annotated[Caller | None, Depends(optional_user("read:accounts"))]
AccountReader = Annotated[Caller, Depends(require_user("read:accounts"))]
AccountWriter = Annotated[Caller, Depends(require_user("write:accounts"))]
FollowWriter = Annotated[Caller, Depends(require_user("write:follows"))]
BlockWriter = Annotated[Caller, Depends(require_user("write:blocks"))]
Id = Annotated[str, Path(examples=["114000000000000000"])]
_ACCOUNT_PAGE = responses([], "A page of Account; `Link` leads to the next.")
_RELATIONSHIP = responses(description="The Relationship as it is now.")
_MAX_IDS = 80


def create_router(desk: Desk) -> APIRouter:
    """Routes about people. Those with a fixed name come before those with an id."""
    router = APIRouter()
    for part in (
        _profile_routes,
        _lookup_routes,
        _account_routes,
        _relationship_routes,
        _follow_request_routes,
        _list_routes,
    ):
        router.routes.extend(part(desk).routes)
    return router


def _profile_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post(
        "/accounts",
        openapi_extra=request_body(
            username="string",
            email="string",
            password="string",  # noqa: S106 (a type)
            agreement="boolean",
            locale="string",
            example={
                "username": "ada",
                "email": "ada@example.org",
                "password": "correct horse battery",
                "agreement": True,
                "locale": "en",
            },
        ),
        responses=responses({"access_token": "eyJ…", "token_type": "Bearer"}, "A Token."),
    )
    async def register(
        request: Request, caller: Annotated[Caller, Depends(require_token("write:accounts"))]
    ) -> OrjsonResponse:
        """Register somebody, and get a token for them. Needs the token of an app."""
        form = new_registration(await read_params(request))
        try:
            made = await desk.ask("auth", "registrations", caller, method="POST", json=form)
        except ServiceError as failure:
            raise validation_error(failure) from failure
        return OrjsonResponse(apps.token(Token.model_validate(made["token"])))

    @router.get(
        "/accounts/verify_credentials", responses=responses(description="A CredentialAccount.")
    )
    async def verify_credentials(
        caller: Annotated[Caller, Depends(require_user("read:accounts", "profile"))],
    ) -> OrjsonResponse:
        """Whose token this is: the only thing that the scope `profile` is good for."""
        return OrjsonResponse(
            _credential_account(desk, await desk.ask("users", "accounts/me", caller))
        )

    @router.patch(
        "/accounts/update_credentials",
        openapi_extra=request_body(
            display_name="string",
            note="string",
            avatar=FILE_SCHEMA,
            header=FILE_SCHEMA,
            locked="boolean",
            bot="boolean",
            discoverable="boolean",
            fields_attributes=array_of("object"),
            source="object",
            example={"display_name": "Ada", "note": "I photograph bridges. #bridges"},
        ),
        responses=responses(description="A CredentialAccount."),
    )
    async def update_credentials(request: Request, caller: AccountWriter) -> OrjsonResponse:
        """Change parts of one's own profile."""
        async with params_with_files(request, files=2) as body:
            return await _update_profile(desk, caller, _profile_changes(body))

    @router.delete("/profile/{kind}", responses=responses(description="A CredentialAccount."))
    async def remove_portrait(kind: str, caller: AccountWriter) -> OrjsonResponse:
        """Go back to the default picture: `kind` is `avatar` or `header`."""
        if kind not in ("avatar", "header"):
            raise NotFound("Record not found")
        return await _update_profile(desk, caller, {kind: ""})

    @router.get("/emails/check_confirmation", responses=responses(True, "Addresses need no proof."))
    async def check_confirmation(_: AccountReader) -> OrjsonResponse:
        """Whether one's address is confirmed, which clients wait for after a registration."""
        return OrjsonResponse(True)

    @router.get("/preferences", responses=responses(description="Preferences."))
    async def preferences(caller: AccountReader) -> OrjsonResponse:
        """What somebody prefers, as their profile says."""
        row = await desk.ask("users", "accounts/me", caller)
        return OrjsonResponse(people.preferences(Account.model_validate(row)))

    return router


def _lookup_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/accounts/lookup", responses=responses(description="An Account."))
    async def lookup(acct: Annotated[str, Query(max_length=200)], _: OptionalReader) -> Response:
        """An account by its name."""
        name = local_name(acct, desk.at.host)
        if not name:
            raise NotFound("Record not found")
        return json_response(desk.rendered.account(await desk.one_named(name)))

    @router.get("/accounts/search", responses=_ACCOUNT_PAGE)
    async def search(
        request: Request,
        caller: AccountReader,
        q: Annotated[str, Query()] = "",
        limit: int = 40,
        offset: int = 0,
        resolve: QueryFlag = False,
        following: QueryFlag = False,
    ) -> Response:
        """Accounts by the beginning of a name."""
        rows = await find_people(desk, caller, q, limit, offset)
        if following and rows:
            ids = [row["profile"]["id"] for row in rows]
            stances = await desk.ask(
                "users", "relationships", caller, params={"ids": ",".join(ids)}
            )
            followed = {stance["id"] for stance in stances if stance["following"]}
            rows = [row for row in rows if row["profile"]["id"] in followed]
        return json_response(desk.rendered.accounts(rows))

    @router.get("/accounts/relationships", responses=responses([], "A Relationship for each id."))
    async def relationships(
        request: Request, caller: Annotated[Caller, Depends(require_user("read:follows"))]
    ) -> OrjsonResponse:
        """How one stands to some others: `id[]`."""
        ids = requested_ids(request)
        if not ids:
            return OrjsonResponse([])
        rows = await desk.ask("users", "relationships", caller, params={"ids": ",".join(ids)})
        return OrjsonResponse(
            [people.relationship(Relationship.model_validate(row)) for row in rows]
        )

    @router.get("/accounts/familiar_followers", responses=responses([]))
    async def familiar_followers(
        request: Request, caller: Annotated[Caller, Depends(require_user("read:follows"))]
    ) -> OrjsonResponse:
        """Of those whom one follows, who follows each of some people: `id[]`, at most ten."""
        given = (await read_params(request)).strings("id") or []
        ids = [numeric_id(id) for id in given[:_MAX_IDS]]
        if not ids:
            return OrjsonResponse([])
        rows = await desk.ask("users", "familiar_followers", caller, params={"ids": ",".join(ids)})
        return OrjsonResponse(
            [
                {
                    "id": row["id"],
                    "accounts": orjson.Fragment(desk.rendered.accounts(row["accounts"])),
                }
                for row in rows
            ]
        )

    @router.get("/accounts", responses=responses([], "Those that exist."))
    async def some(request: Request, _: OptionalReader) -> Response:
        """Some accounts by id: `id[]`."""
        ids = requested_ids(request)
        found = await desk.people(ids) if ids else {}
        return json_response(desk.rendered.accounts([found[id] for id in ids if id in found]))

    return router


def _account_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1/accounts/{id}", tags=["accounts"])

    @router.get("", responses=responses(description="An Account."))
    async def account(id: Id, _: OptionalReader) -> Response:
        """One account."""
        return json_response(desk.rendered.account(await desk.person(id)))

    @router.get(
        "/statuses",
        responses=responses([], "A page of Status."),
        openapi_extra=paging.page_parameters(
            only_media="Only posts with pictures.",
            exclude_replies="No replies.",
            exclude_reblogs="No boosts.",
            pinned="Only pinned posts: all of them, the newest pin first.",
        ),
    )
    async def statuses(
        request: Request,
        id: Id,
        caller: Annotated[Caller | None, Depends(optional_user("read:statuses"))],
        window: paging.PostWindow,
        tagged: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """Somebody's posts, as far as the caller may see them."""
        if query_flag(request, "pinned"):
            views = await desk.ask("posts", f"accounts/{numeric_id(id)}/pins", caller)
            return json_response(await desk.statuses(views))
        path = f"timelines/accounts/{numeric_id(id)}"
        wanted = query_flags(request, "only_media", "exclude_replies", "exclude_reblogs")
        if tagged:
            wanted["tagged"] = normal_tag(tagged.removeprefix("#")) or tagged
        page = await desk.timeline(request, path, caller, window, **wanted)
        if page.body == b"[]":
            await desk.person(id)  # nobody's posts are not none, but not found
        return page

    @router.get("/followers", responses=_ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def followers(
        request: Request, id: Id, caller: OptionalReader, window: paging.AccountWindow
    ) -> Response:
        """Who follows somebody, the newest first."""
        return await _account_page(
            desk, request, f"accounts/{numeric_id(id)}/followers", caller, window
        )

    @router.get("/following", responses=_ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def following(
        request: Request, id: Id, caller: OptionalReader, window: paging.AccountWindow
    ) -> Response:
        """Whom somebody follows, the newest first."""
        return await _account_page(
            desk, request, f"accounts/{numeric_id(id)}/following", caller, window
        )

    return router


def _relationship_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post("/accounts/{id}/follow", responses=_RELATIONSHIP)
    async def follow(request: Request, id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Follow somebody, or ask to, where they are locked."""
        body = await read_params(request)
        how = {"reblogs": body.boolean("reblogs"), "notify": body.boolean("notify")}
        return await _change_relationship(desk, f"accounts/{numeric_id(id)}/follow", caller, how)

    @router.post("/accounts/{id}/unfollow", responses=_RELATIONSHIP)
    async def unfollow(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Follow somebody no more."""
        return await _change_relationship(desk, f"accounts/{numeric_id(id)}/unfollow", caller)

    @router.post("/accounts/{id}/remove_from_followers", responses=_RELATIONSHIP)
    async def remove_from_followers(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Have somebody follow one no more."""
        return await _change_relationship(
            desk, f"accounts/{numeric_id(id)}/remove_from_followers", caller
        )

    @router.post("/accounts/{id}/block", responses=_RELATIONSHIP)
    async def block(id: Id, caller: BlockWriter) -> OrjsonResponse:
        """Part from somebody: neither sees the other any more."""
        return await _change_relationship(desk, f"accounts/{numeric_id(id)}/block", caller)

    @router.post("/accounts/{id}/unblock", responses=_RELATIONSHIP)
    async def unblock(id: Id, caller: BlockWriter) -> OrjsonResponse:
        """End a block."""
        return await _change_relationship(desk, f"accounts/{numeric_id(id)}/unblock", caller)

    @router.post("/accounts/{id}/mute", responses=_RELATIONSHIP)
    async def mute(
        request: Request, id: Id, caller: Annotated[Caller, Depends(require_user("write:mutes"))]
    ) -> OrjsonResponse:
        """Not see somebody, without their noticing."""
        body = await read_params(request)
        notifications = body.boolean("notifications")
        how = {
            "notifications": notifications is not False,
            "duration": max(0, body.integer("duration") or 0),
        }
        return await _change_relationship(desk, f"accounts/{numeric_id(id)}/mute", caller, how)

    @router.post("/accounts/{id}/unmute", responses=_RELATIONSHIP)
    async def unmute(
        id: Id, caller: Annotated[Caller, Depends(require_user("write:mutes"))]
    ) -> OrjsonResponse:
        """See somebody again."""
        return await _change_relationship(desk, f"accounts/{numeric_id(id)}/unmute", caller)

    @router.post("/accounts/{id}/note", responses=_RELATIONSHIP)
    async def note(request: Request, id: Id, caller: AccountWriter) -> OrjsonResponse:
        """Keep a private note on somebody."""
        comment = (await read_params(request)).string("comment")
        return await _change_relationship(
            desk, f"accounts/{numeric_id(id)}/note", caller, {"comment": comment}
        )

    return router


def _follow_request_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post("/follow_requests/{id}/authorize", responses=_RELATIONSHIP)
    async def authorize(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Let somebody follow who asked to."""
        return await _change_relationship(
            desk, f"follow_requests/{numeric_id(id)}/authorize", caller
        )

    @router.post("/follow_requests/{id}/reject", responses=_RELATIONSHIP)
    async def reject(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Turn somebody down who asked to follow."""
        return await _change_relationship(desk, f"follow_requests/{numeric_id(id)}/reject", caller)

    return router


def _list_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/blocks", responses=_ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def blocks(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:blocks"))],
        window: paging.AccountWindow,
    ) -> Response:
        """Whom one blocks."""
        return await _account_page(desk, request, "blocks", caller, window)

    @router.get("/mutes", responses=_ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def mutes(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:mutes"))],
        window: paging.AccountWindow,
    ) -> Response:
        """Whom one mutes, each with `mute_expires_at`."""
        page = await desk.ask("users", "mutes", caller, params=window.params())
        return json_response(
            desk.rendered.muted(zip(page["accounts"], page["until"], strict=True)),
            paging.link_header_of(desk.at.public_url, request, page["ids"]),
        )

    @router.get("/follow_requests", responses=_ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def follow_requests(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:follows"))],
        window: paging.AccountWindow,
    ) -> Response:
        """Who asks to follow."""
        return await _account_page(desk, request, "follow_requests", caller, window)

    return router


# ── what several routes need ────────────────────────────────────────────────────────────────────


async def find_people(
    desk: Desk, caller: Caller | None, q: str, limit: int, offset: int = 0
) -> list[Any]:
    """Accounts for what was typed: who has exactly this name first, then the rest.

    Strangers find by the exact name only.
    """
    typed = q.strip()
    name = local_name(typed, desk.at.host)
    if caller is None or not caller.user_id:
        exact = await desk.named([name]) if name and not offset else {}
        return [row for row in exact.values() if not row["profile"]["suspended"]]
    if not typed:
        return []
    params = {
        "q": (name or typed)[:100],
        "limit": str(max(1, min(limit, _MAX_IDS))),
        "offset": str(max(0, min(offset, 1000))),
    }
    rows: list[Any] = await desk.ask("users", "search", caller, params=params)
    return rows


def local_name(acct: str, host: str) -> str:
    """The username in `name`, `@name` or `name@host`; empty for what is none, or not from here."""
    name, at, where = acct.strip().removeprefix("@").partition("@")
    if at and where.lower() != host.lower():
        return ""
    return name if name.replace("_", "a").isalnum() and name.isascii() and len(name) <= 30 else ""


def requested_ids(request: Request) -> list[str]:
    """The ids in `id[]` or `id`, each once. Raises `Invalid` for too many."""
    query = request.query_params
    given = dict.fromkeys([*query.getlist("id[]"), *query.getlist("id")])
    if len(given) > _MAX_IDS:
        raise Invalid(f"At most {_MAX_IDS} ids can be asked for at once.")
    return [numeric_id(id) for id in given]


async def _change_relationship(
    desk: Desk, path: str, caller: Caller, body: dict[str, Any] | None = None
) -> OrjsonResponse:
    row = await desk.ask("users", path, caller, method="POST", json=body or {})
    return OrjsonResponse(people.relationship(Relationship.model_validate(row)))


async def _account_page(
    desk: Desk, request: Request, path: str, caller: Caller | None, window: Any
) -> Response:
    page = await desk.ask("users", path, caller, params=window.params())
    return json_response(
        desk.rendered.accounts(page["accounts"]),
        paging.link_header_of(desk.at.public_url, request, page["ids"]),
    )


def _credential_account(desk: Desk, row: Any) -> dict[str, Any]:
    return people.credential_account(OwnAccount.model_validate(row), desk.at, desk.writer)


async def _update_profile(desk: Desk, caller: Caller, changes: dict[str, Any]) -> OrjsonResponse:
    for kind in ("avatar", "header"):
        if changes.get(kind):
            changes[kind] = await upload_profile_image(desk, caller, kind, changes[kind])
    row = await desk.ask("users", "accounts/me", caller, method="PATCH", json=changes)
    return OrjsonResponse(_credential_account(desk, row))


def _profile_changes(body: RequestParams) -> dict[str, Any]:
    """What of a profile is to change. Pictures are uploads still."""
    source = body.nested("source")
    fields = body.objects("fields_attributes")
    wanted: dict[str, Any] = {
        "display_name": body.optional_string("display_name"),
        "note": body.optional_string("note"),
        "locked": body.boolean("locked"),
        "bot": body.boolean("bot"),
        "discoverable": body.boolean("discoverable"),
        "default_visibility": source.optional_string("privacy"),
        "default_sensitive": source.boolean("sensitive"),
        "default_language": "" if source.get("language") == "" else source.language("language"),
        "fields": None
        if fields is None
        else [{"name": field.string("name"), "value": field.string("value")} for field in fields],
        "avatar": body.file("avatar"),
        "header": body.file("header"),
    }
    return {name: value for name, value in wanted.items() if value is not None}
