"""Lists and replays the events that services could not handle."""

import asyncio
import json
from typing import Any

from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError
from tools.runner.http_client import call_service

Row = tuple[str, dict[str, Any]]


def list_or_replay(run: RunDir, app: str | None, replay: bool) -> int:
    """Print the dead letters of one service or of all, or deliver them again."""
    state = run.read_state()
    if not state:
        raise RunnerError("nothing is running: start it with ./tye-like-run.sh")
    services = [row for row in state["services"] if row["service"] == row["app_id"]]
    chosen = [row for row in services if app in (None, row["app_id"])]
    if not chosen:
        known = ", ".join(row["app_id"] for row in services)
        raise RunnerError(f'there is no service "{app}" (known: {known})')
    answers = asyncio.run(_ask_all(state, chosen, replay))
    if replay:
        for name, answer in answers.items():
            print(f"{name}: {json.dumps(answer)}")
    else:
        _print([(name, item) for name, answer in answers.items() for item in letters_in(answer)])
    return 0


async def _ask_all(
    state: dict[str, Any], services: list[dict[str, Any]], replay: bool
) -> dict[str, Any]:
    names = [row["app_id"] for row in services]
    answers = await asyncio.gather(*(_ask(state, row, replay) for row in services))
    # A service without dead letters has no such route; that is fine if all are asked.
    known = {n: answer for n, answer in zip(names, answers, strict=True) if answer is not None}
    if not known and len(names) == 1:
        raise RunnerError(f"{names[0]} has no dead letters: it handles no events")
    return known


async def _ask(state: dict[str, Any], row: dict[str, Any], replay: bool) -> Any:
    name = row["app_id"]
    path = f"/v1.0/invoke/{name}/method/deadletters"
    token = {"dapr-api-token": state["tokens"][row["service"]]["sidecar"]}
    verb, path = ("POST", f"{path}/replay") if replay else ("GET", path)
    status, body = await call_service(name, row["sidecar_port"], path, verb, token, accepted=404)
    if status == 404:
        return None
    return json.loads(body or b"null")


def letters_in(answer: Any) -> list[dict[str, Any]]:
    """Return the messages of an answer: a list, or an object with one list in it."""
    if isinstance(answer, dict):
        answer = next((value for value in answer.values() if isinstance(value, list)), [])
    return [item for item in answer or [] if isinstance(item, dict)]


def _print(rows: list[Row]) -> None:
    if not rows:
        print("no dead letters")
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    columns = list(dict.fromkeys(key for _, item in rows for key in item))
    table = Table("service", *columns, box=box.SIMPLE_HEAD)
    for name, item in rows:
        table.add_row(name, *(_cell(item.get(column)) for column in columns))
    Console().print(table)


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
