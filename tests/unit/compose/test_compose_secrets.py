"""The secrets of the compose project: each container has its own, and a second run keeps them."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import jwt
import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tools.compose.files import PROJECT, component_documents, compose_files
from tools.compose.secrets import IDENTITY_LIFETIME, create_secrets

ACCESS = read_access()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return create(tmp_path / "secrets")


def create(folder: Path) -> Path:
    create_secrets(folder, ACCESS, component_documents("rabbitmq-redis"))
    return folder


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_secret_of_the_project_is_made(folder: Path) -> None:
    project = yaml.safe_load(compose_files("rabbitmq-redis")[PROJECT])
    assert {name for name in project["secrets"] if not (folder / name).is_file()} == set()


def test_nobody_else_enters_the_folder_and_every_container_reads_its_files(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    project = yaml.safe_load(compose_files("rabbitmq-redis")[PROJECT])
    modes = {stat.S_IMODE((folder / name).stat().st_mode) for name in project["secrets"]}
    assert modes == {0o444}
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600


def test_a_sidecar_has_what_access_yaml_and_its_components_name(folder: Path) -> None:
    broker = {"rabbitmq-connection", "redis-password"}
    for app, own in ACCESS.items():
        assert read(folder / f"{app}.secrets.json").keys() == own.secrets | broker
    urls = {read(folder / f"{app}.secrets.json")["rabbitmq-connection"] for app in ACCESS}
    assert len(urls) == len(ACCESS)
    assert all(re.fullmatch(r"amqp://\w+:[\w-]+@rabbitmq:5672/", url) for url in urls)


def test_an_identity_is_that_of_its_service_for_a_year(folder: Path) -> None:
    for app in ACCESS:
        token = (folder / f"{app}.jwt").read_text()
        claims = jwt.decode(token, options={"verify_signature": False})
        assert claims["sub"] == f"spiffe://public/ns/default/{app}"
        assert claims["exp"] - claims["iat"] == IDENTITY_LIFETIME


def test_a_second_run_keeps_passwords_and_renews_identities(folder: Path) -> None:
    kept = ["redis.conf", "secrets.json", "auth.secrets.json", "operator-token"]
    before = {name: (folder / name).read_text() for name in [*kept, "ca.crt"]}
    create(folder)
    after = {name: (folder / name).read_text() for name in [*kept, "ca.crt"]}
    assert {name for name in before if before[name] != after[name]} == {"ca.crt"}
