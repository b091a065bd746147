"""The page about Dapr: components, subscriptions, events on their way, dead letters, workflows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tools.dashboard.api import sources_of
from tools.dashboard.queries.dapr import (
    ComponentRow,
    DeadLetterList,
    DeadLetterRow,
    FlowRow,
    SubscriptionRow,
    list_components,
    list_dead_letters,
    list_flows,
    list_outbox,
    list_subscriptions,
    list_workflows,
    replay_dead_letters,
)
from tools.dashboard.web.logs_page import as_text
from tools.dashboard.web.renderer import READ_ONLY, DashboardRenderer
from tools.dashboard.web.sections import read_sections

MAX_LETTERS = 50
"""How many dead letters of one service are shown; the number of all is."""


@dataclass(frozen=True)
class ComponentSummary:
    """A component in all sidecars: who loaded it, and the rows of those that did not."""

    name: str
    type: str
    version: str
    loaded: tuple[str, ...]
    others: tuple[ComponentRow, ...]


@dataclass(frozen=True)
class TopicSummary:
    """A topic, and the services that consume it, with the dead-letter topic of each."""

    component: str
    topic: str
    consumers: tuple[SubscriptionRow, ...]


@dataclass(frozen=True)
class LetterBox:
    """The dead letters of one service, newest first."""

    service: str
    count: int
    letters: tuple[DeadLetterRow, ...]


async def show_dapr(pages: DashboardRenderer, request: Request) -> Response:
    """Each part is read by itself: one that fails says so, and the others are shown."""
    sources = sources_of(request)
    parts = await read_sections(
        components=list_components(sources),
        subscriptions=list_subscriptions(sources),
        flows=list_flows(sources),
        outbox=list_outbox(sources),
        letters=list_dead_letters(sources),
        workflows=list_workflows(sources),
    )
    return pages.render(
        request,
        "dapr",
        here="dapr",
        parts=parts,
        components=list(summarize_components(parts["components"].content or ())),
        topics=list(summarize_topics(parts["subscriptions"].content or ())),
        boxes=list(letter_boxes(parts["letters"].content)),
        flows=sorted(parts["flows"].content or (), key=_is_at_rest),
        outbox=sorted(parts["outbox"].content or (), key=lambda row: not row.pending),
        replay=_replay_result(request),
        as_text=as_text,
    )


async def send_replay(pages: DashboardRenderer, request: Request) -> Response:
    """Deliver the dead letters of a service again, and lead back. Raises RunnerError."""
    if pages.is_read_only:
        raise HTTPException(403, READ_ONLY)
    found = await replay_dead_letters(sources_of(request), request.path_params["service"])
    counts = {"replayed": found.get("replayed", 0), "failed": len(found.get("failed", ()))}
    return RedirectResponse(f"/dapr?{urlencode(counts)}#dead-letters", 303)


def _is_at_rest(row: FlowRow) -> bool:
    return not (row.lag or row.not_ok_per_second or row.handled_per_second)


def _replay_result(request: Request) -> str:
    """Return what became of a replay that led here."""
    replayed, failed = (request.query_params.get(name, "") for name in ("replayed", "failed"))
    if not (replayed.isdecimal() and failed.isdecimal()):
        return ""
    return (
        f"{int(replayed[:9]):,} of the dead letters were handled, {int(failed[:9]):,} failed again."
    )


def summarize_components(rows: Iterable[ComponentRow]) -> Iterator[ComponentSummary]:
    """Yield each component once, those that a sidecar did not load first."""
    by_name: dict[tuple[str, str], list[ComponentRow]] = {}
    for row in rows:
        by_name.setdefault((row.name, row.type), []).append(row)
    found = [_summary(name, type_, each) for (name, type_), each in by_name.items()]
    yield from sorted(found, key=lambda each: (not each.others, each.name, each.type))


def _summary(name: str, type_: str, rows: list[ComponentRow]) -> ComponentSummary:
    loaded = tuple(sorted(row.process for row in rows if row.state == "loaded"))
    others = tuple(row for row in rows if row.state != "loaded")
    return ComponentSummary(name, type_, next((row.version for row in rows), ""), loaded, others)


def summarize_topics(rows: Iterable[SubscriptionRow]) -> Iterator[TopicSummary]:
    """Yield each topic with its consumers."""
    by_topic: dict[tuple[str, str], list[SubscriptionRow]] = {}
    for row in rows:
        by_topic.setdefault((row.component, row.topic), []).append(row)
    for component, topic in sorted(by_topic):
        consumers = sorted(by_topic[component, topic], key=lambda row: row.process)
        yield TopicSummary(component, topic, tuple(consumers))


def letter_boxes(found: DeadLetterList | None) -> Iterator[LetterBox]:
    """Yield the dead letters of each service that has some."""
    by_service: dict[str, list[DeadLetterRow]] = {}
    for letter in found.letters if found else ():
        by_service.setdefault(letter.service, []).append(letter)
    for service, letters in sorted(by_service.items()):
        yield LetterBox(service, len(letters), tuple(letters[:MAX_LETTERS]))
