"""The verb `demo`: finds the system, fills it with progress output, and prints a login."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools.demo.api_client import DemoApiClient
from tools.demo.dataset import MAX_PEOPLE, PASSWORD, DemoDataset
from tools.demo.seeder import DemoSeeder
from tools.demo.shop_seeder import ShopSeeder
from tools.runner.config.paths import RunDir
from tools.runner.errors import RunnerError


def fill_demo(run: RunDir, people: int, port: int | None) -> int:
    """Fill a running system; return 0 when everything exists."""
    if not 2 <= people <= MAX_PEOPLE:
        raise RunnerError(f"a demo has from 2 to {MAX_PEOPLE} people")
    base, key = _found(run, port)
    console = Console()
    play, market = asyncio.run(_fill(base, key, people, console))
    names = [known.person.username for _, known in sorted(play.known.items())]
    console.print(
        f"{len(names)} people, their {len(play.posts)} photos and {len(market.products)} products "
        f"are at {base}; {play.made} posts and comments and {market.orders} orders are new."
    )
    console.print(f"Log in as {names[0]}, {names[1]} or another; the password is {PASSWORD}")
    return 0


def _found(run: RunDir, port: int | None) -> tuple[str, str]:
    """Return the address of the gateway, and the token that lifts its limits for a local system."""
    state = run.read_state()
    row = next((r for r in state["services"] if r["app_id"] == "gateway"), None) if state else None
    if state and row and (port is None or str(state["gateway"]).endswith(f":{port}")):
        return str(state["gateway"]), str(state["tokens"][row["service"]]["app"])
    if port is None:
        raise RunnerError("nothing is running: start it with ./tye-like-run.sh, or say --port")
    return f"http://127.0.0.1:{port}", ""


async def _fill(
    base: str, key: str, people: int, console: Console
) -> tuple[DemoSeeder, ShopSeeder]:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:

        def shown(label: str, total: int) -> Callable[[], None]:
            task = progress.add_task(label, total=total)
            return lambda: progress.advance(task)

        async with DemoApiClient(base, key, say=progress.console.print) as client:
            cast = DemoDataset(people)
            play = DemoSeeder(client, cast, shown)
            market = ShopSeeder(client, cast, play)
            try:
                await play.run()
                await market.run()
            except BaseExceptionGroup as group:
                raise _first(group) from None
    return play, market


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
