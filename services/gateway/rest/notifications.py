"""What people are told of, singly and in groups, and how far they have read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response

from services.chassis.errors import Invalid, NotFound
from services.chassis.security.token_verifier import Caller, require_user
from services.chassis.service import OrjsonResponse
from services.chassis.storage.window import Window, normalize_id
from services.contracts.notifications import TYPES, Marker, Notification, NotificationGroup
from services.gateway.desk import Desk, Reader, gather_all, json_response, numeric_id, path_segment
from services.gateway.http import paging
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.paging import page_parameters
from services.gateway.http.params import RequestParams, params_of, read_params
from services.gateway.presentation.entities import notifications as entities
from services.gateway.presentation.renderer import Row

MAX_EMPTY_PAGES = 3
"""How many pages are looked through for one that has something the caller may see."""

TIMELINES = ("home", "notifications")

NotificationReader = Annotated[Caller, Depends(require_user("read:notifications"))]
NotificationWriter = Annotated[Caller, Depends(require_user("write:notifications"))]
Id = Annotated[str, Path(examples=["114000000000000000"])]
Key = Annotated[str, Path(examples=["favourite-114000000000000000-20552"])]
_V1, _V2 = "/api/v1/notifications", "/api/v2/notifications"
_NAME = re.compile(r"[^\s,;'\"\[\](){}]+")
_PAGE = responses([], "A page of Notification, newest first; `Link` leads to the next.")
_GROUPS = responses(
    {"accounts": [], "statuses": [], "notification_groups": []},
    "A page of groups with all that they show; `Link` leads to the next.",
)
_COUNT = responses({"count": 3}, "How many are newer than the marker, `limit` at most.")
_DONE = responses({}, "Done.")
_REQUIRE_READ = [Depends(require_user("read:notifications"))]
_REQUIRE_WRITE = [Depends(require_user("write:notifications"))]
_MARKERS = responses(
    {"home": {"last_read_id": "114000000000000000", "version": 3, "updated_at": "…"}},
    "The entity Marker by timeline.",
)


def create_router(desk: Desk) -> APIRouter:
    """Routes about notifications; those with fixed names come first."""
    router = APIRouter()
    for part in (
        _policy_routes,
        _request_routes,
        _notification_routes,
        _group_routes,
        _marker_routes,
    ):
        router.routes.extend(part(desk).routes)
    return router


def _notification_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix=_V1, tags=["notifications"])

    @router.get("", responses=_PAGE, openapi_extra=page_parameters())
    async def page(
        request: Request, caller: NotificationReader, window: paging.AccountWindow
    ) -> Response:
        """What the caller was told of: `types[]`, `exclude_types[]`, `account_id`."""
        wanted, first = _filter(request), ""
        for _ in range(MAX_EMPTY_PAGES):
            found = await desk.ask(
                "notifications", "notifications", caller, params=window.params() | wanted
            )
            shown = await render_notifications(desk, caller, found["notifications"])
            first = first or found["first"]
            if shown or not found["last"]:
                break
            window = next_window(window, found)
        links = paging.link_header(desk.at.public_url, request, first, found["last"])
        return json_response(b"[%b]" % b",".join(shown), links)

    @router.get("/unread_count", responses=_COUNT)
    async def unread(
        request: Request, caller: NotificationReader, window: paging.CountWindow
    ) -> OrjsonResponse:
        """How many the caller has not read."""
        asked = {"limit": str(window.limit)} | _filter(request)
        return OrjsonResponse(
            await desk.ask("notifications", "notifications/unread", caller, params=asked)
        )

    @router.post("/clear", responses=_DONE)
    async def clear(caller: NotificationWriter) -> OrjsonResponse:
        """Put all away."""
        return OrjsonResponse(
            await desk.ask("notifications", "notifications/clear", caller, method="POST")
        )

    @router.post("/dismiss", responses=_DONE, openapi_extra=request_body(id="string"))
    async def dismiss_named(request: Request, caller: NotificationWriter) -> OrjsonResponse:
        """Put one away that is named in the body, as old clients do."""
        return await _dismiss(desk, caller, (await read_params(request)).string("id"))

    @router.get("/{id}", responses=responses(description="The Notification."))
    async def one(id: Id, caller: NotificationReader) -> Response:
        """One of the caller's notifications."""
        found = await desk.ask("notifications", f"notifications/{numeric_id(id)}", caller)
        shown = await render_notifications(desk, caller, [found])
        if not shown:
            raise NotFound("Record not found")
        return json_response(shown[0])

    @router.post("/{id}/dismiss", responses=_DONE)
    async def dismiss(id: Id, caller: NotificationWriter) -> OrjsonResponse:
        """Put one away."""
        return await _dismiss(desk, caller, id)

    return router


def _group_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix=_V2, tags=["notifications"])

    @router.get("", responses=_GROUPS, openapi_extra=page_parameters())
    async def page(
        request: Request, caller: NotificationReader, window: paging.AccountWindow
    ) -> Response:
        """What the caller was told of, alike ones of a day together."""
        wanted, first = _filter(request) | _grouping(request), ""
        for _ in range(MAX_EMPTY_PAGES):
            params = window.params() | wanted
            found = await desk.ask("notifications", "groups", caller, params=params)
            shown, count = await _grouped_results(desk, request, caller, found["groups"])
            first = first or found["first"]
            if count or not found["last"]:
                break
            window = next_window(window, found)
        links = paging.link_header(desk.at.public_url, request, first, found["last"])
        return json_response(shown, links)

    @router.get("/unread_count", responses=_COUNT)
    async def unread(
        request: Request, caller: NotificationReader, window: paging.CountWindow
    ) -> OrjsonResponse:
        """In how many groups there is something that the caller has not read."""
        asked = {"limit": str(window.limit)} | _filter(request) | _grouping(request)
        return OrjsonResponse(
            await desk.ask("notifications", "groups/unread", caller, params=asked)
        )

    @router.get("/{group_key}", responses=_GROUPS)
    async def one(request: Request, group_key: Key, caller: NotificationReader) -> Response:
        """One group, whole."""
        found = await desk.ask("notifications", f"groups/{path_segment(group_key)}", caller)
        shown, count = await _grouped_results(desk, request, caller, found["groups"])
        if not count:
            raise NotFound("Record not found")
        return json_response(shown)

    @router.get("/{group_key}/accounts", responses=responses([], "A list of Account."))
    async def accounts(group_key: Key, caller: NotificationReader) -> Response:
        """Who is in a group, the newest first."""
        path = f"groups/{path_segment(group_key)}/accounts"
        ids: list[str] = await desk.ask("notifications", path, caller)
        people = await desk.people(ids)
        return json_response(desk.rendered.accounts(people[id] for id in ids if id in people))

    @router.post("/{group_key}/dismiss", responses=_DONE)
    async def dismiss(group_key: Key, caller: NotificationWriter) -> OrjsonResponse:
        """Put a whole group away."""
        path = f"groups/{path_segment(group_key)}/dismiss"
        return OrjsonResponse(await desk.ask("notifications", path, caller, method="POST"))

    return router


def _marker_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1/markers", tags=["notifications"])

    @router.get("", responses=_MARKERS)
    async def get(
        request: Request, caller: Annotated[Caller, Depends(require_user("read:statuses"))]
    ) -> OrjsonResponse:
        """How far the caller has read: `timeline[]`, `home` if nothing is said."""
        asked = params_of(request.query_params.multi_items()).strings("timeline") or ["home"]
        known = await desk.ask("notifications", "markers", caller)
        return OrjsonResponse(
            {name: _marker_entity(known[name]) for name in known if name in asked}
        )

    @router.post(
        "", responses=_MARKERS, openapi_extra=request_body(**dict.fromkeys(TIMELINES, "object"))
    )
    async def move(
        request: Request, caller: Annotated[Caller, Depends(require_user("write:statuses"))]
    ) -> OrjsonResponse:
        """Say how far the caller has read: `home[last_read_id]`, `notifications[last_read_id]`."""
        body = await read_params(request)
        read = {name: body.nested(name).optional_string("last_read_id") for name in TIMELINES}
        moved = {name: {"last_read_id": normalize_id(id)} for name, id in read.items() if id}
        known = await desk.ask("notifications", "markers", caller, method="POST", json=moved)
        return OrjsonResponse({name: _marker_entity(row) for name, row in known.items()})

    return router


def _policy_routes(_: Desk) -> APIRouter:
    """Nothing is held back for the caller to allow, and nothing can be."""
    router = APIRouter(tags=["notifications"])
    _add_policy_routes(
        router, _V1, entities.POLICY_V1, "boolean", lambda asked, rule: asked.boolean(rule)
    )
    _add_policy_routes(
        router,
        _V2,
        entities.POLICY,
        "string",
        lambda asked, rule: asked.get(rule) in ("filter", "drop"),
    )
    return router


def _add_policy_routes(
    router: APIRouter,
    version: str,
    policy: dict[str, Any],
    kind: str,
    holds_back: Callable[[RequestParams, str], bool | None],
) -> None:
    """The policy in the shape of one version of the API; `kind` is the type of each rule."""
    rules = [name for name in policy if name != "summary"]
    body, gives_it = (
        request_body(**dict.fromkeys(rules, kind)),
        responses(policy, "Nothing is held back."),
    )

    @router.get(f"{version}/policy", responses=gives_it, dependencies=_REQUIRE_READ)
    async def render_notifications() -> OrjsonResponse:
        """What is held back: nothing."""
        return OrjsonResponse(policy)

    @router.put(
        f"{version}/policy", responses=gives_it, dependencies=_REQUIRE_WRITE, openapi_extra=body
    )
    @router.patch(
        f"{version}/policy", responses=gives_it, dependencies=_REQUIRE_WRITE, openapi_extra=body
    )
    async def change(request: Request) -> OrjsonResponse:
        """Only what is so already can be asked for. Words that are not Mastodon's do nothing."""
        asked = await read_params(request)
        if any(holds_back(asked, rule) for rule in rules):
            raise Invalid("Holding notifications back is not offered.")
        return OrjsonResponse(policy)


def _request_routes(_: Desk) -> APIRouter:
    """What waits for the caller to allow it: nothing."""
    router = APIRouter(tags=["notifications"])

    @router.get(f"{_V1}/requests", responses=responses([]), dependencies=_REQUIRE_READ)
    async def requests() -> OrjsonResponse:
        """Whose notifications are held back: nobody's."""
        return OrjsonResponse([])

    @router.get(f"{_V1}/requests/merged", responses=responses({}), dependencies=_REQUIRE_READ)
    async def merged() -> OrjsonResponse:
        """Whether those that were let in are in the list: there are none that are not."""
        return OrjsonResponse({"merged": True})

    @router.post(f"{_V1}/requests/accept", responses=_DONE, dependencies=_REQUIRE_WRITE)
    @router.post(f"{_V1}/requests/dismiss", responses=_DONE, dependencies=_REQUIRE_WRITE)
    async def answer_many(request: Request) -> OrjsonResponse:
        """Answer some: there are none."""
        if (await read_params(request)).strings("id"):
            raise NotFound("Record not found")
        return OrjsonResponse({})

    @router.get(f"{_V1}/requests/{{id}}", responses=responses({}), dependencies=_REQUIRE_READ)
    @router.post(f"{_V1}/requests/{{id}}/accept", responses=_DONE, dependencies=_REQUIRE_WRITE)
    @router.post(f"{_V1}/requests/{{id}}/dismiss", responses=_DONE, dependencies=_REQUIRE_WRITE)
    async def one(id: Id) -> OrjsonResponse:
        """One of none."""
        raise NotFound("Record not found")

    return router


# ── parts ───────────────────────────────────────────────────────────────────────────────────────


async def _dismiss(desk: Desk, caller: Caller, id: str) -> OrjsonResponse:
    path = f"notifications/{numeric_id(id)}/dismiss"
    return OrjsonResponse(await desk.ask("notifications", path, caller, method="POST"))


async def render_notifications(desk: Desk, caller: Caller, rows: Sequence[Row]) -> list[bytes]:
    """Notifications as entities; without those whose post or person the caller cannot see."""
    people, views = await notification_context(
        desk, caller, [row["account"] for row in rows], [row["post"] for row in rows]
    )
    cards = await desk.cards(list(views.values()))
    shown = []
    for row in rows:
        view = views.get(row["post"])
        if row["account"] not in people or (row["post"] and view is None):
            continue
        body = orjson.dumps(entities.notification(Notification.model_validate(row)))[:-1]
        account = desk.rendered.account(people[row["account"]])
        status = b"null"
        if view is not None:
            status = desk.rendered.status(view, people, cards)
        shown.append(b'%b,"account":%b,"status":%b}' % (body, account, status))
    return shown


async def _grouped_results(
    desk: Desk, request: Request, caller: Caller, rows: Sequence[Row]
) -> tuple[bytes, int]:
    """The entity GroupedNotificationsResults, and how many groups are in it.

    All accounts are shown in full, also where a client could do with less of some of them.
    """
    sampled = [id for row in rows for id in row["accounts"]]
    people, views = await notification_context(desk, caller, sampled, [row["post"] for row in rows])
    groups = []
    for row in rows:
        accounts = [id for id in row["accounts"] if id in people]
        if accounts and (not row["post"] or row["post"] in views):
            source = NotificationGroup.model_validate({**row, "accounts": accounts})
            groups.append(entities.group(source))
    seen = {id for group in groups for id in group["sample_account_ids"]}
    posts = {group["status_id"] for group in groups}
    shown = [views[id] for id in views if id in posts]
    parts = {
        "accounts": desk.rendered.accounts(people[id] for id in people if id in seen),
        "statuses": desk.rendered.statuses(shown, people, await desk.cards(shown)),
        "notification_groups": orjson.dumps(groups),
    }
    if request.query_params.get("expand_accounts") == "partial_avatars":
        parts["partial_accounts"] = b"[]"
    body = b",".join(b'"%b":%b' % (name.encode(), part) for name, part in parts.items())
    return b"{%b}" % body, len(groups)


async def notification_context(
    desk: Reader, caller: Caller, accounts: Iterable[str], posts: Iterable[str | None]
) -> tuple[dict[str, Row], dict[str, Row]]:
    """People and posts by id, asked for together: two calls.

    A post is the caller's own or of somebody who is among the accounts. Nothing of who is suspended
    is among them.
    """
    wanted = list(dict.fromkeys(id for id in posts if id))
    people = list(dict.fromkeys([*accounts, *([caller.user_id] if wanted else [])]))
    rows, views = await gather_all(desk.people(people), _views(desk, caller, wanted))
    found = {id: row for id, row in rows.items() if not row["profile"]["suspended"]}
    return found, {view["post"]["id"]: view for view in views if view["post"]["author"] in found}


async def _views(desk: Reader, caller: Caller, ids: Sequence[str]) -> list[Row]:
    if not ids:
        return []
    views: list[Row] = await desk.ask("posts", "notified", caller, params={"ids": ",".join(ids)})
    return views


def _marker_entity(row: Row) -> dict[str, Any]:
    return entities.marker(Marker.model_validate(row))


def _filter(request: Request) -> dict[str, str]:
    """What of the address chooses among notifications, for the service's address.

    Who wants nothing but types that are not known here gets nothing.
    """
    query = params_of(request.query_params.multi_items())
    account = query.string("account_id")
    named = {name: _names(query.get(name)) for name in ("types", "exclude_types")}
    chosen = {name: _known_types(names) for name, names in named.items() if names}
    return chosen | ({"account_id": numeric_id(account)} if account else {})


def _grouping(request: Request) -> dict[str, str]:
    """Which types are to be grouped: all where nothing is said, none with an empty list."""
    query = params_of(request.query_params.multi_items())
    if "grouped_types" not in query:
        return {}
    return {"grouped_types": _known_types(_names(query["grouped_types"]))}


def _names(value: Any) -> set[str]:
    """The names in a list, or in texts that hold lists: as JSON, or separated by commas."""
    items = value if isinstance(value, list) else [value]
    return {name for item in items if isinstance(item, str) for name in _NAME.findall(item)}


def _known_types(names: set[str]) -> str:
    """Those of some types that there are here, for the service's address.

    Others do nothing, as in Mastodon: clients name all types that any server has.
    """
    return ",".join(sorted(TYPES & names))


def next_window(window: Window, found: Mapping[str, Any]) -> Window:
    """The window that goes on where a page ends."""
    if window.ascending:
        return Window(window.limit, window.max_id, window.since_id, found["first"])
    return Window(window.limit, found["last"], window.since_id, window.min_id)
