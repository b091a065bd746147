"""The generated files of deploy/kubernetes are those that their sources give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tools.kubernetes import files
from tools.kubernetes.secrets import secret_names, secrets_of
from tools.kubernetes.settings import NAMESPACE
from tools.runner.config.paths import REPO, RunDir


def test_the_committed_files_are_up_to_date() -> None:
    assert files.outdated() == [], "run `./tye-like-run.sh kubernetes`"


def test_a_changed_file_is_found_and_written_again(tmp_path: Path) -> None:
    files.write(tmp_path)
    assert files.outdated(tmp_path) == []
    changed = Path("base/services/posts.yaml")
    with (tmp_path / changed).open("a") as file:
        file.write("# by hand\n")
    assert files.outdated(tmp_path) == [changed]
    assert files.write(tmp_path) == [changed]
    assert files.outdated(tmp_path) == []


def test_the_file_of_a_service_that_is_gone_is_removed(tmp_path: Path) -> None:
    files.write(tmp_path)
    gone = Path("base/services/no-more.yaml")
    (tmp_path / gone).write_text("")
    assert files.outdated(tmp_path) == [gone]
    files.write(tmp_path)
    assert not (tmp_path / gone).exists()


@pytest.mark.parametrize("folder", ["base", "base/services"])
def test_kustomize_is_told_of_every_file(folder: str) -> None:
    listed = yaml.safe_load((files.FOLDER / folder / "kustomization.yaml").read_text())["resources"]
    there = {path.name for path in (files.FOLDER / folder).iterdir()}
    assert there == {*listed, "kustomization.yaml"}


def test_secrets_are_the_same_at_every_call(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    run.create()
    first, second = (list(yaml.safe_load_all(secrets_of(run, read_access()))) for _ in range(2))
    hashed = "rabbitmq-definitions"  # with new salt each time
    for one, other in zip(first, second, strict=True):
        assert one == other or one["metadata"]["name"] == hashed
    assert {each["metadata"]["name"] for each in first} == secret_names(read_access())


@pytest.mark.parametrize("app", sorted(read_access()))
def test_a_service_gets_its_own_secrets_only(app: str, tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    run.create()
    documents = yaml.safe_load_all(secrets_of(run, read_access()))
    (own,) = [each for each in documents if each["metadata"]["name"] == f"{app}-secrets"]
    secrets = yaml.safe_load(own["stringData"]["secrets.json"])
    assert set(secrets) == read_access()[app].secrets
    assert all(secrets.values())


def test_the_address_of_the_broker_is_one_of_every_namespace(tmp_path: Path) -> None:
    """KEDA asks RabbitMQ from a namespace of its own."""
    run = RunDir(tmp_path / "run")
    run.create()
    documents = yaml.safe_load_all(secrets_of(run, read_access()))
    (host,) = [each["stringData"]["host"] for each in documents if "host" in each["stringData"]]
    assert f"@rabbitmq.{NAMESPACE}.svc:" in host


@pytest.mark.parametrize(
    ("settings", "limit"), [("dev/redis.conf", 1024), ("production/redis-additional.conf", 6144)]
)
def test_redis_refuses_writes_before_it_is_killed(settings: str, limit: int) -> None:
    """A Redis that is killed for its memory reads the same log again, and is killed again."""
    text = (REPO / "deploy/kubernetes/overlays" / settings).read_text()
    number, unit = re.findall(r"^maxmemory (\d+)(mb|gb)$", text, re.MULTILINE)[0]
    assert int(number) * {"mb": 1, "gb": 1024}[unit] < 0.75 * limit
