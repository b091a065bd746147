"""Set-up of all tests: the repository on the path, from any working directory."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi._compat import v2
from hypothesis import HealthCheck, settings
from pydantic import ConfigDict, TypeAdapter
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

sys.path.insert(0, str(Path(__file__).parents[1]))

# A fake cluster is a hundred thousand objects that live until it ends: to look through them again
# and again takes a quarter of a test's time.
gc.set_threshold(20_000, 10, 10)

# A machine that does something else as well is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

_adapters: dict[tuple[Any, str, str], TypeAdapter[Any]] = {}


def _adapter(kind: Any, *, config: ConfigDict | None = None) -> TypeAdapter[Any]:
    """Return the type adapter of a route's parameter, built once per process.

    FastAPI builds one for each parameter of each route of each app. A test of the gateway has nine
    apps, and building their adapters again took half of its processor time.
    """
    key = (kind.__origin__, repr(kind.__metadata__), repr(config))
    if key not in _adapters:
        _adapters[key] = TypeAdapter(kind, config=config)
    return _adapters[key]


setattr(v2, "TypeAdapter", _adapter)  # noqa: B010 (mypy knows of no such name in there)

REPORTS = "reports"
"""A property of a test whose text appears in the summary."""

SETS = tuple(os.environ.get("MICROGRAM_SETS", "embedded,rabbitmq-redis").split(","))
"""The component sets on which one suite runs unchanged; `test --matrix` names others."""


_MINUTES = {
    "tests/e2e": 9,
    "tests/chaos": 7,
    "tests/conformance": 3,
    "tests/e2e/mail": 2,
    "tests/contract": 2,
}
"""How long the tests of a package take on one component set; others are single tests."""


class BySystem(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Runs tests of one package and component set in one worker: they share one system.

    The longest begin first, so that the workers end together. Not `loadgroup`: xdist 3.8 cannot
    name a test's group to pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, parameters = nodeid.partition("[")
        package = path.partition("::")[0].rpartition("/")[0]
        return next((f"{package}:{name}" for name in SETS if name in parameters), nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        longest = max(self.workqueue, key=lambda scope: _MINUTES.get(scope.partition(":")[0], 0))
        self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> BySystem | None:
    """Distribute tests by running system with `--dist loadscope`."""
    return BySystem(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the reports of tests."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == REPORTS:
                terminalreporter.section(report.nodeid)
                terminalreporter.line(text)
