"""`up --trace RATIO`: what services and sidecars are told, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from services.chassis.security.access_rules import read_access
from tools.runner import cli
from tools.runner.__main__ import _foreground_arguments
from tools.runner.config.components import render_configs
from tools.runner.config.manifest import ManifestApp
from tools.runner.config.paths import RunDir
from tools.runner.config.tracing import ENDPOINT, HEADERS, Tracing, tracing_of
from tools.runner.errors import RunnerError
from tools.runner.supervisor.replicas import (
    RunSettings,
    app_spec,
    create_replica,
    sidecar_spec,
)

POSTS = ManifestApp("posts", Path(), ("x",))
TRACING = Tracing("http://127.0.0.1:4318", 0.5, {"authorization": "Bearer a b"})


def environments(run: RunDir, tracing: Tracing | None) -> list[dict[str, str]]:
    settings = RunSettings(run, Path("d"), Path("r"), {"posts": Path("c")}, "", tracing=tracing)
    replica = create_replica(POSTS, 1, lambda _: 4000)
    return [dict(spec(replica, settings).env) for spec in (app_spec, sidecar_spec)]


def test_services_and_sidecars_are_told_where_spans_go(run: RunDir) -> None:
    service, sidecar = environments(run, TRACING)
    assert service["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert service["OTEL_EXPORTER_OTLP_HEADERS"] == "authorization=Bearer%20a%20b"
    assert service["OTEL_TRACES_SAMPLER_ARG"] == "0.5"
    assert service["OTEL_RESOURCE_ATTRIBUTES"] == "service.instance.id=posts.2"
    assert sidecar["OTEL_RESOURCE_ATTRIBUTES"] == "service.instance.id=posts.2.daprd"


def test_without_tracing_no_process_has_a_variable_of_it(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT, "http://elsewhere")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    for env in environments(run, None):
        assert not [name for name in env if name.startswith("OTEL_")]


def test_a_sidecar_records_what_its_caller_sampled_and_nothing_else(run: RunDir) -> None:
    run.create()
    (file,) = render_configs([POSTS], run, read_access(), has_mtls=True, tracing=TRACING).values()
    tracing = yaml.safe_load(file.read_text())["spec"]["tracing"]
    assert 0 < float(tracing["samplingRate"]) < 2**-63  # daprd's bound of ids is zero
    assert tracing["otel"] == {
        "endpointAddress": "127.0.0.1:4318",
        "isSecure": False,
        "protocol": "http",
        "headers": ["authorization=Bearer a b"],
    }
    assert file.stat().st_mode & 0o077 == 0


def test_the_receiver_is_named_by_the_environment() -> None:
    environ = {ENDPOINT: "http://127.0.0.1:4318/", HEADERS: "authorization=Bearer%20a%20b"}
    assert tracing_of(0.5, environ) == TRACING
    assert tracing_of(None, environ) is None
    assert tracing_of(0.0, {}) is None
    assert "Bearer" not in repr(TRACING)


@pytest.mark.parametrize("endpoint", ["", "127.0.0.1:4318", "http://host/path", "ftp://host"])
def test_a_ratio_without_a_usable_receiver_is_refused(endpoint: str) -> None:
    with pytest.raises(RunnerError, match="http://HOST:PORT"):
        tracing_of(1.0, {ENDPOINT: endpoint})


def test_the_ratio_reaches_a_start_in_the_background() -> None:
    options = cli.parse(["up", "--detach", "--trace", "0.25"])
    assert options.trace == 0.25
    assert _foreground_arguments(options)[-2:] == ["--trace", "0.25"]
    assert cli.parse(["up"]).trace is None


@pytest.mark.parametrize("ratio", ["2", "-0.1", "much", "nan"])
def test_a_ratio_is_from_0_to_1(ratio: str) -> None:
    with pytest.raises(SystemExit):
        cli.parse(["up", f"--trace={ratio}"])
