"""Set-up of all tests: the repository on the path, from any working directory."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import route_cache

# A fake cluster is a hundred thousand objects that live until it ends: to look through them again
# and again takes a quarter of a test's time.
gc.set_threshold(20_000, 10, 10)

# A machine that does something else as well is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

route_cache.install()

REPORTS = "reports"
"""A property of a test whose text appears in the summary."""

SETS = tuple(os.environ.get("MICROGRAM_SETS", "embedded,rabbitmq-redis").split(","))
"""The component sets on which one suite runs unchanged; `test --matrix` names others."""

CONFORMANCE = "tests/conformance"

_MINUTES = {
    "tests/e2e": 9,
    "tests/chaos": 7,
    CONFORMANCE: 3,
    "tests/e2e/mail": 2,
    "tests/contract": 2,
}
"""How long the tests of a package take on one component set; others are single tests."""


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what is imported by now, which is there to stay."""
    gc.collect()
    gc.freeze()


class BySystem(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Runs tests of one package and component set in one worker: they share one system.

    Those of the conformance kit have a system for each service.

    The longest begin first, so that the workers end together. Not `loadgroup`: xdist 3.8 cannot
    name a test's group to pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, parameters = nodeid.partition("[")
        package = path.partition("::")[0].rpartition("/")[0]
        name = next((name for name in SETS if name in parameters), "")
        if not name:
            return nodeid
        service = parameters.partition(name)[0] if package == CONFORMANCE else ""
        return f"{package}:{service}{name}"

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
