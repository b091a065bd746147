"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.scenarios import CHECKOUT, COMPOSE, PICTURE, SCENARIOS
from bench.system import SystemOptions

SCALING_SIZES = (10, 100, 1_000, 10_000)
CHECKOUTS = 192

_DESCRIPTION = """\
Starts a system of its own, fills it with people who follow each other, measures it, and takes it
down. What each figure means: docs/benchmark.md.
"""


@dataclass(frozen=True)
class BenchOptions:
    """The options of a run."""

    system: SystemOptions
    edges: Path | None
    people: int
    posts: int
    kinds: tuple[str, ...]
    in_flight: tuple[int, ...]
    seconds: float
    rounds: int
    fan_outs: int
    checkouts: int
    by_service: bool
    growth: tuple[int, ...]
    hops: bool
    compare: str
    """The address of another server; empty for none."""
    pids: tuple[int, ...]
    """Its processes; their children count, too."""
    tokens: Path | None
    seed: int
    strict: bool
    json: Path | None


def parse(arguments: list[str]) -> BenchOptions:
    """Return the options of a command line; exits with a message for an invalid one."""
    parser = _parser()
    given = parser.parse_args(arguments)
    is_running = bool(given.url or given.running)
    left_out = {PICTURE, CHECKOUT} if is_running else {PICTURE}
    kinds = given.kinds or tuple(kind for kind in SCENARIOS if kind not in left_out)
    if given.pictures and PICTURE not in kinds:
        kinds = (*kinds, PICTURE)
    if is_running and CHECKOUT in kinds:
        parser.error(f"{CHECKOUT} needs a system of the benchmark's own, with its bare workflow")
    if bool(given.compare) != bool(given.pids):
        parser.error("--compare needs --pids, and the other way round")
    return BenchOptions(
        system=SystemOptions(
            given.url,
            given.running,
            given.components,
            given.replicas,
            given.keep,
            CHECKOUT in kinds and not (given.growth or given.hops),
        ),
        edges=given.edges,
        people=given.people,
        posts=given.posts,
        kinds=kinds,
        in_flight=given.in_flight,
        seconds=given.seconds,
        rounds=given.rounds,
        fan_outs=given.fan_outs,
        checkouts=given.checkouts,
        by_service=given.by_service,
        growth=given.growth,
        hops=given.hops,
        compare=given.compare,
        pids=given.pids,
        tokens=given.tokens,
        seed=given.seed,
        strict=given.strict,
        json=given.json,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./tye-like-run.sh bench", description=_DESCRIPTION)
    graph = parser.add_argument_group("who is there")
    graph.add_argument("--edges", type=Path, metavar="FILE", help="a graph, `a b` a line")
    graph.add_argument(
        "--people", type=_at_least(0), default=200, help="the best connected so many (200; 0: all)"
    )
    graph.add_argument("--posts", type=_at_least(1), default=10, help="of each person (10)")
    graph.add_argument("--seed", type=int, default=1, help="of all that is drawn (1)")
    what = parser.add_argument_group("what is measured")
    what.add_argument("--kinds", type=_kinds, metavar="A,B", help=f"of {', '.join(SCENARIOS)}")
    what.add_argument("--pictures", action="store_true", help=f"{COMPOSE} with a picture too")
    what.add_argument("--in-flight", type=_numbers, default=(1, 16), metavar="N,M", help="(1,16)")
    what.add_argument("--seconds", type=float, default=6.0, help="for each cell, in all (6)")
    what.add_argument("--rounds", type=_at_least(1), default=3, help="turns of each cell (3)")
    what.add_argument("--fan-outs", type=_at_least(0), default=5, help="posts that are timed (5)")
    what.add_argument(
        "--checkouts", type=_at_least(1), default=CHECKOUTS, help=f"orders in all ({CHECKOUTS})"
    )
    what.add_argument(
        "--by-service",
        action="store_true",
        help="the processor time of each service and each sidecar",
    )
    what.add_argument(
        "--growth",
        type=_sizes,
        nargs="?",
        const=SCALING_SIZES,
        default=(),
        metavar="N,M",
        help="instead: what home and post cost with so many followers (10,100,1000,10000)",
    )
    what.add_argument(
        "--hops",
        action="store_true",
        help="instead: the same request without a sidecar, through one, and through two",
    )
    other = parser.add_argument_group("beside which other server")
    other.add_argument("--compare", default="", metavar="URL", help="of the same client API")
    other.add_argument("--pids", type=_pids, default=(), metavar="A,B", help="its processes")
    other.add_argument(
        "--tokens", type=Path, metavar="FILE", help="of its people, a line each (else: register)"
    )
    system = parser.add_argument_group("which system")
    system.add_argument("--components", default="", metavar="NAME", help="the set to start")
    system.add_argument("--replicas", default="", metavar="A=N", help="more than one of a kind")
    system.add_argument("--running", type=Path, metavar="DIR", help="one that runs: its run dir")
    system.add_argument("--url", default="", help="one that runs: its gateway (no costs, then)")
    system.add_argument("--keep", action="store_true", help="leave the system running afterwards")
    end = parser.add_argument_group("at the end")
    end.add_argument("--strict", action="store_true", help="fail where a target is missed")
    end.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"at least {least}, not {text}")
        return int(text)

    return number


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(part) for part in text.split(","))
    if not all(1 <= size <= 100_000 for size in sizes):
        raise argparse.ArgumentTypeError("numbers from 1 to 100,000")
    return sizes


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if not all(1 <= number <= 1024 for number in numbers):
        raise argparse.ArgumentTypeError("numbers from 1 to 1024")
    return numbers


def _pids(text: str) -> tuple[int, ...]:
    pids = tuple(int(part) for part in text.split(","))
    gone = [str(pid) for pid in pids if not psutil.pid_exists(pid)]
    if gone:
        raise argparse.ArgumentTypeError(f"no such process: {', '.join(gone)}")
    return pids


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(part.strip() for part in text.split(","))
    unknown = [kind for kind in kinds if kind not in SCENARIOS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(unknown)} (of {', '.join(SCENARIOS)})"
        )
    return kinds
