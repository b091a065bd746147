import contextlib
import io
import re
from pathlib import Path

import pytest

from services.contracts.events import EVENTS
from tools.runner import cli
from tools.runner.__main__ import main
from tools.runner.commands import checks
from tools.runner.commands.dead_letters import letters_in
from tools.runner.config.manifest import ManifestApp, read_manifest
from tools.runner.config.paths import REPO, RunDir
from tools.runner.config.start_plan import StartPlan
from tools.runner.config.topology import read_topology
from tools.runner.errors import RunnerError
from tools.runner.supervisor.reload import affected_services
from tools.runner.supervisor.report import worst_state

APPS = [ManifestApp(name, Path(), ("x",)) for name in ("gateway", "posts", "feed", "users")]


@pytest.mark.parametrize(
    "arguments",
    [[], ["--components", "embedded"], ["--run-dir", "/x"], ["--run-dir=/x", "--port", "0"]],
)
def test_up_is_the_default_verb(arguments: list[str]) -> None:
    assert cli.parse(arguments).verb == "up"


def test_the_run_directory_may_stand_before_or_after_the_verb() -> None:
    assert cli.parse(["--run-dir", "/x", "down"]).run_dir == "/x"
    assert cli.parse(["down", "--run-dir", "/x"]).run_dir == "/x"


def test_options_of_up_are_understood() -> None:
    options = cli.parse(["--only", "a,b", "--except", "c", "--replicas", "posts=2,feed=3"])
    assert options.only == {"a", "b"}
    assert options.without == {"c"}
    assert options.replicas == {"posts": 2, "feed": 3}
    assert options.port is None


def test_guests_are_named_with_their_languages() -> None:
    assert cli.parse([]).guest == {}
    options = cli.parse(["--guest", "comments=go,posts=python+go"])
    assert options.guest == {"comments": ("go",), "posts": ("python", "go")}
    with pytest.raises(SystemExit):
        cli.parse(["--guest", "comments"])


def test_guests_of_the_environment_are_for_a_start_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(cli.GUEST, "comments=go")
    assert cli.parse(["up"]).guest == {"comments": ("go",)}
    assert cli.parse(["up", "--guest", "posts=go"]).guest == {"posts": ("go",)}
    assert cli.parse(["kubernetes", "--check"]).guest == {}
    monkeypatch.setenv(cli.GUEST, "comments")
    assert cli.parse(["compose", "--secrets"]).guest == {}
    with pytest.raises(SystemExit):
        cli.parse(["up"])
    assert 'MICROGRAM_GUEST: "comments" is not of the form comments=go' in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["compose", "kubernetes"])
def test_images_have_no_guests(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--guest", "insights=ts"]) == 1
    said = capsys.readouterr().err
    assert "--guest insights: the images have the services in Python only, and so has what" in said
    assert f"`{verb}` makes" in said


def test_a_program_takes_the_place_of_one_service(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conform", "--command", "x"]) == 1
    assert main(["conform", "--guest", "go"]) == 1
    assert main(["conform", "no-such-service"]) == 1
    said = capsys.readouterr().err
    assert "name it, as `conform comments`" in said
    assert 'there is no service "no-such-service"' in said


@pytest.mark.parametrize("option", ["backup", "learn", "scaffold"])
def test_an_option_of_test_runs_the_tests_of_its_folder(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def call(command: list[str]) -> int:
        ran.extend(command)
        return 0

    monkeypatch.setattr(checks, "_set_up_tools", lambda: (0, ""))
    monkeypatch.setattr(checks, "_call", call)
    assert main(["test", f"--{option}", "-k", "name"]) == 0
    assert f"tests/{option}" in ran
    assert ran[-2:] == ["-k", "name"]


def test_what_can_be_tested_is_named_where_people_look() -> None:
    """All options of `test` in CONTRIBUTING.md, and all folders of tests in two tables."""
    with pytest.raises(SystemExit), contextlib.redirect_stdout(io.StringIO()) as said:
        cli.parse(["test", "--help"])
    options = set(re.findall(r"^  --([a-z-]+)", said.getvalue(), re.MULTILINE)) - {"run-dir"}
    assert "scaffold" in options
    named = (REPO / "CONTRIBUTING.md").read_text()
    assert {each for each in options if f"| `test --{each}` |" not in named} == set()
    folders = {path.parent.name for path in (REPO / "tests").glob("*/test_*.py")} | {"unit"}
    readme, page = ((REPO / name).read_text() for name in ("README.md", "docs/architecture.md"))
    assert {each for each in folders if f"`{each}/`" not in readme} == set()
    assert {each for each in folders if f"| `tests/{each}` |" not in page} == set()


def test_arguments_of_pytest_are_passed_on() -> None:
    options = cli.parse(["test", "--fast", "-k", "name", "tests/unit"])
    assert options.fast
    assert options.rest == ["-k", "name", "tests/unit"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["down", "--hurry"],
        ["--replicas", "posts"],
        ["dance"],
        ["--port", "65536"],
        ["--port", "-1"],
        ["logs", "-n", "-3"],
    ],
)
def test_invalid_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.parse(arguments)
    assert caught.value.code == 2


def test_a_verb_after_an_option_is_refused_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parse(["--components", "embedded", "up"])
    assert "the verb comes first: ./tye-like-run.sh up" in capsys.readouterr().err


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.parse(["--help"])
    shown = capsys.readouterr().out
    assert all(f"\n  {verb} " in shown for verb in cli.VERBS)


def chosen(plan: StartPlan) -> list[str]:
    return [app.app_id for app in plan.select_apps(APPS)]


def test_only_and_except_choose_services(run: RunDir) -> None:
    assert chosen(StartPlan(run)) == ["gateway", "posts", "feed", "users"]
    assert chosen(StartPlan(run, only=frozenset({"posts", "feed"}))) == ["posts", "feed"]
    assert chosen(StartPlan(run, excluded=frozenset({"gateway"}))) == ["posts", "feed", "users"]
    assert chosen(StartPlan(run, infra_only=True)) == []


@pytest.mark.parametrize(
    "options", [{"only": frozenset({"x"})}, {"excluded": frozenset({"x"})}, {"replicas": {"x": 2}}]
)
def test_an_unknown_service_is_refused(run: RunDir, options: dict[str, object]) -> None:
    with pytest.raises(RunnerError, match='no app "x"'):
        StartPlan(run, **options).select_apps(APPS)  # type: ignore[arg-type]


def test_an_empty_selection_is_refused(run: RunDir) -> None:
    with pytest.raises(RunnerError, match="no app to start"):
        chosen(StartPlan(run, only=frozenset({"posts"}), excluded=frozenset({"posts"})))


def test_an_unusable_folder_is_reported_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["--run-dir", str(tmp_path / "file"), "down"]) == 1
    assert capsys.readouterr().err == f"\n{tmp_path}/file/runner.lock: Not a directory\n"


def test_the_topology_reports_missing_dependencies_of_a_selection() -> None:
    topology = read_topology()
    everything = [app.app_id for app in read_manifest(REPO / "dapr.yaml")]
    assert topology.missed_by(everything) == {}
    assert "auth" in topology.missed_by(["posts"])["posts"]


def test_every_topic_of_the_contracts_is_known_to_the_runner() -> None:
    assert {event.topic for event in EVENTS} <= set(read_topology().topics)


def test_a_change_of_shared_code_restarts_every_service() -> None:
    services = REPO / "services"
    running = {"posts", "feed"}
    assert affected_services([services / "posts" / "api.py"], running) == {"posts"}
    assert affected_services([services / "auth" / "api.py"], running) == set()
    assert affected_services([services / "chassis" / "outbox.py"], running) == running


def test_a_replica_has_the_worse_state_of_its_two_processes() -> None:
    assert worst_state(["ready", "backoff"]) == "backoff"
    assert worst_state(["ready", "ready"]) == "ready"


@pytest.mark.parametrize("answer", [[{"id": 1}], {"items": [{"id": 1}], "count": 1}])
def test_dead_letters_are_found_in_either_shape(answer: object) -> None:
    assert letters_in(answer) == [{"id": 1}]


def test_a_run_directory_is_named_by_option_or_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MICROGRAM_RUN_DIR", raising=False)
    assert RunDir.at(None).is_default
    monkeypatch.setenv("MICROGRAM_RUN_DIR", str(tmp_path))
    assert RunDir.at(None).path == tmp_path
    assert RunDir.at("/elsewhere").path == Path("/elsewhere")
