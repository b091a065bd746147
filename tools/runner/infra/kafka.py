"""Kafka behind a pub/sub of its own: one process, which is broker and controller."""

import base64
import shutil
from hashlib import sha256
from pathlib import Path

from tools.runner.config.paths import REPO, user_cache, write_private
from tools.runner.config.secrets import KAFKA, is_generated, password
from tools.runner.errors import RunnerError
from tools.runner.http_client import tcp_probe
from tools.runner.infra.go_build import make_once
from tools.runner.infra.servers import ManagedServer, ServerContext, require_program
from tools.runner.output import progress
from tools.runner.supervisor.process import ProcessSpec
from tools.runner.supervisor.replicas import base_env

USER = "microgram"
SOURCES = REPO / "tools" / "kafka"
"""What Maven fetches, and the checksum of each file."""

_LOGIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="{user}" password="{password}" user_{user}="{password}";'
)
_CONF = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.clients.plain.sasl.jaas.config={login}
listener.name.controller.plain.sasl.jaas.config={login}
log.dirs={data}
# A topic is created when it is first used. As many replicas of a service share its messages.
num.partitions=4
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
# As long as producers keep their journals, from which consumers fetch what is missing here.
log.retention.hours=168
log.retention.bytes=67108864
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
message.max.bytes=4194304
"""
_START = 'mkdir -p "$1" && cp "$2" "$1/" && shift 2 && exec "$@"'
"""Kafka starts only in a folder with its properties, and `restart kafka --empty` removes them."""


def set_up(context: ServerContext) -> ManagedServer:
    """Use the Kafka at the component's address if the password is somebody's, else start one."""
    known = context.secrets.get(KAFKA) or ""
    if known and not is_generated(known):
        address = _component_address(context)
        return ManagedServer("kafka", address, spec=None, owner=f"the one at {address}")
    context.secrets.set(KAFKA, known or password())
    port, data = next(context.ports), context.run.path / "kafka"
    conf = _write_settings(context, port, data)
    java = require_program("java", "default-jre-headless")
    options = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    logs = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    command = (java, *options, logs, "-cp", f"{jars()}/*", "kafka.Kafka", str(conf))
    properties = str(conf.with_name("meta.properties"))
    spec = ProcessSpec(
        name="kafka",
        argv=("sh", "-c", _START, "sh", str(data), properties, *command),
        cwd=context.run.path,
        env=base_env(context.run),
        probe=tcp_probe(port),
        stop_timeout=5.0,
    )
    address = f"127.0.0.1:{port}"
    overrides = {(name, "brokers"): address for name in ("pubsub", "broadcast")}
    return ManagedServer("kafka", address, spec, data=data, overrides=overrides)


def _component_address(context: ServerContext) -> str:
    for document in context.documents:
        if document["kind"] == "Component" and document["metadata"]["name"] == "pubsub":
            for item in document["spec"].get("metadata") or []:
                if item["name"] == "brokers":
                    return str(item["value"]).partition(",")[0]
    raise RunnerError('the component pubsub names no "brokers"')


def _write_settings(context: ServerContext, port: int, data: Path) -> Path:
    """Write the settings, and the properties of the data folder; return the file of settings."""
    folder = context.run.path / "kafka.conf"
    folder.mkdir(exist_ok=True, mode=0o700)
    login = _LOGIN.format(user=USER, password=context.secrets[KAFKA])
    controller = next(context.ports)
    text = _CONF.format(port=port, controller=controller, login=login, data=data)
    write_private(folder / "server.properties", text)
    key = sha256(str(context.run.path).encode()).digest()[:16]
    cluster = base64.urlsafe_b64encode(key).decode().rstrip("=")
    write_private(folder / "meta.properties", f"version=1\ncluster.id={cluster}\nnode.id=1\n")
    return folder / "server.properties"


def jars() -> Path:
    """Return the folder with Kafka and its libraries. Maven fetches them, once for each user.

    Raises RunnerError if Maven fails, and for a file that is not the one with the checksum in the
    repository.
    """
    listed = (SOURCES / "jars.sha256").read_text()
    home = user_cache() / f"kafka-{sha256(listed.encode()).hexdigest()[:12]}"
    home.parent.mkdir(parents=True, exist_ok=True)
    make_once(home, lambda: _fetch(home, listed), home.parent, "fetching Kafka")
    return home


def _fetch(home: Path, listed: str) -> None:
    part = home.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    maven = require_program("mvn", "maven")
    command = [maven, "-q", "-B", _COPY, "-DincludeScope=runtime", f"-DoutputDirectory={part}"]
    progress.run("fetching Kafka (46 MB)", command, cwd=SOURCES, advice=_ADVICE)
    _check(part, listed)
    part.rename(home)


_ADVICE = (
    "Maven needs the network once, and its settings (~/.m2/settings.xml) where a proxy or a mirror "
    "is in between; start again then. Other component sets need no Kafka"
)
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"


def _check(folder: Path, listed: str) -> None:
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    lines = [line.split() for line in listed.splitlines()]
    expected = {name: checksum for checksum, name in lines}
    if found != expected:
        wrong = sorted({name for name, _ in found.items() ^ expected.items()})
        raise RunnerError(f"Maven fetched other files than {SOURCES} lists: {', '.join(wrong)}")
