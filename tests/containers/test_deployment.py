"""The compose project really runs: people use it, and containers of it die."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.chassis.security.access_rules import read_access
from tests.chaos.retrying_client import read_all_pages, request_until_answered
from tests.containers.deployment import Deployment
from tests.containers.engine import full_name
from tests.e2e import pictures, test_readme
from tests.system import LoggedInUser, System
from tests.system.shopping import await_final_state, buy, create_product
from tests.system.system import run_command
from tests.system.waiting import wait_until

CRASHED = [
    "posts",
    "posts-daprd",
    "feed",
    "users-daprd",
    "gateway-daprd",
    "rabbitmq",
    "redis",
    "gateway",
]
"""What dies while people post: services, sidecars and both servers."""


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "small.jpg"
    path.write_bytes(pictures.jpeg(size=(64, 48)))
    return path


def test_people_post_pictures_like_comment_and_order(deployment: Deployment, picture: Path) -> None:
    anna, ben = deployment.register("anna"), deployment.register("ben")
    ben.client.account_follow(anna.id)
    post = anna.client.status_post("at sea", media_ids=[anna.upload(picture)])
    wait_until(lambda: [each.id for each in ben.client.timeline_home()] == [post.id])
    ben.client.status_favourite(post.id)
    ben.client.status_post("lovely", in_reply_to_id=post.id)

    def told() -> bool:
        return {each.type for each in anna.client.notifications()} >= {"favourite", "follow"}

    wait_until(told)
    wait_until(lambda: anna.client.status(post.id).replies_count == 1)
    assert ben.http.get(post.media_attachments[0].url, timeout=60).ok
    product = create_product(anna)
    order = await_final_state(ben, buy(ben, product, 1)["id"])
    assert order["state"] == "completed"


def test_the_demo_fills_it(deployment: Deployment, tmp_path: Path) -> None:
    port = deployment.base.rpartition(":")[2]
    assert "4 people" in run_command(tmp_path, "demo", "--people", "4", "--port", port)


def test_the_tour_of_the_readme_gives_what_it_shows(
    deployment: Deployment, picture: Path, tmp_path: Path
) -> None:
    system = cast(System, SimpleNamespace(base=deployment.base))
    test_readme.test_the_tour_gives_what_the_readme_shows(system, picture, tmp_path)


def test_nothing_but_the_gateway_and_mtls_is_open_to_other_containers(
    deployment: Deployment,
) -> None:
    for app in read_access():
        address = _address(deployment, f"{app}-network")
        port = int(
            deployment.engine.inspect(app, "{{.Config.Env}}").split("APP_PORT=")[1].split()[0]
        )
        assert _is_open(address, 50002), f"{app}: the port of other sidecars"
        assert not _is_open(address, 3500), f"{app}: the HTTP API of its sidecar"
        assert not _is_open(address, 50001), f"{app}: the gRPC API of its sidecar"
        assert _is_open(address, port) == (app == "gateway"), app
    for server, own in {"rabbitmq": (4369, 25672, 15672), "scheduler": (2379, 2380)}.items():
        address = _address(deployment, server)
        assert [port for port in own if _is_open(address, port)] == []


def _address(deployment: Deployment, container: str) -> str:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return deployment.engine.inspect(container, form).split()[0]


def _is_open(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0


def test_no_secret_shows_in_what_podman_tells(deployment: Deployment) -> None:
    known = json.loads((deployment.folder / "secrets/secrets.json").read_text())
    hidden = {value for name, value in known.items() if "sha256" not in name}
    for app in read_access():
        environment = json.loads(
            (deployment.folder / f"secrets/{app}.environment.json").read_text()
        )
        hidden |= {environment["DAPR_API_TOKEN"], environment["APP_API_TOKEN"]}
    names = [full_name(each) for each in deployment.engine.containers()]
    told = deployment.engine.podman("inspect", *names)
    assert len(hidden) > 2 * len(read_access())
    assert not [each for each in hidden if each in told]


def test_limits_and_rights_are_what_the_project_says(deployment: Deployment) -> None:
    for name in deployment.engine.containers():
        form = "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.ReadonlyRootfs}}"
        memory, pids, read_only = deployment.engine.inspect(name, form).split()
        assert int(memory) > 0, name
        assert 0 < int(pids) <= 512, name
        assert read_only == "true", name
        status = Path(f"/proc/{deployment.engine.pid(name)}/status").read_text()
        found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert "0" not in found["Uid"].split(), name
        assert int(found["CapEff"], 16) == 0, name
        assert int(found["CapBnd"], 16) == 0, name
        assert found["NoNewPrivs"] == "1", name


def test_containers_die_and_nothing_acknowledged_is_lost_or_doubled(
    deployment: Deployment,
) -> None:
    writer, reader = deployment.register("writer"), deployment.register("reader")
    reader.client.account_follow(writer.id)
    acknowledged: list[str] = []
    stop = threading.Event()
    posting = threading.Thread(target=_post_until, args=(stop, writer, acknowledged))
    posting.start()
    try:
        for container in CRASHED:
            before = len(acknowledged)
            deployment.crash(container)
            wait_until(lambda: len(acknowledged) > before + 3, what=f"posts after {container}")  # noqa: B023
    finally:
        stop.set()
        posting.join()
    deployment.await_healthy()
    assert len(acknowledged) > 4 * len(CRASHED)

    def same(path: str) -> bool:
        found = [each["id"] for each in read_all_pages(reader, path)]
        return sorted(found) == sorted(acknowledged)

    wait_until(lambda: same(f"/api/v1/accounts/{writer.id}/statuses"))
    wait_until(lambda: same("/api/v1/timelines/home"))


def _post_until(stop: threading.Event, writer: LoggedInUser, acknowledged: list[str]) -> None:
    while not stop.is_set():
        body: dict[str, Any] = {"status": f"number {len(acknowledged)}"}
        answer = request_until_answered(
            writer, "POST", "/api/v1/statuses", body, key=secrets.token_hex(8)
        )
        assert answer.ok, answer.text
        acknowledged.append(answer.json()["id"])
