"""The component set of one's own that docs/operating.md shows, word for word."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.contract.systems import REPO, RealSystem, await_value
from tests.contract.test_pubsub import Stream
from tools.runner.config.components import component_type, load_set

PAGE = REPO / "docs" / "operating.md"


def commands() -> list[str]:
    """Return the commands of the page that make the set and start it."""
    shown = PAGE.read_text().partition("<!-- own set -->")[2].partition("```\n")[0]
    return [line.removeprefix("$ ") for line in shown.splitlines() if line.startswith("$ ")]


def make_set(folder: Path) -> str:
    """Run the commands in a folder with a copy of ours; return the name that the start gives."""
    *making, start = commands()
    for command in making:
        subprocess.run(command, shell=True, cwd=folder, check=True)  # noqa: S602 (our own page)
    return start.removeprefix("./tye-like-run.sh --components ")


async def test_the_set_of_the_page_runs(tmp_path: Path) -> None:
    resources = tmp_path / "components"
    shutil.copytree(REPO / "components", resources)
    name = make_set(tmp_path)
    types = {
        each["metadata"]["name"]: component_type(each)
        for each in load_set(name, resources)
        if each["kind"] == "Component"
    }
    assert (types["pubsub"], types["statestore"]) == ("pubsub.redis", "state.sqlite")
    system = RealSystem(name, tmp_path, resources)
    system.start()
    try:
        async with system.sidecar() as sidecar:
            await sidecar.set("key", "value")
            assert (await sidecar.get("key")).value == "value"
            stream = Stream(system, sidecar)
            await stream.publish(stream.event())
            await await_value(lambda: stream.received_by("beta"), lambda found: any(found))
    finally:
        system.stop()
