import base64
import hashlib
import itertools
import json
import os
import stat
from pathlib import Path
from types import ModuleType

import pytest

from services.chassis.security.access_rules import OPERATOR_SECRET
from tools.runner.backup.secrets import secrets_of
from tools.runner.config.paths import RunDir, write_private
from tools.runner.config.secrets import (
    IDENTIFIERS,
    JWT,
    NATS,
    RABBITMQ,
    REDIS,
    SERVER_LOGINS,
    WEBHOOKS,
    SecretsFile,
    create_token,
    credentials,
    operator_headers,
)
from tools.runner.errors import RunnerError
from tools.runner.infra import rabbitmq, redis
from tools.runner.infra.rabbitmq import password_hash
from tools.runner.infra.servers import ServerContext


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.json"


def test_a_first_start_makes_every_secret_for_its_owner_only(path: Path) -> None:
    SecretsFile(path).create_missing()
    values = json.loads(path.read_text())
    assert set(values) == {JWT, RABBITMQ, REDIS, NATS, WEBHOOKS, IDENTIFIERS}
    assert all(isinstance(value, str) for value in values.values())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_signing_key_is_an_ed25519_seed_with_an_id(path: Path) -> None:
    secrets = SecretsFile(path)
    secrets.create_missing()
    (key,) = json.loads(secrets[JWT])["keys"]
    assert len(base64.urlsafe_b64decode(key["private"])) == 32
    assert key["kid"]


def test_existing_secrets_are_kept_and_missing_ones_are_added(path: Path) -> None:
    path.write_text(json.dumps({REDIS: "mine", "smtp": "theirs"}))
    SecretsFile(path).create_missing()
    values = json.loads(path.read_text())
    assert values[REDIS] == "mine"
    assert values["smtp"] == "theirs"
    assert values[JWT]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_systems_have_no_secret_in_common(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        SecretsFile(tmp_path / name).create_missing()
        made.append(json.loads((tmp_path / name).read_text()))
    assert all(made[0][key] != made[1][key] for key in made[0])


def test_a_broken_file_is_named_and_not_overwritten(path: Path) -> None:
    path.write_text("{")
    with pytest.raises(RunnerError, match=r"secrets\.json is not JSON"):
        SecretsFile(path)
    assert path.read_text() == "{"


def test_the_token_of_the_operator_is_in_a_file_of_its_own_and_its_hash_in_the_secrets(
    run: RunDir,
) -> None:
    secrets = SecretsFile(run.secrets)
    create_token(run.operator_token, secrets, OPERATOR_SECRET)
    token = run.operator_token.read_text().strip()
    assert len(token) >= 32
    assert token not in run.secrets.read_text()
    assert secrets[OPERATOR_SECRET] == hashlib.sha256(token.encode()).hexdigest()
    assert stat.S_IMODE(run.operator_token.stat().st_mode) == 0o600
    assert operator_headers(run.operator_token, "s") == {
        "dapr-api-token": "s",
        "microgram-operator-token": token,
    }


def test_the_hash_follows_the_file_of_the_operator(run: RunDir) -> None:
    run.operator_token.write_text("mine\n")
    run.operator_token.chmod(0o644)
    create_token(run.operator_token, SecretsFile(run.secrets), OPERATOR_SECRET)
    assert SecretsFile(run.secrets)[OPERATOR_SECRET] == hashlib.sha256(b"mine").hexdigest()
    assert stat.S_IMODE(run.operator_token.stat().st_mode) == 0o600


def test_without_the_token_nobody_is_the_operator(run: RunDir) -> None:
    with pytest.raises(RunnerError, match="operator-token is missing"):
        operator_headers(run.operator_token, "s")


def test_credentials_are_read_from_a_connection_url() -> None:
    assert credentials("amqp://user:pass-word_1@localhost:5672/") == ("user", "pass-word_1")
    assert credentials("") == ("", "")


def test_rabbitmq_gets_a_salted_hash_of_its_password() -> None:
    raw = base64.b64decode(password_hash("secret", b"salt"))
    assert raw == b"salt" + hashlib.sha256(b"saltsecret").digest()


def test_a_private_file_is_replaced_atomically(run: RunDir) -> None:
    target = run.path / "file"
    target.write_text("old")
    target.chmod(0o644)
    write_private(target, "new")
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not list(run.path.glob(".file.*"))


@pytest.mark.parametrize("server", [redis, rabbitmq])
def test_a_generated_password_is_not_sent_to_a_server_of_others(
    server: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever listens at the standard port first would learn it."""
    tried: list[str] = []

    def accepts(*given: object) -> bool:
        tried.append(str(given[-1]))
        return False

    run = RunDir(tmp_path / "run")
    run.create()
    monkeypatch.setattr(RunDir, "is_default", True)
    monkeypatch.setattr(server, "accepts", accepts)
    monkeypatch.setattr(server, "require_program", lambda name: name)
    secrets = SecretsFile(run.secrets)
    for own in ("", "amqp://operator:mine@localhost:5672/", "mine"):
        if own:
            secrets.set(RABBITMQ if own.startswith("amqp") else REDIS, own)
        else:
            secrets.create_missing()
        server.set_up(ServerContext(run, secrets, itertools.count(20_000), Path))
    assert not any("generated-" in attempt for attempt in tried)
    assert any("mine" in attempt for attempt in tried), "that of an operator is"


def test_a_run_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    run = RunDir(tmp_path / "run")
    run.path.mkdir(mode=0o755)
    run.create()
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700
    run.path.chmod(0o777)
    with pytest.raises(RunnerError, match="other users can write to"):
        run.create()


def test_a_run_directory_of_another_user_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with pytest.raises(RunnerError, match="belongs to another user"):
        RunDir(tmp_path).create()


@pytest.mark.parametrize("login", SERVER_LOGINS)
def test_a_backup_has_no_passwords_of_servers(login: str, tmp_path: Path) -> None:
    file = SecretsFile(tmp_path / "secrets.json")
    file.update({login: "one", f"{login}-posts": "two", JWT: "three"})
    assert secrets_of(file) == {JWT: "three"}
