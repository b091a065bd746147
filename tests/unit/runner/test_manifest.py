from pathlib import Path

import pytest

from tools.runner.config.manifest import ManifestError, read_manifest
from tools.runner.config.paths import REPO

GOOD = """\
version: 1
common:
  resourcesPaths: ["."]
  maxBodySize: 24Mi
  env: {A: common, B: common}
apps:
  - appID: posts
    appDirPath: .
    appPort: 8104
    command: ["python", "-m", "posts"]
    env: {B: own}
  - appID: feed
    appDirPath: .
    daprHTTPPort: 3506
    command: ["python", "-m", "feed"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "dapr.yaml"
    path.write_text(text)
    return path


def test_our_own_manifest_is_good() -> None:
    names = [app.app_id for app in read_manifest(REPO / "dapr.yaml")]
    assert names == [
        "gateway",
        "auth",
        "users",
        "media",
        "posts",
        "comments",
        "feed",
        "notifications",
        "catalog",
        "orders",
        "payments",
    ]


def test_common_settings_are_merged_into_each_app(tmp_path: Path) -> None:
    posts, feed = read_manifest(write(tmp_path, GOOD))
    assert posts.env == {"A": "common", "B": "own"}
    assert feed.env == {"A": "common", "B": "common"}
    assert posts.max_body_size == "24Mi"
    assert posts.app_port == 8104
    assert posts.directory == tmp_path
    assert feed.command == ("python", "-m", "feed")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("    appPort: 8104", "    apPort: 8104", 9, 'unknown key "apPort"'),
        ("  maxBodySize: 24Mi", "  maxBody: 24Mi", 4, 'unknown key "maxBody" in common'),
        ("version: 1", "version: 1\nextra: 2", 2, 'unknown key "extra" in the file'),
        ("version: 1", "version: 2", 1, "version: 1"),
        ('resourcesPaths: ["."]', "resourcesPaths: [gone]", 3, "no directory gone"),
        ("appID: feed", "appID: posts", 12, 'app-id "posts" is already used on line 7'),
        ("daprHTTPPort: 3506", "daprHTTPPort: 8104", 14, "port 8104 is already used on line 9"),
        ("appPort: 8104", "appPort: many", 9, '"appPort" must be a number'),
        ("appPort: 8104", "appPort: true", 9, '"appPort" must be a number'),
        ('["python", "-m", "feed"]', "python -m feed", 15, '"command" must be a list'),
        ('["python", "-m", "feed"]', "[1, 2]", 15, "a list of texts"),
        ("    appPort: 8104", "    appID: again", 9, '"appID" is given twice'),
        ("    appDirPath: .\n    daprHTTPPort", "    daprHTTPPort", 12, 'without "appDirPath"'),
        ("    env: {B: own}", "    env: [", 12, "not YAML"),
        ("env: {B: own}", "env: own", 11, '"env" must be a mapping'),
    ],
)
def test_a_fault_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    message = str(caught.value)
    assert says in message
    assert message.startswith(f"{path}:{line}:")


@pytest.mark.parametrize("text", ["", "version: 1\n", "version: 1\napps: []\n"])
def test_a_manifest_without_apps_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError):
        read_manifest(write(tmp_path, text))


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such file"):
        read_manifest(tmp_path / "dapr.yaml")
