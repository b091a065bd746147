"""The jobs of the pipeline type the commands of the pages, which cannot be run here."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from tools.kubernetes import programs
from tools.runner.config.paths import REPO

PAGES = {
    "images": ("docs/deploying.md", "```sh\n"),
    "kubernetes": ("docs/kubernetes.md", "<!-- in a cluster -->\n```console\n"),
}
"""Jobs, with the page whose first block of commands each of them types, and how that begins."""

CHART = {"dapr/dapr", "--version"}
"""The pipeline takes Dapr's chart from the pinned module, and its version is that of the images."""


def pipeline() -> str:
    return (REPO / ".github/workflows/ci.yaml").read_text()


def commands_of(job: str) -> list[set[str]]:
    steps = yaml.safe_load(pipeline())["jobs"][job]["steps"]
    text = "\n".join(step.get("run", "") for step in steps).replace("\\\n", "")
    return [set(shlex.split(line, comments=True)) for line in text.splitlines()]


@pytest.mark.parametrize("job", PAGES)
def test_a_job_types_the_commands_of_its_page(job: str) -> None:
    page, start = PAGES[job]
    block = (REPO / page).read_text().split(start)[1].split("```")[0]
    typed = commands_of(job)
    version = programs.dapr_version().removeprefix("v")
    for line in block.splitlines():
        words = set(shlex.split(line.removeprefix("$ "))) - CHART - {version}
        assert any(words <= command for command in typed), line


def test_dapr_in_the_cluster_is_of_the_pinned_version() -> None:
    version = programs.dapr_version().removeprefix("v")
    page = (REPO / "docs/kubernetes.md").read_text()
    assert re.findall(r"global\.tag=([\d.]+)", pipeline()) == [version]
    assert re.findall(r"dapr/dapr --version ([\d.]+)", page) == [version]


def test_a_release_waits_for_every_job() -> None:
    jobs = yaml.safe_load(pipeline())["jobs"]
    assert {*jobs["release"]["needs"], "release", "coverage"} == jobs.keys()
