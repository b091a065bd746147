"""The lines that name a new service: they go where they belong, and go again without a trace."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml

from services.chassis.security.access_rules import read_access
from services.contracts.events import EVENTS
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.scaffold.generated_files import render_files
from tools.scaffold.new_service import NewService, without_accounts
from tools.scaffold.registrations import REGISTRATIONS, added_lines, names_module

TOPICS = without_accounts(each.topic for each in EVENTS if "invalidations" not in each.topic)
SERVICES = (
    NewService("qwertyuiops", "qwertyuiop", "qwertyuiop-changed", ("posts",)),
    NewService("aquariums", "aquarium", "aquarium-filled"),
    NewService("zyzzyvas", "zyzzyva", "zyzzyva-found", TOPICS),
    NewService("abcdefghijklmnop", "ponmlkjihgfedcbx", "ponmlkjihgfedcbx-changed", TOPICS),
)
"""Names that nobody gives a service of their own: these tests must pass beside it, too."""


@pytest.mark.parametrize("new", SERVICES, ids=lambda new: new.name)
@pytest.mark.parametrize("path", REGISTRATIONS)
def test_a_file_names_the_service_until_it_is_taken_out(path: str, new: NewService) -> None:
    before = (REPO / path).read_text()
    named = REGISTRATIONS[path].add(before, new)
    assert len(re.findall(rf"\b{new.name}\b", named)) > len(re.findall(rf"\b{new.name}\b", before))
    assert REGISTRATIONS[path].remove(named, new) == before


def test_two_new_services_do_not_share_ports_and_leave_each_other_alone() -> None:
    one, two = SERVICES[:2]
    for path, edit in REGISTRATIONS.items():
        before = (REPO / path).read_text()
        both = edit.add(edit.add(before, one), two)
        if path == "dapr.yaml":
            ports = [app["appPort"] for app in yaml.safe_load(both)["apps"]]
            assert len(ports) == len(set(ports))
        assert edit.remove(edit.remove(both, one), two) == before


@pytest.mark.parametrize("new", SERVICES, ids=lambda new: new.name)
def test_every_file_compiles_and_no_line_is_too_long(new: NewService) -> None:
    for path, text in render_files(new).items():
        compile(text, path, "exec")
        assert max(map(len, text.splitlines()), default=0) <= 100, path
        assert "{{" not in text, path


@pytest.mark.parametrize("service", ["posts", "feed", "media"])
def test_a_service_is_taken_out_of_the_rules_of_those_whom_it_calls(service: str) -> None:
    """Whatever the place in the list; of what is left, nothing is written in another way."""
    path = "services/access.yaml"
    left = REGISTRATIONS[path].remove((REPO / path).read_text(), replace(SERVICES[0], name=service))
    assert not re.search(
        rf"^ .*\[.*\b{service}\b.*\](?: #.*)?$", _without_topics(left), re.MULTILINE
    )
    kept = yaml.safe_load(left)["services"]
    before = yaml.safe_load((REPO / path).read_text())["services"]
    assert kept.keys() == before.keys() - {service}
    for name, own in kept.items():
        for route, callers in own.get("calls", {}).items():
            if callers != "all":
                assert callers == [each for each in before[name]["calls"][route] if each != service]


def _without_topics(rules: str) -> str:
    return re.sub(r"^    (publishes|subscribes):\s*\[[^\]]*\]", "", rules, flags=re.MULTILINE)


def test_a_service_that_hears_nothing_keeps_nothing_of_others() -> None:
    assert not [path for path in render_files(SERVICES[1]) if "sources" in path]


@pytest.mark.parametrize(
    ("noun", "plural"), [("story", "stories"), ("day", "days"), ("box", "boxes"), ("poll", "polls")]
)
def test_plurals(noun: str, plural: str) -> None:
    assert NewService("x", noun, f"{noun}-changed").plural == plural


@pytest.mark.parametrize(
    "name",
    [
        *("sentry", "placement", "scheduler", "etcd", "nats", "redis", "rabbitmq"),
        *("postgresql", "mariadb", "mosquitto", "kafka", "dashboard"),
    ],
)
def test_no_service_has_the_name_of_another_process(name: str) -> None:
    with pytest.raises(RunnerError, match=f'"{name}" is the name of another process'):
        NewService(name, "slot", "slot-changed").check(REPO, read_access())


def test_lines_that_were_added_are_those_of_the_service_alone() -> None:
    assert added_lines("a\nb\n", "b\nx\na\nx\n") == {"x": 2}
    assert added_lines("", "appPort: 8112") == added_lines("", "appPort: 8113")


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("from services.clients.qwertyuiops import Client", True),
        ("import services.contracts.qwertyuiops", True),
        ('patch("services.qwertyuiops.app.x")', True),
        ("from services.contracts import events, qwertyuiops", True),
        ("from services.clients.qwertyuiopsy import X", False),
        ("qwertyuiops = []", False),
    ],
)
def test_what_names_the_code_of_a_service(text: str, is_named: bool) -> None:
    assert names_module(text, "qwertyuiops") is is_named
