"""How fields ask the other services: together, one invocation for each service and level.

Whatever is asked of one service before the event loop comes round is one invocation: people by id
and stances by id in one question each, everything else as it is, several questions in one bundle
(`chassis/bundles`). What was asked is remembered for as long as the operation lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from strawberry.dataloader import DataLoader

from services.chassis.errors import ServiceError, from_status
from services.chassis.http import batch
from services.chassis.security.token_verifier import Caller
from services.gateway.desk import Desk
from services.gateway.entities.rendered import Row

_AT_ONCE = 80  # ids in one address


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a service; `body` is JSON, empty for none."""

    path: str
    params: tuple[tuple[str, str], ...] = ()
    method: str = "GET"
    body: bytes = b""
    anonymous: bool = False

    def as_part(self) -> dict[str, Any]:
        """As a part of a bundle."""
        return {
            "method": self.method,
            "path": self.path,
            "params": dict(self.params),
            "body": orjson.loads(self.body) if self.body else None,
            "anonymous": self.anonymous,
        }


@dataclass(frozen=True, slots=True)
class ById:
    """A document that is asked for with others of its kind: person, stance, post or product."""

    kind: str
    id: str


Key = Question | ById


class Reads:
    """What one operation asks, as one caller."""

    def __init__(self, desk: Desk, caller: Caller | None) -> None:
        self._desk = desk
        self._caller = caller
        self._loaders: dict[str, DataLoader[Key, Any]] = {}

    def forget(self) -> None:
        """Ask everything anew from here on: something was changed."""
        self._loaders = {}

    async def ask(
        self,
        app: str,
        path: str,
        caller: Caller | None = None,
        *,
        method: str = "GET",
        json: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """As `Desk.ask`, for what changes nothing. `caller` is this one or nobody."""
        body = b"" if json is None else orjson.dumps(json)
        question = Question(
            path, tuple((params or {}).items()), method, body, anonymous=caller is None
        )
        return await self._loader(app).load(question)

    async def people(self, ids: Sequence[str]) -> dict[str, Row]:
        """As `Desk.people`."""
        return await self._some("users", "person", ids)

    async def stances(self, ids: Sequence[str]) -> dict[str, Row]:
        """How the caller stands to some people."""
        return await self._some("users", "stance", ids)

    async def posts(self, ids: Sequence[str]) -> dict[str, Row]:
        """Those of some posts that the caller may see."""
        return await self._some("posts", "post", ids)

    async def products(self, ids: Sequence[str]) -> dict[str, Row]:
        """Those of some products that the caller may see."""
        return await self._some("catalog", "product", ids)

    def know(self, people: Mapping[str, Row]) -> None:
        """Remember people who came with something else."""
        keys: dict[Key, Any] = {ById("person", id): row for id, row in people.items()}
        self._loader("users").prime_many(keys)

    async def _some(self, app: str, kind: str, ids: Sequence[str]) -> dict[str, Row]:
        wanted = list(dict.fromkeys(ids))
        rows = await self._loader(app).load_many([ById(kind, id) for id in wanted])
        return {id: row for id, row in zip(wanted, rows, strict=True) if row is not None}

    def _loader(self, app: str) -> DataLoader[Key, Any]:
        if app not in self._loaders:

            async def load(keys: list[Key]) -> Sequence[Any]:
                return await self._load(app, keys)

            self._loaders[app] = DataLoader(load)
        return self._loaders[app]

    async def _load(self, app: str, keys: list[Key]) -> list[Any]:
        """What a service says to some questions, a `ServiceError` where it refuses one."""
        plan = _planned(keys)
        questions = list(dict.fromkeys(plan.values()))
        parts = [
            questions[at : at + batch.MAX_ITEMS] for at in range(0, len(questions), batch.MAX_ITEMS)
        ]
        answered = await asyncio.gather(*(self._invoke(app, part) for part in parts))
        answers = {question: answer for part in answered for question, answer in part.items()}
        rows: dict[Question, Any] = {}
        for key in keys:
            question = plan[key]
            if isinstance(key, ById) and question not in rows:
                rows[question] = _by_id(key.kind, answers[question])
        return [_pick(key, rows.get(plan[key], answers[plan[key]])) for key in keys]

    async def _invoke(self, app: str, questions: Sequence[Question]) -> dict[Question, Any]:
        if len(questions) == 1:
            return {questions[0]: await self._alone(app, questions[0])}
        body = {"questions": [question.as_part() for question in questions]}
        answers = await self._desk.ask(app, batch.PATH[1:], self._caller, method="POST", json=body)
        return {
            question: _answer(answer) for question, answer in zip(questions, answers, strict=True)
        }

    async def _alone(self, app: str, question: Question) -> Any:
        asking: Awaitable[Any] = self._desk.ask(
            app,
            question.path,
            None if question.anonymous else self._caller,
            method=question.method,
            json=orjson.loads(question.body) if question.body else None,
            params=dict(question.params),
        )
        try:
            return await asking
        except ServiceError as failure:
            return failure


def _planned(keys: Sequence[Key]) -> dict[Key, Question]:
    """The question that each key belongs to: ids of one kind go together."""
    plan: dict[Key, Question] = {key: key for key in keys if isinstance(key, Question)}
    kinds: dict[str, list[ById]] = {}
    for key in keys:
        if isinstance(key, ById):
            kinds.setdefault(key.kind, []).append(key)
    for kind, wanted in kinds.items():
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            plan |= dict.fromkeys(part, _question(kind, [key.id for key in part]))
    return plan


def _question(kind: str, ids: Sequence[str]) -> Question:
    if kind == "post":
        return Question("posts/views", method="POST", body=orjson.dumps({"ids": ids}))
    if kind == "product":
        return Question("products", (("ids", ",".join(ids)),))
    if kind == "stance":
        return Question("relationships", (("ids", ",".join(ids)),))
    return Question("accounts", (("ids", ",".join(ids)),), anonymous=True)


def _answer(answer: dict[str, Any]) -> Any:
    """What a part of a bundle says, or the `ServiceError` that it is."""
    body = answer["body"]
    if answer["status"] < 400:
        return body
    said = body if isinstance(body, dict) else {}
    details = {name: value for name, value in said.items() if name not in ("code", "message")}
    message = str(said.get("message", "Record not found"))
    return from_status(answer["status"], message, said.get("code"), **details)


def _by_id(kind: str, answer: Any) -> Any:
    """The rows of an answer by their ids; a `ServiceError` as it is."""
    if isinstance(answer, ServiceError) or kind == "person":
        return answer
    if kind == "product":
        return {row["product"]["id"]: row for row in answer["products"]}
    return {row["post"]["id"] if kind == "post" else row["id"]: row for row in answer}


def _pick(key: Key, answer: Any) -> Any:
    if isinstance(key, Question) or isinstance(answer, ServiceError):
        return answer
    return answer.get(key.id)
