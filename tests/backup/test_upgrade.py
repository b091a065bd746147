"""The present services go on with what those of an earlier release left.

Everything of the earlier release is killed while people post, comment, follow and buy. So events
are with its broker and in its journals, workflows are unfinished, and requests have no answer.
People repeat those. The present release starts on the same data.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.backup.previous_release import start_previous
from tests.backup.workloads import Market
from tests.chaos.invariants import await_invariants
from tests.chaos.retrying_client import request_until_answered
from tests.chaos.workload import POSTS, ScenarioWorkload
from tests.e2e import pictures
from tests.system import DEADLINE, SETS, LoggedInUser, start_system, wait_until


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("components", SETS)
def test_nothing_is_lost_when_the_services_are_upgraded(components: str, tmp_path: Path) -> None:
    run_dir, homes = tmp_path / "run", tmp_path / "homes"
    with ExitStack() as people, ExitStack() as present:
        with start_previous(components, run_dir, homes) as system:
            workload = ScenarioWorkload.create(system, "upgraded")
            market = Market.open(system)
            painter = system.register("painter")
            shown = _post_picture(painter)
            people.enter_context(workload.posting())
            with market.buying():
                wait_until(lambda: len(market.placed) > 3)
            wait_until(lambda: all(len(ids) > 8 for ids in workload.acknowledged.values()))
            port = system.base.rpartition(":")[2]
        known = sum(map(len, workload.acknowledged.values()))
        system = present.enter_context(start_system(components, run_dir, homes=homes, port=port))
        workload.follow_late()
        wait_until(lambda: sum(map(len, workload.acknowledged.values())) > known + 4)
        people.close()
        await_invariants(workload)
        market.system = system
        assert set(market.placed) <= market.await_agreement()
        url = painter.client.status(shown).media_attachments[0].url
        assert system.get(url.removeprefix(system.base)).content[:3] == b"\xff\xd8\xff"


def _post_picture(person: LoggedInUser) -> str:
    """Post a picture, and return the post's id. The earlier release described it in fewer words."""
    headers = {"Authorization": f"Bearer {person.token}"}
    files = {"file": ("picture.jpg", pictures.jpeg(), "image/jpeg")}
    uploaded = requests.post(
        f"{person.base}/api/v2/media", headers=headers, files=files, timeout=DEADLINE
    )
    body = {"status": "seen", "media_ids": [uploaded.json()["id"]]}
    made = request_until_answered(person, "POST", POSTS, body)
    assert made.ok, made.text
    return str(made.json()["id"])
