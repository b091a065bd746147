"""The service under test: the programs that the environment names, each started once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.conformance.kit import COMMAND, COMPONENTS, PLANTED, SUBJECTS, ServiceUnderTest
from tests.conformance.surroundings import access_with

collect_ignore = [] if PLANTED in os.environ else ["test_planted_faults.py"]

_APPS = os.environ.get(SUBJECTS, "comments").split(",")
"""`test` runs the kit on one service; `conform` names others."""

_COMPONENTS = os.environ.get(COMPONENTS, "embedded")


@pytest.fixture(scope="package", params=_APPS, ids=lambda app: f"{app}-{_COMPONENTS}")
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceUnderTest]:
    app = request.param
    if app not in access_with(app):
        pytest.fail(f'There is no service "{app}" in services/access.yaml.')
    folder = tmp_path_factory.mktemp(app)
    under_test = ServiceUnderTest(app, os.environ.get(COMMAND, ""), folder, _COMPONENTS)
    with ExitStack() as stack:
        under_test.start(stack)
        yield under_test
