"""The bill of materials has everything that the image installs, and nothing else."""

from __future__ import annotations

from pathlib import Path

from tools.container.runtime_lock import lock_entries, runtime_lock
from tools.container.sbom import create_bill

REPO = Path(__file__).parents[3]
LOCK, PROJECT = (REPO / "requirements.lock").read_text(), (REPO / "pyproject.toml").read_text()
BILL = create_bill(LOCK, PROJECT)


def test_every_package_of_the_image_is_in_it_with_its_version_and_hashes() -> None:
    entries = lock_entries(runtime_lock(LOCK, PROJECT))
    found = {each["name"]: each for each in BILL["components"]}
    assert found.keys() == entries.keys()
    for name, each in found.items():
        assert f"{name}=={each['version']}" in entries[name].lower().replace("_", "-")
        assert each["purl"] == f"pkg:pypi/{name}@{each['version']}"
        hashes = [file["hashes"][0]["content"] for file in each["externalReferences"]]
        assert hashes
        assert all(f"sha256:{one}" in entries[name] for one in hashes)


def test_it_says_what_requires_what() -> None:
    refs = {each["bom-ref"] for each in [*BILL["components"], BILL["metadata"]["component"]]}
    graph = {each["ref"]: each["dependsOn"] for each in BILL["dependencies"]}
    assert graph.keys() == refs
    assert {need for needs in graph.values() for need in needs} <= refs
    fastapi = next(ref for ref in refs if ref.startswith("pkg:pypi/fastapi@"))
    assert fastapi in graph[BILL["metadata"]["component"]["bom-ref"]]
    assert any(need.startswith("pkg:pypi/starlette@") for need in graph[fastapi])


def test_the_same_lock_gives_the_same_bill() -> None:
    assert create_bill(LOCK, PROJECT) == BILL
