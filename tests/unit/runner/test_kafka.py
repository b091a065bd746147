"""Kafka: its files, its settings, and whose server a set uses."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
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


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Maven that notes each call, and fetches one file."""
    program = tmp_path / "mvn"
    program.write_text(_MAVEN.format(calls=tmp_path / "calls"))
    program.chmod(0o755)
    (tmp_path / "jars.sha256").write_text(f"{sha256(b'a').hexdigest()}  a.jar\n")
    monkeypatch.setattr(kafka, "require_program", lambda *_: str(program))
    monkeypatch.setattr(kafka, "SOURCES", tmp_path)
    monkeypatch.setattr(kafka, "user_cache", lambda: tmp_path / "cache")
    return tmp_path / "calls"


_MAVEN = """\
#!/bin/sh
echo called >>{calls}
for each; do folder=${{each#-DoutputDirectory=}}; done
mkdir "$folder" && sleep 0.2 && printf a >"$folder/a.jar"
"""


def test_two_runners_at_once_fetch_the_files_once(maven: Path) -> None:
    with ThreadPoolExecutor() as pool:
        one, other = pool.map(lambda _: kafka.jars(), range(2))
    assert one == other
    assert [path.name for path in one.iterdir()] == ["a.jar"]
    assert maven.read_text() == "called\n"


def test_a_maven_that_fails_leaves_nothing_and_says_what_to_do(maven: Path, tmp_path: Path) -> None:
    (tmp_path / "mvn").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(RunnerError, match="Maven needs the network once"):
        kafka.jars()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_files_with_another_checksum_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    (tmp_path / "b.jar").write_bytes(b"changed")
    listed = "".join(f"{sha256(each).hexdigest()}  {each.decode()}.jar\n" for each in (b"a", b"b"))
    with pytest.raises(RunnerError, match=r"other files than .* lists: b\.jar$"):
        kafka._check(tmp_path, listed)
