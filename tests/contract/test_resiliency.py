"""The sidecar must not retry calls: it cannot know which are idempotent.

Without a rule for an app by its name, daprd's built-in one sends a call again whose callee's
sidecar died over it; and with a retry it does so whenever the app died, or answered with a status
that it matches. The chassis repeats what was surely not sent, and reports the rest as
`OutcomeUnknown`.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.contract.systems import REPO


def apps() -> list[str]:
    manifest = yaml.safe_load((REPO / "dapr.yaml").read_text())
    return [app["appID"] for app in manifest["apps"]]


@pytest.mark.parametrize("app", apps())
def test_no_call_to_a_service_is_repeated_by_the_sidecar(app: str) -> None:
    spec: dict[str, Any] = yaml.safe_load((REPO / "components/resiliency.yaml").read_text())["spec"]
    assert app in spec["targets"]["apps"], "the built-in retry applies"
    policy = spec["policies"]["retries"][spec["targets"]["apps"][app]["retry"]]
    assert policy["maxRetries"] == 0
