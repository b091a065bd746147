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
from services.gateway import paging
from services.gateway.api.media import portrait
from services.gateway.bodies import Flag, Said, asks, flags, said, uploaded
from services.gateway.desk import Desk, answer, numeric
from services.gateway.documents import FILE, gives, lists, takes
from services.gateway.entities import apps, people
from services.gateway.registering import refusal, registration
from services.shared.hashtags import normal_tag

Reading = Annotated[Caller | None, Depends(optional_user("read:accounts"))]
Me = Annotated[Caller, Depends(require_user("read:accounts"))]
Writing = Annotated[Caller, Depends(require_user("write:accounts"))]
Following = Annotated[Caller, Depends(require_user("write:follows"))]
Blocking = Annotated[Caller, Depends(require_user("write:blocks"))]
Id = Annotated[str, Path(examples=["114000000000000000"])]
_PEOPLE = gives([], "A page of Account; `Link` leads to the next.")
_STANDING = gives(description="The Relationship as it is now.")
_AT_ONCE = 80


def create_router(desk: Desk) -> APIRouter:
    """Routes about people. Those with a fixed name come before those with an id."""
    router = APIRouter()
    for part in (_own, _found, _shown, _stances, _requests, _own_lists):
        router.routes.extend(part(desk).routes)
    return router


def _own(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post(
        "/accounts",
        openapi_extra=takes(
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
        responses=gives({"access_token": "eyJ…", "token_type": "Bearer"}, "A Token."),
    )
    async def register(
        request: Request, caller: Annotated[Caller, Depends(require_token("write:accounts"))]
    ) -> OrjsonResponse:
        """Register somebody, and get a token for them. Needs the token of an app."""
        form = registration(await said(request))
        try:
            made = await desk.ask("auth", "registrations", caller, method="POST", json=form)
        except ServiceError as failure:
            raise refusal(failure) from failure
        return OrjsonResponse(apps.token(Token.model_validate(made["token"])))

    @router.get("/accounts/verify_credentials", responses=gives(description="A CredentialAccount."))
    async def verify_credentials(
        caller: Annotated[Caller, Depends(require_user("read:accounts", "profile"))],
    ) -> OrjsonResponse:
        """Whose token this is: the only thing that the scope `profile` is good for."""
        return OrjsonResponse(_credentials(desk, await desk.ask("users", "accounts/me", caller)))

    @router.patch(
        "/accounts/update_credentials",
        openapi_extra=takes(
            display_name="string",
            note="string",
            avatar=FILE,
            header=FILE,
            locked="boolean",
            bot="boolean",
            discoverable="boolean",
            fields_attributes=lists("object"),
            source="object",
            example={"display_name": "Ada", "note": "I photograph bridges. #bridges"},
        ),
        responses=gives(description="A CredentialAccount."),
    )
    async def update_credentials(request: Request, caller: Writing) -> OrjsonResponse:
        """Change parts of one's own profile."""
        async with uploaded(request, files=2) as body:
            return await _change(desk, caller, _changes(body))

    @router.delete("/profile/{kind}", responses=gives(description="A CredentialAccount."))
    async def remove_portrait(kind: str, caller: Writing) -> OrjsonResponse:
        """Go back to the default picture: `kind` is `avatar` or `header`."""
        if kind not in ("avatar", "header"):
            raise NotFound("Record not found")
        return await _change(desk, caller, {kind: ""})

    @router.get("/emails/check_confirmation", responses=gives(True, "Addresses need no proof."))
    async def check_confirmation(_: Me) -> OrjsonResponse:
        """Whether one's address is confirmed, which clients wait for after a registration."""
        return OrjsonResponse(True)

    @router.get("/preferences", responses=gives(description="Preferences."))
    async def preferences(caller: Me) -> OrjsonResponse:
        """What somebody prefers, as their profile says."""
        row = await desk.ask("users", "accounts/me", caller)
        return OrjsonResponse(people.preferences(Account.model_validate(row)))

    return router


def _found(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/accounts/lookup", responses=gives(description="An Account."))
    async def lookup(acct: Annotated[str, Query(max_length=200)], _: Reading) -> Response:
        """An account by its name."""
        name = local_name(acct, desk.at.host)
        if not name:
            raise NotFound("Record not found")
        return answer(desk.rendered.account(await desk.one_named(name)))

    @router.get("/accounts/search", responses=_PEOPLE)
    async def search(
        request: Request,
        caller: Me,
        q: Annotated[str, Query()] = "",
        limit: int = 40,
        offset: int = 0,
        resolve: Flag = False,
        following: Flag = False,
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
        return answer(desk.rendered.accounts(rows))

    @router.get("/accounts/relationships", responses=gives([], "A Relationship for each id."))
    async def relationships(
        request: Request, caller: Annotated[Caller, Depends(require_user("read:follows"))]
    ) -> OrjsonResponse:
        """How one stands to some others: `id[]`."""
        ids = asked_ids(request)
        if not ids:
            return OrjsonResponse([])
        rows = await desk.ask("users", "relationships", caller, params={"ids": ",".join(ids)})
        return OrjsonResponse(
            [people.relationship(Relationship.model_validate(row)) for row in rows]
        )

    @router.get("/accounts/familiar_followers", responses=gives([]))
    async def familiar_followers(
        request: Request, caller: Annotated[Caller, Depends(require_user("read:follows"))]
    ) -> OrjsonResponse:
        """Of those whom one follows, who follows each of some people: `id[]`, at most ten."""
        given = (await said(request)).texts("id") or []
        ids = [numeric(id) for id in given[:_AT_ONCE]]
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

    @router.get("/accounts", responses=gives([], "Those that exist."))
    async def some(request: Request, _: Reading) -> Response:
        """Some accounts by id: `id[]`."""
        ids = asked_ids(request)
        found = await desk.people(ids) if ids else {}
        return answer(desk.rendered.accounts([found[id] for id in ids if id in found]))

    return router


def _shown(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1/accounts/{id}", tags=["accounts"])

    @router.get("", responses=gives(description="An Account."))
    async def account(id: Id, _: Reading) -> Response:
        """One account."""
        return answer(desk.rendered.account(await desk.person(id)))

    @router.get(
        "/statuses",
        responses=gives([], "A page of Status."),
        openapi_extra=paging.pages(
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
        window: paging.Posts,
        tagged: Annotated[str, Query(max_length=100)] = "",
    ) -> Response:
        """Somebody's posts, as far as the caller may see them."""
        if asks(request, "pinned"):
            views = await desk.ask("posts", f"accounts/{numeric(id)}/pins", caller)
            return answer(await desk.statuses(views))
        path = f"timelines/accounts/{numeric(id)}"
        wanted = flags(request, "only_media", "exclude_replies", "exclude_reblogs")
        if tagged:
            wanted["tagged"] = normal_tag(tagged.removeprefix("#")) or tagged
        page = await desk.timeline(request, path, caller, window, **wanted)
        if page.body == b"[]":
            await desk.person(id)  # nobody's posts are not none, but not found
        return page

    @router.get("/followers", responses=_PEOPLE, openapi_extra=paging.pages())
    async def followers(
        request: Request, id: Id, caller: Reading, window: paging.People
    ) -> Response:
        """Who follows somebody, the newest first."""
        return await _list(desk, request, f"accounts/{numeric(id)}/followers", caller, window)

    @router.get("/following", responses=_PEOPLE, openapi_extra=paging.pages())
    async def following(
        request: Request, id: Id, caller: Reading, window: paging.People
    ) -> Response:
        """Whom somebody follows, the newest first."""
        return await _list(desk, request, f"accounts/{numeric(id)}/following", caller, window)

    return router


def _stances(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post("/accounts/{id}/follow", responses=_STANDING)
    async def follow(request: Request, id: Id, caller: Following) -> OrjsonResponse:
        """Follow somebody, or ask to, where they are locked."""
        body = await said(request)
        how = {"reblogs": body.flag("reblogs"), "notify": body.flag("notify")}
        return await _act(desk, f"accounts/{numeric(id)}/follow", caller, how)

    @router.post("/accounts/{id}/unfollow", responses=_STANDING)
    async def unfollow(id: Id, caller: Following) -> OrjsonResponse:
        """Follow somebody no more."""
        return await _act(desk, f"accounts/{numeric(id)}/unfollow", caller)

    @router.post("/accounts/{id}/remove_from_followers", responses=_STANDING)
    async def remove_from_followers(id: Id, caller: Following) -> OrjsonResponse:
        """Have somebody follow one no more."""
        return await _act(desk, f"accounts/{numeric(id)}/remove_from_followers", caller)

    @router.post("/accounts/{id}/block", responses=_STANDING)
    async def block(id: Id, caller: Blocking) -> OrjsonResponse:
        """Part from somebody: neither sees the other any more."""
        return await _act(desk, f"accounts/{numeric(id)}/block", caller)

    @router.post("/accounts/{id}/unblock", responses=_STANDING)
    async def unblock(id: Id, caller: Blocking) -> OrjsonResponse:
        """End a block."""
        return await _act(desk, f"accounts/{numeric(id)}/unblock", caller)

    @router.post("/accounts/{id}/mute", responses=_STANDING)
    async def mute(
        request: Request, id: Id, caller: Annotated[Caller, Depends(require_user("write:mutes"))]
    ) -> OrjsonResponse:
        """Not see somebody, without their noticing."""
        body = await said(request)
        notifications = body.flag("notifications")
        how = {
            "notifications": notifications is not False,
            "duration": max(0, body.number("duration") or 0),
        }
        return await _act(desk, f"accounts/{numeric(id)}/mute", caller, how)

    @router.post("/accounts/{id}/unmute", responses=_STANDING)
    async def unmute(
        id: Id, caller: Annotated[Caller, Depends(require_user("write:mutes"))]
    ) -> OrjsonResponse:
        """See somebody again."""
        return await _act(desk, f"accounts/{numeric(id)}/unmute", caller)

    @router.post("/accounts/{id}/note", responses=_STANDING)
    async def note(request: Request, id: Id, caller: Writing) -> OrjsonResponse:
        """Keep a private note on somebody."""
        comment = (await said(request)).words("comment")
        return await _act(desk, f"accounts/{numeric(id)}/note", caller, {"comment": comment})

    return router


def _requests(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post("/follow_requests/{id}/authorize", responses=_STANDING)
    async def authorize(id: Id, caller: Following) -> OrjsonResponse:
        """Let somebody follow who asked to."""
        return await _act(desk, f"follow_requests/{numeric(id)}/authorize", caller)

    @router.post("/follow_requests/{id}/reject", responses=_STANDING)
    async def reject(id: Id, caller: Following) -> OrjsonResponse:
        """Turn somebody down who asked to follow."""
        return await _act(desk, f"follow_requests/{numeric(id)}/reject", caller)

    return router


def _own_lists(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/blocks", responses=_PEOPLE, openapi_extra=paging.pages())
    async def blocks(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:blocks"))],
        window: paging.People,
    ) -> Response:
        """Whom one blocks."""
        return await _list(desk, request, "blocks", caller, window)

    @router.get("/mutes", responses=_PEOPLE, openapi_extra=paging.pages())
    async def mutes(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:mutes"))],
        window: paging.People,
    ) -> Response:
        """Whom one mutes, each with `mute_expires_at`."""
        page = await desk.ask("users", "mutes", caller, params=window.params())
        return answer(
            desk.rendered.muted(zip(page["accounts"], page["until"], strict=True)),
            paging.links_of(desk.at.public_url, request, page["ids"]),
        )

    @router.get("/follow_requests", responses=_PEOPLE, openapi_extra=paging.pages())
    async def follow_requests(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:follows"))],
        window: paging.People,
    ) -> Response:
        """Who asks to follow."""
        return await _list(desk, request, "follow_requests", caller, window)

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
        "limit": str(max(1, min(limit, _AT_ONCE))),
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


def asked_ids(request: Request) -> list[str]:
    """The ids in `id[]` or `id`, each once. Raises `Invalid` for too many."""
    query = request.query_params
    given = dict.fromkeys([*query.getlist("id[]"), *query.getlist("id")])
    if len(given) > _AT_ONCE:
        raise Invalid(f"At most {_AT_ONCE} ids can be asked for at once.")
    return [numeric(id) for id in given]


async def _act(
    desk: Desk, path: str, caller: Caller, body: dict[str, Any] | None = None
) -> OrjsonResponse:
    row = await desk.ask("users", path, caller, method="POST", json=body or {})
    return OrjsonResponse(people.relationship(Relationship.model_validate(row)))


async def _list(
    desk: Desk, request: Request, path: str, caller: Caller | None, window: Any
) -> Response:
    page = await desk.ask("users", path, caller, params=window.params())
    return answer(
        desk.rendered.accounts(page["accounts"]),
        paging.links_of(desk.at.public_url, request, page["ids"]),
    )


def _credentials(desk: Desk, row: Any) -> dict[str, Any]:
    return people.credential_account(OwnAccount.model_validate(row), desk.at, desk.writer)


async def _change(desk: Desk, caller: Caller, changes: dict[str, Any]) -> OrjsonResponse:
    for kind in ("avatar", "header"):
        if changes.get(kind):
            changes[kind] = await portrait(desk, caller, kind, changes[kind])
    row = await desk.ask("users", "accounts/me", caller, method="PATCH", json=changes)
    return OrjsonResponse(_credentials(desk, row))


def _changes(body: Said) -> dict[str, Any]:
    """What of a profile is to change. Pictures are uploads still."""
    source = body.within("source")
    fields = body.dicts("fields_attributes")
    wanted: dict[str, Any] = {
        "display_name": body.text("display_name"),
        "note": body.text("note"),
        "locked": body.flag("locked"),
        "bot": body.flag("bot"),
        "discoverable": body.flag("discoverable"),
        "default_visibility": source.text("privacy"),
        "default_sensitive": source.flag("sensitive"),
        "default_language": "" if source.get("language") == "" else source.language("language"),
        "fields": None
        if fields is None
        else [{"name": field.words("name"), "value": field.words("value")} for field in fields],
        "avatar": body.upload("avatar"),
        "header": body.upload("header"),
    }
    return {name: value for name, value in wanted.items() if value is not None}
