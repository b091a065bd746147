"""Makes docs/components.md of the committed results and of the component sets."""

from __future__ import annotations

from collections.abc import Iterable

from tools.matrix.results import BenchResult, Results, SetResult, SuiteResult
from tools.runner.config.component_traps import unsafe_types
from tools.runner.config.components import component_type, load_set, set_names
from tools.runner.config.paths import REPO

PAGE = REPO / "docs" / "components.md"
_REFERENCE = "embedded"
_NOTHING = "-"
_SUITE_HEAD = ("set", "state", "pub/sub", "secrets", "contract", "e2e")
_SPEED_HEAD = ("set", "compose", "each", "home-miss", "each", "memory", "other programs")

_ABOUT = """\
# Component sets
Made by `./tye-like-run.sh test --matrix`, from what ran: `docs/components.json` has the counts.
[Operating](operating.md#component-sets) tells how to use a set, and how to make one.

"""
_SUITES = """
`contract` are the suites of `tests/contract` that run on real sidecars: state, pub/sub, workflows,
secrets and blobs, invocation, resiliency. `e2e` is all of `tests/e2e`, by the routes of people and
their clients. A number is of tests that passed, of all that ran. Not run means not claimed.
Skipped are tests of what a set does not have, and those of gRPC, which is off.

Every set keeps pictures in a folder. Pictures in S3 have a contract test of their own: Dapr's
component works against an S3 server in memory (`tests/contract/test_s3_blobs.py`). It has seen no
other server. Secrets are in a file or in the environment of each sidecar. On
Kubernetes they are Kubernetes Secrets, one for each service, mounted as a file for its sidecar
([Kubernetes](kubernetes.md)): Dapr's own component would need a token that reads Secrets.

Kafka is the one that Maven fetches (46 MB). It began in 14 to 47 s on a busy machine, and took 270
MB. All services share one login at it, so only their sidecars keep their topics apart.

"""
_SPEED = """## Speed
A short benchmark of each set: 50 people, 16 requests in flight. `compose` writes a post, and
`home-miss` reads a home page from its service. Requests a second are relative to `embedded`, both
as a share of the floor of the same run: a request that touches neither store nor broker. **f** is
the processor time of that request. Small differences mean nothing: other programs ran meanwhile,
in the share of the machine that is named.

"""
_TRAPS = """## Traps
What each component does wrong by default, and what closes it, is in
[the notes on Dapr](dapr-notes.md). The runner refuses a set whose settings would lose or double
messages or documents, with the reason (`tools/runner/config/component_traps.py`). It refuses these
types, whatever their settings:

"""


def page(results: Results) -> str:
    """Return the page on all sets; those without results are named as not run."""
    rows = [_suite_row(name, results.get(name, SetResult())) for name in set_names()]
    speed = [_bench_row(name, each, results) for name, each in sorted(results.items())]
    unsafe = [f"- `{kind}`: {why}.\n" for kind, why in sorted(unsafe_types().items())]
    parts = [_ABOUT, _table(_SUITE_HEAD, rows), _SUITES]
    if any(speed):
        parts += [_SPEED, _table(_SPEED_HEAD, filter(None, speed)), "\n"]
    parts += [_TRAPS, *unsafe]
    return "".join(parts)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _suite_row(name: str, result: SetResult) -> tuple[str, ...]:
    types = {
        str(each["metadata"]["name"]): component_type(each)
        for each in load_set(name)
        if each["kind"] == "Component"
    }
    shown = [types[part].partition(".")[2] for part in ("statestore", "pubsub", "secretstore")]
    suites = [_counts(result.suites.get(suite)) for suite in ("contract", "e2e")]
    return (f"`{name}`", *shown, *suites)


def _counts(result: SuiteResult | None) -> str:
    if result is None:
        return "not run"
    ran = result.passed + result.failed
    skipped = f", {result.skipped} skipped" if result.skipped else ""
    return f"{result.passed} of {ran}{skipped} ({result.at})"


def _bench_row(name: str, result: SetResult, results: Results) -> tuple[str, ...]:
    bench, reference = result.bench, results.get(_REFERENCE, SetResult()).bench
    if bench is None:
        return ()
    figures = [
        text
        for kind in ("compose", "home-miss")
        for text in (_relative(kind, bench, reference), f"{bench.cost[kind]:.1f} f")
    ]
    memory = f"{bench.memory:,.0f} MB" if bench.memory else _NOTHING
    return (f"`{name}`", *figures, memory, f"{bench.elsewhere:.0%}")


def _relative(kind: str, bench: BenchResult, reference: BenchResult | None) -> str:
    if reference is None:
        return _NOTHING
    return f"{bench.rate[kind] / reference.rate[kind]:.2f}"
