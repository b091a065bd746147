"""Lists and replays the events that services could not handle."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from tools.runner.commands.operator_client import OperatorClient
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError

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
    clients = [OperatorClient.of(run, state, row) for row in chosen]
    answers = asyncio.run(_ask_all(clients, replay))
    if replay:
        for name, answer in answers.items():
            print(f"{name}: {json.dumps(answer)}")
    else:
        _print([(name, item) for name, answer in answers.items() for item in letters_in(answer)])
    return 0


async def _ask_all(clients: Sequence[OperatorClient], replay: bool) -> dict[str, Any]:
    answers = await asyncio.gather(*(_ask(client, replay) for client in clients))
    return {client.app_id: answer for client, answer in zip(clients, answers, strict=True)}


async def _ask(client: OperatorClient, replay: bool) -> Any:
    path, method = ("deadletters/replay", "POST") if replay else ("deadletters", "GET")
    _, content = await client.call(path, method)
    return content


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
