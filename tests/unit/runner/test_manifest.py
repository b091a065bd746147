from pathlib import Path

import pytest

from services.chassis.security.access_rules import read_access
from tools.runner.config.manifest import ManifestError, read_manifest
from tools.runner.config.manifest_keys import APP_KEYS, COMMON_KEYS, TOP_KEYS, UNSUPPORTED_KEYS
from tools.runner.config.paths import REPO

GOOD = """\
version: 1
common:
  resourcesPaths: ["."]
  maxBodySize: 24Mi
  logLevel: info
  env: {A: common, B: common}
apps:
  - appID: posts
    appDirPath: .
    appPort: 8104
    command: ["python", "-m", "posts"]
    env: {B: own}
    logLevel: warn
  - appID: feed
    appDirPath: .
    daprHTTPPort: 3506
    command: ["python", "-m", "feed"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "dapr.yaml"
    path.write_text(text)
    return path


def test_the_manifest_starts_each_service_that_has_rules() -> None:
    names = [app.app_id for app in read_manifest(REPO / "dapr.yaml")]
    assert sorted(names) == sorted(read_access())


def test_common_settings_are_merged_into_each_app(tmp_path: Path) -> None:
    posts, feed = read_manifest(write(tmp_path, GOOD))
    assert posts.env == {"A": "common", "B": "own"}
    assert feed.env == {"A": "common", "B": "common"}
    assert posts.options == {"max-body-size": "24Mi", "log-level": "warn"}
    assert feed.options == {"max-body-size": "24Mi", "log-level": "info"}
    assert posts.ports == {"app-port": (8104, f"{tmp_path / 'dapr.yaml'}:10")}
    assert posts.directory == posts.resources == tmp_path
    assert feed.command == ("python", "-m", "feed")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("    appPort: 8104", "    apPort: 8104", 10, 'unknown key "apPort"'),
        ("  maxBodySize: 24Mi", "  maxBody: 24Mi", 4, 'unknown key "maxBody" in common'),
        ("version: 1", "version: 1\nextra: 2", 2, 'unknown key "extra" in the file'),
        ("version: 1", "version: 2", 1, "version: 1"),
        ('resourcesPaths: ["."]', "resourcesPaths: [gone]", 3, "no directory gone"),
        ("appID: feed", "appID: posts", 14, 'app-id "posts" is already used on line 8'),
        ("daprHTTPPort: 3506", "daprHTTPPort: 8104", 16, "port 8104 is already used on line 10"),
        ("appPort: 8104", "appPort: many", 10, '"appPort" must be a number'),
        ("appPort: 8104", "appPort: true", 10, '"appPort" must be a number'),
        ('["python", "-m", "feed"]', "python -m feed", 17, '"command" must be a list'),
        ('["python", "-m", "feed"]', "[1, 2]", 17, "a list of texts"),
        ("    appPort: 8104", "    appID: again", 10, '"appID" is given twice'),
        ("    appDirPath: .\n    daprHTTPPort", "    daprHTTPPort", 14, 'without "appDirPath"'),
        ("    env: {B: own}", "    env: [", 14, "not YAML"),
        ("env: {B: own}", "env: own", 12, '"env" must be a mapping'),
        ("    appPort: 8104", "    appSSL: true", 10, '"appSSL" in an app is not supported'),
        ("    appPort: 8104", "    resourcesPath: .", 10, "share the component set"),
        ("  logLevel: info", "  runtimePath: /x", 5, '"runtimePath" in common is not supported'),
        ("  logLevel: info", "  appProtocol: grpc", 5, "only http is supported"),
        ("  logLevel: info", "  apiListenAddresses: 0.0.0.0", 5, "127.0.0.1 must be one of"),
        ("  logLevel: info", "  configFilePath: gone.yaml", 5, "no file gone.yaml"),
        (
            "  logLevel: info",
            "  enableApiLogging: 1",
            5,
            '"enableApiLogging" must be true or false',
        ),
        ('["."]', '[".", "."]', 3, "only one directory is supported"),
    ],
)
def test_an_error_names_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
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


TEMPLATE_KEYS = (
    *("version", "name", "common", "apps"),
    *("appDirPath", "containerImage", "containerImagePullPolicy", "createService"),
    *("appID", "appChannelAddress", "appPort", "daprHTTPPort"),
    *("daprGRPCPort", "profilePort", "command", "metricsPort"),
    *("unixDomainSocket", "daprInternalGRPCPort", "configFilePath", "appProtocol"),
    *("apiListenAddresses", "enableProfiling", "logLevel", "appMaxConcurrency"),
    *("placementHostAddress", "resourcesPath", "resourcesPaths", "appSSL"),
    *("maxBodySize", "readBufferSize", "enableAppHealthCheck", "appHealthCheckPath"),
    *("appHealthProbeInterval", "appHealthProbeTimeout", "appHealthThreshold", "enableApiLogging"),
    *("runtimePath", "env", "daprdLogDestination", "appLogDestination"),
    "schedulerHostAddress",
)
"""Every key of the multi-app run template of Dapr 1.18: `RunFileConfig` of its CLI."""


def test_every_key_of_the_template_is_honoured_or_refused_with_a_reason() -> None:
    known = {*TOP_KEYS, *COMMON_KEYS, *APP_KEYS, *UNSUPPORTED_KEYS}
    assert known == set(TEMPLATE_KEYS)


@pytest.mark.parametrize("key", sorted({*APP_KEYS, *COMMON_KEYS}))
def test_every_supported_key_changes_what_is_read(tmp_path: Path, key: str) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own.yaml").touch()
    (tmp_path / "own/own.yaml").touch()
    values = {"apiListenAddresses": '"127.0.0.1,::1"', "appProtocol": "http"}
    values |= {"appChannelAddress": "127.0.0.1", "appDirPath": "own", "configFilePath": "own.yaml"}
    values |= {"resourcesPath": "own", "resourcesPaths": "[own]"}
    by_type = {str: "own", int: "77", bool: "true", list: "[own]", dict: "{OWN: own}"}
    rule = APP_KEYS.get(key) or COMMON_KEYS[key]
    line = f"{key}: {values.get(key, by_type[rule.kind])}"
    plain = "version: 1\ncommon: {COMMON}\napps:\n  - {appID: a, appDirPath: ., command: [x]}\n"
    if key in COMMON_KEYS:
        changed = plain.replace("COMMON", line)
    else:
        kept = [each for each in ("appID: a", "appDirPath: .", "command: [x]") if key not in each]
        changed = plain.replace(
            "{appID: a, appDirPath: ., command: [x]}", f"{{{', '.join([*kept, line])}}}"
        )
    (before,) = read_manifest(write(tmp_path, plain.replace("COMMON", "")))
    (after,) = read_manifest(write(tmp_path, changed.replace("COMMON", "")))
    assert after != before


def test_paths_of_an_app_are_relative_to_its_directory(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "shared.yaml").touch()
    (tmp_path / "sub/own.yaml").touch()
    text = """\
version: 1
common: {configFilePath: shared.yaml}
apps:
  - {appID: a, appDirPath: sub, command: [x], configFilePath: own.yaml}
  - {appID: b, appDirPath: sub, command: [x]}
"""
    own, shared = read_manifest(write(tmp_path, text))
    assert own.config_file == tmp_path / "sub/own.yaml"
    assert shared.config_file == tmp_path / "shared.yaml"


def test_an_empty_value_of_an_app_leaves_that_of_common(tmp_path: Path) -> None:
    text = """\
version: 1
common: {enableApiLogging: true, logLevel: debug}
apps:
  - {appID: a, appDirPath: ., command: [x], enableApiLogging: false, logLevel: ""}
"""
    (app,) = read_manifest(write(tmp_path, text))
    assert app.options == {"enable-api-logging": "true", "log-level": "debug"}
