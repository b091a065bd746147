"""The routes of the users service, which others invoke."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Query
from pydantic import Field as Limit

from services.chassis.errors import Invalid, NotFound
from services.chassis.http.dependencies import window
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user
from services.chassis.storage.window import Window, normalize_id
from services.contracts.accounts import (
    Account,
    AccountList,
    Familiar,
    Id,
    Model,
    Others,
    OwnAccount,
    Relationship,
    Suggestion,
)
from services.users import examples
from services.users.application.profiles import ProfileService
from services.users.application.relationship_queries import RelationshipQueries
from services.users.application.relationships import RelationshipService
from services.users.application.suggestions import SuggestionService
from services.users.domain.edges import FollowOptions
from services.users.domain.edges import RelationshipView as Standing
from services.users.domain.profiles import ProfileEdit, UserProfileField

MAX_IDS = 80
MAX_FAMILIAR_IDS = 10


class NewField(Model):
    """One line of the table under a profile, as it is typed."""

    name: str = Limit(max_length=4_000)
    value: str = Limit(max_length=4_000)


class ProfileChanges(Model):
    """What is to be different about the caller's profile; what is not given stays as it is.

    The rules on each part are the domain's: these bounds only keep out what is absurd.
    """

    display_name: str | None = Limit(default=None, max_length=1_000)
    note: str | None = Limit(default=None, max_length=10_000)
    avatar: str | None = Limit(default=None, max_length=200)
    header: str | None = Limit(default=None, max_length=200)
    fields: list[NewField] | None = Limit(default=None, max_length=20)
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    default_visibility: str | None = Limit(default=None, max_length=20)
    default_sensitive: bool | None = None
    default_language: str | None = Limit(default=None, max_length=100)

    def changes(self) -> ProfileEdit:
        """As the domain's value."""
        fields = self.fields
        given = {name: getattr(self, name) for name in ProfileEdit.__slots__ if name != "fields"}
        lines = None if fields is None else tuple(UserProfileField(f.name, f.value) for f in fields)
        return ProfileEdit(fields=lines, **given)


class Lookup(Model):
    """Usernames that are looked for, with or without a leading `@`."""

    usernames: list[str] = Limit(max_length=MAX_IDS)


class Following(Model):
    """How somebody is to be followed; what is not given stays as it is."""

    reblogs: bool | None = None
    notify: bool | None = None


class Muting(Model):
    """How somebody is to be muted: for how many seconds, 0 for good."""

    notifications: bool = True
    duration: int = Limit(default=0, ge=0, le=10 * 365 * 24 * 3600)


class Note(Model):
    """A private note on somebody."""

    comment: str = Limit(default="", max_length=10_000)


def account_id(id: Annotated[str, Path(max_length=100, examples=["114906321984512345"])]) -> str:
    """The id in a path; what is no id is nobody's."""
    try:
        return normalize_id(id)
    except Invalid as invalid:
        raise NotFound("There is no such account.") from invalid


def account_ids(ids: Annotated[str, Query(max_length=4_000, examples=["1,2"])]) -> list[str]:
    """The ids in a query, each once; what is no id is nobody's. Raises `Invalid`, if too many."""
    given = [id for id in ids.split(",") if id.isascii() and id.isdigit() and len(id) <= 20]
    if len(given) > MAX_IDS:
        raise Invalid(f"At most {MAX_IDS} ids can be asked for at once.")
    return list(dict.fromkeys(normalize_id(id) for id in given))


Account_ = Annotated[str, Depends(account_id)]
Ids = Annotated[list[str], Depends(account_ids)]
Asking = Annotated[Caller, Depends(require_user("read:follows", also_for=("posts",)))]
Wanted = Annotated[Window, Depends(window(40))]
Anyone = Annotated[Caller | None, Depends(optional_user("read:accounts"))]
Reader = Annotated[Caller, Depends(require_user("read:accounts"))]
Writer = Annotated[Caller, Depends(require_user("write:accounts"))]
Follower = Annotated[Caller, Depends(require_user("write:follows"))]
Blocker = Annotated[Caller, Depends(require_user("write:blocks"))]
Muter = Annotated[Caller, Depends(require_user("write:mutes"))]
Responses = dict[int | str, dict[str, Any]]


def gives(model: Any, example: Any, what: str, *failures: int) -> Responses:
    """What a route answers, for its OpenAPI: pydantic does not write an `OrjsonResponse`."""
    good = {
        "model": model,
        "description": what,
        "content": {"application/json": {"example": example}},
    }
    return {200: good, **{status: examples.FAILURES[status] for status in failures}}


ACCOUNT = gives(Account, examples.ACCOUNT, "The account.", 401, 403, 404)
OWN = gives(OwnAccount, {**examples.ACCOUNT, "follow_requests": 2}, "The caller's.", 401, 403, 404)
ACCOUNTS = gives(
    dict[Id, Account], {examples.ID: examples.ACCOUNT}, "Those that exist, by what was given.", 422
)
FOUND = gives(list[Account], [examples.ACCOUNT], "Those found, best first.", 401, 403)
STANDING = gives(
    Relationship, examples.RELATIONSHIP, "How the two stand to each other now.", 401, 403, 404
)
STANDINGS = gives(
    list[Relationship], [examples.RELATIONSHIP], "One for each id, in their order.", 401, 403, 422
)
SUGGESTIONS = gives(
    list[Suggestion],
    [{"account": examples.ACCOUNT, "reason": "friends_of_friends"}],
    "Best first.",
    401,
    403,
)
DISMISSED = gives(dict[str, Id], {"id": examples.ID}, "Who was dismissed.", 401, 403)
FAMILIAR = gives(
    list[Familiar], [{"id": examples.ID, "accounts": [examples.ACCOUNT]}], "One for each.", 422
)
PAGE = gives(AccountList, examples.PAGE, "A page, newest first.", 401, 403, 404)


def create_router(
    people: ProfileService,
    relationships: RelationshipService,
    lists: RelationshipQueries,
    suggestions: SuggestionService,
) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_accounts(people).routes)
    router.routes.extend(_relationships(relationships).routes)
    router.routes.extend(_requests(relationships).routes)
    router.routes.extend(_lists(lists).routes)
    router.routes.extend(_suggestions(suggestions).routes)
    return router


def _accounts(people: ProfileService) -> APIRouter:
    router = APIRouter(tags=["accounts"])

    @router.get("/accounts/me", responses=OWN)
    async def me(
        caller: Annotated[Caller, Depends(require_user("read:accounts", "profile"))],
    ) -> OrjsonResponse:
        """The caller's own account; its profile is made, if the news of it is late."""
        return OrjsonResponse(await people.own_account(caller.user_id, caller.username))

    @router.patch("/accounts/me", responses={**OWN, 422: examples.FAILURES[422]})
    async def change(
        caller: Writer,
        changes: Annotated[ProfileChanges, Body(openapi_examples=examples.CHANGES)],
    ) -> OrjsonResponse:
        """Change parts of the caller's own profile."""
        return OrjsonResponse(
            await people.update_profile(caller.user_id, caller.username, changes.changes())
        )

    @router.get("/accounts", responses=ACCOUNTS)
    async def accounts(ids: Ids, _: Anyone) -> OrjsonResponse:
        """Many accounts in one call."""
        return OrjsonResponse(await people.accounts(ids))

    @router.get("/accounts/{id}", responses=ACCOUNT)
    async def account(id: Account_, _: Anyone) -> OrjsonResponse:
        """One account."""
        return OrjsonResponse(await people.account(id))

    @router.post("/lookups", responses=ACCOUNTS)
    async def lookup(
        wanted: Annotated[Lookup, Body(openapi_examples=examples.LOOKUP)], _: Anyone
    ) -> OrjsonResponse:
        """Accounts by their usernames, of whatever case."""
        return OrjsonResponse(await people.lookup(wanted.usernames))

    @router.get("/search", responses=FOUND)
    async def search(
        caller: Reader,
        q: Annotated[str, Query(max_length=200, examples=["@ann"])],
        limit: Annotated[int, Query(ge=1, le=MAX_IDS)] = 40,
        offset: Annotated[int, Query(ge=0, le=1_000)] = 0,
    ) -> OrjsonResponse:
        """Accounts whose handle, or a word of whose display name, begins so."""
        return OrjsonResponse(await people.search(q, caller.user_id, limit, offset))

    return router


def _relationships(service: RelationshipService) -> APIRouter:
    router = APIRouter(prefix="/accounts/{id}", tags=["stances"])

    @router.post("/follow", responses={**STANDING, 422: examples.FAILURES[422]})
    async def follow(
        id: Account_,
        caller: Follower,
        how: Annotated[Following | None, Body(openapi_examples=examples.FOLLOWING)] = None,
    ) -> OrjsonResponse:
        """Follow somebody; or ask to, if they are locked."""
        how = how or Following()
        manner = FollowOptions(how.reblogs, how.notify)
        return OrjsonResponse(await service.follow(caller.user_id, id, manner))

    @router.post("/unfollow", responses=STANDING)
    async def unfollow(id: Account_, caller: Follower) -> OrjsonResponse:
        """Follow somebody no more, or take a request back."""
        return OrjsonResponse(await service.unfollow(caller.user_id, id))

    @router.post("/block", responses={**STANDING, 422: examples.FAILURES[422]})
    async def block(id: Account_, caller: Blocker) -> OrjsonResponse:
        """Part from somebody: neither follows the other any more."""
        return OrjsonResponse(await service.block(caller.user_id, id))

    @router.post("/unblock", responses=STANDING)
    async def unblock(id: Account_, caller: Blocker) -> OrjsonResponse:
        """End a block."""
        return OrjsonResponse(await service.unblock(caller.user_id, id))

    @router.post("/mute", responses={**STANDING, 422: examples.FAILURES[422]})
    async def mute(
        id: Account_,
        caller: Muter,
        how: Annotated[Muting | None, Body(openapi_examples=examples.MUTING)] = None,
    ) -> OrjsonResponse:
        """Not see somebody, without their noticing."""
        how = how or Muting()
        done = service.mute(
            caller.user_id, id, notifications=how.notifications, seconds=how.duration
        )
        return OrjsonResponse(await done)

    @router.post("/unmute", responses=STANDING)
    async def unmute(id: Account_, caller: Muter) -> OrjsonResponse:
        """See somebody again."""
        return OrjsonResponse(await service.unmute(caller.user_id, id))

    @router.post("/remove_from_followers", responses=STANDING)
    async def remove_follower(id: Account_, caller: Follower) -> OrjsonResponse:
        """Have somebody follow the caller no more."""
        return OrjsonResponse(await service.remove_follower(caller.user_id, id))

    @router.post("/note", responses={**STANDING, 422: examples.FAILURES[422]})
    async def annotate(
        id: Account_,
        caller: Writer,
        note: Annotated[Note, Body(openapi_examples=examples.NOTE)],
    ) -> OrjsonResponse:
        """Keep a private note on somebody."""
        return OrjsonResponse(await service.annotate(caller.user_id, id, note.comment))

    return router


def _requests(service: RelationshipService) -> APIRouter:
    router = APIRouter(tags=["stances"])

    @router.get("/relationships", responses=STANDINGS)
    async def relationships(ids: Ids, caller: Asking) -> OrjsonResponse:
        """How the caller stands to some others."""
        return OrjsonResponse(await service.relationships(caller.user_id, ids))

    @router.post("/relationships", responses=STANDINGS)
    async def many_relationships(
        others: Annotated[Others, Body(openapi_examples=examples.OTHERS)],
        caller: Asking,
    ) -> OrjsonResponse:
        """As `GET`, for so many that their ids do not fit into an address. One state call."""
        return OrjsonResponse(await service.relationships(caller.user_id, others.ids))

    @router.post("/follow_requests/{id}/{answer}", responses=STANDING)
    async def answer(
        id: Account_, answer: Literal["authorize", "reject"], caller: Follower
    ) -> OrjsonResponse:
        """Let somebody follow who asked to, or turn them down."""
        decide = {"authorize": service.accept, "reject": service.reject}[answer]
        done: Awaitable[Standing] = decide(caller.user_id, id)
        return OrjsonResponse(await done)

    return router


def _lists(lists: RelationshipQueries) -> APIRouter:
    router = APIRouter(tags=["lists"])

    @router.get("/accounts/{id}/followers", responses=PAGE)
    async def followers(id: Account_, window: Wanted, caller: Anyone) -> OrjsonResponse:
        """Who follows somebody."""
        return OrjsonResponse(await lists.public_page("followers", id, _id(caller), window))

    @router.get("/accounts/{id}/following", responses=PAGE)
    async def following(id: Account_, window: Wanted, caller: Anyone) -> OrjsonResponse:
        """Whom somebody follows."""
        return OrjsonResponse(await lists.public_page("following", id, _id(caller), window))

    @router.get("/blocks", responses=PAGE)
    async def blocks(
        window: Wanted, caller: Annotated[Caller, Depends(require_user("read:blocks"))]
    ) -> OrjsonResponse:
        """Whom the caller blocks."""
        return OrjsonResponse(await lists.own_page("blocks", caller.user_id, window))

    @router.get("/mutes", responses=PAGE)
    async def mutes(
        window: Wanted, caller: Annotated[Caller, Depends(require_user("read:mutes"))]
    ) -> OrjsonResponse:
        """Whom the caller mutes."""
        return OrjsonResponse(await lists.own_page("mutes", caller.user_id, window))

    @router.get("/follow_requests", responses=PAGE)
    async def requests(
        window: Wanted, caller: Annotated[Caller, Depends(require_user("read:follows"))]
    ) -> OrjsonResponse:
        """Who asks to follow the caller."""
        return OrjsonResponse(await lists.own_page("requests", caller.user_id, window))

    return router


def _suggestions(suggestions: SuggestionService) -> APIRouter:
    router = APIRouter(tags=["suggestions"])

    @router.get("/suggestions", responses=SUGGESTIONS)
    async def suggest(
        caller: Reader, limit: Annotated[int, Query(ge=1, le=MAX_IDS)] = 40
    ) -> OrjsonResponse:
        """Whom the caller might want to follow."""
        return OrjsonResponse(await suggestions.suggest(caller.user_id, limit))

    @router.delete("/suggestions/{id}", responses=DISMISSED)
    async def dismiss(id: Account_, caller: Writer) -> OrjsonResponse:
        """Suggest somebody to the caller no more."""
        await suggestions.dismiss(caller.user_id, id)
        return OrjsonResponse({"id": id})

    @router.get("/familiar_followers", responses=FAMILIAR)
    async def familiar(
        ids: Ids, caller: Annotated[Caller, Depends(require_user("read:follows"))]
    ) -> OrjsonResponse:
        """Of those whom the caller follows, who follows each of at most ten people."""
        if len(ids) > MAX_FAMILIAR_IDS:
            raise Invalid(f"At most {MAX_FAMILIAR_IDS} ids can be asked for at once.")
        return OrjsonResponse(await suggestions.familiar(caller.user_id, ids))

    return router


def _id(caller: Caller | None) -> str:
    return caller.user_id if caller else ""
