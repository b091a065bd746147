"""Backup and restore of `production` work with the rights that their manifests give them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import images
from tests.containers.engine import Engine
from tests.containers.pods import Pod, pod_of
from tests.system.waiting import wait_until
from tools.kubernetes.files import FOLDER

_FILE = "overlays/production/backup.yaml"
_NETWORK = "microgram-backup"
_REDIS = "microgram-backup-redis"
_SECRETS = {"password": "of-this-test"}
_WRITE = """
for i = 1, 3000 do
  redis.call('hset', 'feed||' .. i, 'data', string.rep('x', i % 700), 'version', i)
  redis.call('set', 'inbox||' .. i, i, 'ex', 86400 + i)
end
"""
"""Documents as Dapr's component writes them, and values that expire."""
_DIGEST = """
local keys, sum = redis.call('keys', '*'), ''
table.sort(keys)
for _, key in ipairs(keys) do
  local value = redis.call('type', key).ok == 'hash'
    and table.concat(redis.call('hmget', key, 'data', 'version'), ' ')
    or redis.call('get', key)
  sum = redis.sha1hex(table.concat({sum, key, value, redis.call('pexpiretime', key)}, ' '))
end
return #keys .. ' ' .. sum
"""
_FIFTEEN_DAYS = 15 * 86400.0


class RedisPod:
    """The Redis of `dev`, whose pod this repository has; that of `production` is its operator's."""

    def __init__(self, engine: Engine, image: str, folder: Path) -> None:
        self._engine = engine
        self.data = folder / "data"
        config = folder / "config"
        for each in (self.data, config):
            each.mkdir()
        shutil.copy2(FOLDER / "overlays/dev/redis.conf", config)
        pod = pod_of("overlays/dev/redis.yaml", "StatefulSet", "redis")
        self._pod = Pod(engine, image, pod, {"data": self.data, "config": config}, _SECRETS)

    def start(self) -> None:
        self._pod.start(_REDIS, f"--network={_NETWORK}:alias=redis")
        wait_until(lambda: self.ask("ping") == "PONG")

    def stop(self) -> None:
        """Stop it as a kubelet does, and wait until it is gone."""
        self._engine.podman("stop", "--time=30", _REDIS)
        self._engine.podman("rm", _REDIS)

    def ask(self, *words: str) -> str:
        return self._engine.podman("exec", _REDIS, "redis-cli", *words).strip()


@pytest.fixture(scope="session")
def redis_image(engine: Engine) -> str:
    return images.build_servers(engine)


@pytest.fixture
def redis(engine: Engine, redis_image: str, tmp_path: Path) -> Iterator[RedisPod]:
    redis = RedisPod(engine, redis_image, tmp_path)
    _remove(engine)  # what a run that was killed left
    try:
        engine.podman("network", "create", "--internal", _NETWORK)
        redis.start()
        yield redis
    finally:
        _remove(engine)


def _remove(engine: Engine) -> None:
    engine.podman("rm", "--force", "--ignore", _REDIS)
    engine.podman("network", "rm", "--force", _NETWORK)


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder


@pytest.fixture
def backup(engine: Engine, redis_image: str, backups: Path) -> Pod:
    pod = pod_of(_FILE, "CronJob", "backup")
    return Pod(engine, redis_image, pod, {"backups": backups}, _SECRETS)


@pytest.fixture
def restore(engine: Engine, redis_image: str, backups: Path, redis: RedisPod) -> Pod:
    pod = pod_of(_FILE, "CronJob", "restore")
    return Pod(engine, redis_image, pod, {"backups": backups, "data": redis.data}, {})


def _copies(backups: Path) -> list[str]:
    return sorted(each.name for each in backups.iterdir())


def test_what_is_restored_is_what_was_there_at_the_backup(
    redis: RedisPod, backup: Pod, restore: Pod, backups: Path
) -> None:
    redis.ask("eval", _WRITE, "0")
    before = redis.ask("eval", _DIGEST, "0")
    backup.run(f"--network={_NETWORK}")
    redis.ask("set", "later", "1")
    redis.ask("del", "feed||7")
    assert redis.ask("eval", _DIGEST, "0") != before
    redis.stop()
    said = restore.run("--network=none")
    assert f"restored {_copies(backups)[0]}" in said
    redis.start()
    assert redis.ask("eval", _DIGEST, "0") == before
    redis.ask("set", "after", "1")  # a restored Redis keeps what it acknowledges
    redis.stop()
    redis.start()
    assert redis.ask("get", "after") == "1"


def test_an_earlier_copy_is_restored_by_its_name(
    redis: RedisPod, backup: Pod, restore: Pod, backups: Path
) -> None:
    redis.ask("set", "which", "first")
    backup.run(f"--network={_NETWORK}")
    (first,) = _copies(backups)
    redis.ask("set", "which", "second")
    wait_until(lambda: time.gmtime() > time.strptime(first, "%Y-%m-%dT%H%M%SZ.rdb"))
    backup.run(f"--network={_NETWORK}")
    redis.stop()
    restore.run("--network=none", env={"COPY": first})
    redis.start()
    assert redis.ask("get", "which") == "first"
    replaced = [each for each in redis.data.iterdir() if each.name.startswith("replaced-")]
    assert [each.name for old in replaced for each in old.iterdir()] == ["appendonlydir"]


def test_a_backup_that_fails_leaves_no_copy_and_keeps_the_others(
    engine: Engine, redis_image: str, redis: RedisPod, backup: Pod, backups: Path
) -> None:
    backup.run(f"--network={_NETWORK}")
    before = _copies(backups)
    pod = pod_of(_FILE, "CronJob", "backup")
    intruder = Pod(engine, redis_image, pod, {"backups": backups}, {"password": "another"})
    with pytest.raises(AssertionError, match=r"NOAUTH|WRONGPASS"):
        intruder.run(f"--network={_NETWORK}")
    assert [each for each in _copies(backups) if each.endswith(".rdb")] == before


def test_copies_of_two_weeks_are_kept(redis: RedisPod, backup: Pod, backups: Path) -> None:
    for name, age in (("old.rdb", _FIFTEEN_DAYS), ("young.rdb", _FIFTEEN_DAYS - 2 * 86400)):
        (backups / name).touch()
        then = time.time() - age
        os.utime(backups / name, (then, then))
    (backups / "broken.rdb.partial").touch()
    backup.run(f"--network={_NETWORK}")
    made, young = _copies(backups)
    assert young == "young.rdb"
    assert (backups / made).stat().st_size > 0
