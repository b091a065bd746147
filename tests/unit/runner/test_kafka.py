"""Kafka: its files, its settings, and whose server a set uses."""

from __future__ import annotations

import itertools
from hashlib import sha256
from pathlib import Path

import pytest

from tools.runner.config.components import load_set
from tools.runner.config.paths import RunDir
from tools.runner.config.secrets import KAFKA, SecretsFile, is_generated
from tools.runner.errors import RunnerError
from tools.runner.infra import kafka
from tools.runner.infra.servers import ServerContext


@pytest.fixture
def context(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> ServerContext:
    monkeypatch.setattr(kafka, "require_program", lambda name, package="": name)
    monkeypatch.setattr(kafka, "jars", lambda: Path("jars"))
    run.create()
    documents = load_set("kafka-sqlite")
    return ServerContext(
        run, SecretsFile(run.secrets), itertools.count(20_000), Path, documents=documents
    )


def test_a_private_kafka_has_a_generated_password_and_listens_on_loopback_only(
    context: ServerContext,
) -> None:
    server = kafka.set_up(context)
    folder = context.run.path / "kafka.conf"
    settings = (folder / "server.properties").read_text()
    assert is_generated(context.secrets[KAFKA])
    assert settings.count(f'password="{context.secrets[KAFKA]}"') == 2
    assert "listeners=CLIENTS://127.0.0.1:20000,CONTROLLER://127.0.0.1:20001" in settings
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert server.overrides == {
        ("pubsub", "brokers"): "127.0.0.1:20000",
        ("broadcast", "brokers"): "127.0.0.1:20000",
    }
    assert context.secrets[KAFKA] not in " ".join(server.spec.argv if server.spec else ())


def test_the_next_start_finds_the_same_cluster(context: ServerContext) -> None:
    kafka.set_up(context)
    properties = context.run.path / "kafka.conf" / "meta.properties"
    secret, cluster = context.secrets[KAFKA], properties.read_text()
    kafka.set_up(context)
    assert (context.secrets[KAFKA], properties.read_text()) == (secret, cluster)


def test_a_password_of_yours_is_for_a_kafka_of_yours(context: ServerContext) -> None:
    context.secrets.set(KAFKA, "mine")
    server = kafka.set_up(context)
    assert (server.spec, server.address) == (None, "127.0.0.1:9092")
    assert not server.overrides


def test_files_with_another_checksum_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    (tmp_path / "b.jar").write_bytes(b"changed")
    listed = "".join(f"{sha256(each).hexdigest()}  {each.decode()}.jar\n" for each in (b"a", b"b"))
    with pytest.raises(RunnerError, match=r"other files than .* lists: b\.jar$"):
        kafka._check(tmp_path, listed)
