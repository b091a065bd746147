"""Where the people of a benchmark come from: registration, or a file of their tokens.

`python -m bench.accounts URL 224 > tokens.txt` writes such a file. Servers that want every account
to be confirmed by an administrator are measured with it: docs/benchmark.md says how.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import Progress

from bench.api_client import BenchClient, BenchPerson
from bench.progress import for_each, progress_bar

_CONCURRENCY = 6


class Accounts(Protocol):
    """A source of people who are nobody's followers yet."""

    async def take(
        self, client: BenchClient, count: int, progress: Progress
    ) -> list[BenchPerson]: ...


class RegisteredAccounts:
    """Registers people through the public API."""

    async def take(self, client: BenchClient, count: int, progress: Progress) -> list[BenchPerson]:
        token, prefix = await client.app_token(), _prefix()

        async def register(number: int) -> BenchPerson:
            return await client.register(f"{prefix}{number}", token)

        return await for_each(progress, "registering", range(count), register, _CONCURRENCY)


class TokenFile:
    """People whose tokens are in a file: the first word of each line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tokens = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]

    async def take(self, client: BenchClient, count: int, progress: Progress) -> list[BenchPerson]:
        """Raises ValueError if the file has too few tokens."""
        if count > len(self._tokens):
            raise ValueError(f"{self._path} lacks {count - len(self._tokens)} tokens.")
        taken, self._tokens = self._tokens[:count], self._tokens[count:]
        return await for_each(progress, "looking up people", taken, client.person, _CONCURRENCY)


def _prefix() -> str:
    return f"b{secrets.token_hex(3)}_"


async def _sign_up(url: str, count: int, progress: Progress) -> list[str]:
    """Return a line with token and name for each new account."""
    async with BenchClient(url) as client:
        app_token, prefix = await client.app_token(), _prefix()

        async def sign_up(number: int) -> str:
            name = f"{prefix}{number}"
            return f"{await client.sign_up(name, app_token)} {name}"

        return await for_each(progress, "signing up", range(count), sign_up, _CONCURRENCY)


def main(arguments: Sequence[str]) -> int:
    """Sign up people, and print a line for each."""
    if len(arguments) != 2:
        print("usage: python -m bench.accounts URL COUNT > tokens.txt", file=sys.stderr)
        return 2
    url, count = arguments
    with progress_bar(Console(stderr=True)) as progress:
        lines = asyncio.run(_sign_up(url, int(count), progress))
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
