from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tools.runner.config.components import (
    SetRenderer,
    load_set,
    relocated,
    render_configs,
    set_names,
)
from tools.runner.config.manifest import ManifestApp, ManifestPort, read_manifest
from tools.runner.config.paths import REPO, RunDir
from tools.runner.errors import RunnerError
from tools.runner.infra.nats_server import consumer_settings

ACCESS = read_access()
SETS = set_names()
FIXED_NAMES = {
    "pubsub",
    "broadcast",
    "statestore",
    "secretstore",
    "blobs",
    "resiliency",
    "workflowstore",
    "mail",
}


def component(name: str, which: str) -> dict[str, Any]:
    (found,) = [each for each in load_set(which) if each["metadata"]["name"] == name]
    return found


def metadata(name: str, which: str) -> dict[str, str]:
    return {
        item["name"]: item.get("value", "") for item in component(name, which)["spec"]["metadata"]
    }


@pytest.mark.parametrize("name", SETS)
def test_every_set_gives_the_fixed_names_and_no_others(name: str) -> None:
    assert {each["metadata"]["name"] for each in load_set(name)} == FIXED_NAMES


@pytest.mark.parametrize("name", SETS)
def test_every_rendered_path_is_inside_the_run_directory(name: str, run: RunDir) -> None:
    folder = SetRenderer(run, ACCESS).write_set(load_set(name))
    texts = [path.read_text() for path in folder.glob("*/*")]
    assert {path.name for path in folder.iterdir()} == ACCESS.keys()
    assert any(f"{run.path}/blobs" in text for text in texts)
    assert not any(" .run/" in text for text in texts)


def test_a_set_replaces_components_of_the_same_name_only() -> None:
    types = {
        each["metadata"]["name"]: each["spec"].get("type")
        for each in load_set("embedded")
        if each["kind"] == "Component"
    }
    assert types == {
        "pubsub": "pubsub.jetstream",
        "broadcast": "pubsub.jetstream",
        "statestore": "state.sqlite",
        "secretstore": "secretstores.local.file",
        "blobs": "bindings.localstorage",
        "workflowstore": "state.sqlite",
        "mail": "bindings.smtp",
    }


def test_an_address_from_the_start_replaces_that_of_the_file(run: RunDir) -> None:
    overrides = {("statestore", "redisHost"): "127.0.0.1:12345"}
    folder = SetRenderer(run, ACCESS, overrides).write_set(load_set("rabbitmq-redis"))
    assert "127.0.0.1:12345" in (folder / "users" / "component-statestore.yaml").read_text()


def test_rendering_again_leaves_nothing_of_the_set_before(run: RunDir) -> None:
    SetRenderer(run, ACCESS).write_set(load_set("rabbitmq-redis"))
    folder = SetRenderer(run, ACCESS).write_set(load_set("embedded"))
    assert "rabbitmq" not in "".join(path.read_text() for path in folder.glob("*/*"))


def test_an_unknown_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="no component set"):
        load_set("kafka", tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Component\nmetadata: [", r"x.yaml:2: not YAML"),
        ("just a text", 'without "kind"'),
        ("knid: Component", 'without "kind"'),
        ("kind: Component\nmetadata: {nmae: x}", 'without "metadata: name"'),
        (
            "kind: Component\nmetadata: {name: x}\nspec: {metadata: [{nmae: y}]}",
            'in x, .* no "name": ',
        ),
    ],
)
def test_a_file_that_is_no_component_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(RunnerError, match=said) as caught:
        load_set("rabbitmq-redis", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/x.yaml")


def test_a_sidecar_gets_the_components_that_its_service_may_use(run: RunDir) -> None:
    folder = SetRenderer(run, ACCESS).write_set(load_set("embedded"))
    for app, own in ACCESS.items():
        names = {path.stem.removeprefix("component-") for path in (folder / app).glob("comp*")}
        assert names == own.components
        assert (folder / app / "resiliency-resiliency.yaml").exists()
        assert (folder / app / "workflowaccesspolicy-own-workflows.yaml").exists() == (
            app == "orders"
        )


def test_a_sidecar_logs_in_to_the_broker_as_its_service(run: RunDir) -> None:
    folder = SetRenderer(run, ACCESS, logins={"rabbitmq-connection"}).write_set(
        load_set("rabbitmq-redis")
    )
    for app, name in (("posts", "pubsub"), ("gateway", "broadcast")):
        text = (folder / app / f"component-{name}.yaml").read_text()
        assert f"key: rabbitmq-connection-{app}\n" in text
        assert "key: redis-password\n" in (folder / app / "component-statestore.yaml").read_text()


def test_only_values_that_are_paths_are_moved(run: RunDir) -> None:
    value = {"a": [".run/x", "see .run/x", 1], "b": ".running"}
    assert relocated(value, run) == {"a": [f"{run.path}/x", "see .run/x", 1], "b": ".running"}


def rendered_config(run: RunDir, app: ManifestApp) -> dict[str, Any]:
    (file,) = render_configs([app], run, ACCESS, has_mtls=True).values()
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    return config


def test_each_app_has_its_own_configuration_with_its_policies(run: RunDir, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("spec: {own: .run/x}")
    spec = rendered_config(run, ManifestApp("posts", Path(), (), config_file=own))["spec"]
    assert spec["own"] == f"{run.path}/x"
    assert spec["accessControl"]["defaultAction"] == "deny"
    assert "nameResolution" in rendered_config(run, ManifestApp("users", Path(), ()))["spec"]


def test_the_sidecars_configuration_moves_its_names_file(run: RunDir) -> None:
    config = rendered_config(run, ManifestApp("users", Path(), ()))
    resolution = config["spec"]["nameResolution"]["configuration"]
    assert resolution["connectionString"] == f"{run.path}/names.db"
    seconds = {
        key: int(value.removesuffix("s"))
        for key, value in resolution.items()
        if key != "connectionString"
    }
    assert seconds["updateInterval"] > seconds["timeout"]  # else daprd goes on without names


def test_metrics_of_sidecars_are_off_unless_asked_for_and_have_few_series(run: RunDir) -> None:
    app = ManifestApp("users", Path(), ())
    assert rendered_config(run, app)["spec"]["metrics"]["enabled"] is False
    (file,) = render_configs([app], run, ACCESS, has_mtls=True, has_metrics=True).values()
    metrics = yaml.safe_load(file.read_text())["spec"]["metrics"]
    assert metrics["enabled"] is True
    assert metrics["http"] == {"increasedCardinality": False, "excludeVerbs": True}
    assert len(metrics["latencyDistributionBuckets"]) < 10
    named = replace(app, ports={"metrics-port": ManifestPort(9000, "dapr.yaml:1")})
    assert rendered_config(run, named)["spec"]["metrics"]["enabled"] is True


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("durable", "true"),
        ("deletedWhenUnused", "false"),
        ("deliveryMode", "2"),
        ("publisherConfirm", "true"),
        ("requeueInFailure", "true"),
        ("autoAck", "false"),
    ],
)
def test_rabbitmq_is_configured_not_to_lose_messages(setting: str, value: str) -> None:
    assert metadata("pubsub", "rabbitmq-redis")[setting] == value


@pytest.mark.parametrize("setting", ["durable", "deletedWhenUnused", "connectionString"])
def test_rabbitmq_has_the_exchanges_of_broadcast_declared_as_those_of_pubsub(setting: str) -> None:
    broadcast, pubsub = (metadata(name, "rabbitmq-redis") for name in ("broadcast", "pubsub"))
    assert broadcast[setting] == pubsub[setting]


@pytest.mark.parametrize("name", SETS)
def test_only_the_gateway_receives_a_broadcast_with_every_replica(name: str) -> None:
    assert component("broadcast", name)["scopes"] == ["gateway"]
    options = metadata("broadcast", name)
    assert "{uuid}" in options.get("consumerID", "{uuid}")
    assert not {"durableName", "queueGroupName"} & options.keys()


def test_jetstream_delivers_one_message_at_a_time() -> None:
    assert metadata("pubsub", "embedded")["concurrency"] == "single"


def test_jetstream_waits_longer_than_a_message_is_retried() -> None:
    policy = component("resiliency", "embedded")["spec"]["policies"]["retries"]["delivery"]
    usual = [min(0.5 * 1.5**number, seconds(policy["maxInterval"])) for number in range(10)]
    assert policy["maxRetries"] == len(usual)
    assert (
        1.5 * sum(usual) < consumer_settings(load_set("embedded"))["ack_wait"] / 1e9
    )  # half as long again at most


def test_every_service_has_a_resiliency_target() -> None:
    targets = component("resiliency", "embedded")["spec"]["targets"]["apps"]
    assert set(targets) == {app.app_id for app in read_manifest(REPO / "dapr.yaml")}


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_no_secret_is_written_into_a_component() -> None:
    for name in SETS:
        for each in load_set(name):
            for item in each["spec"].get("metadata", []):
                if (
                    "assword" in item["name"]
                    or "URL" in item["name"]
                    or item["name"] == "connectionString"
                ):
                    assert "secretKeyRef" in item or item["value"].startswith(".run/")
