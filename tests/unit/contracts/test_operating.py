"""Every setting is in the operator's page, with its default."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from services.feed.settings import FeedSettings
from services.gateway.settings import GatewaySettings
from services.notifications.settings import NotificationsSettings
from tools.runner import __main__, cli
from tools.runner.config.monitoring_settings import MonitoringSettings

PAGE = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()
ROWS = {
    tuple(re.findall(r"`(MICROGRAM_\w+)`", names)): default.strip()
    for names, default in re.findall(r"^\|(.*?)\|(.*?)\|.*\|$", PAGE, re.MULTILINE)
    if "MICROGRAM_" in names
}
ELSEWHERE = {"MICROGRAM_PUBLIC_URL"}
"""Settings whose default depends on the port."""

RUNNER_SETTINGS = {
    "MICROGRAM_DAPRD": "",
    "MICROGRAM_ALERT_WEBHOOK": MonitoringSettings.webhook,
    "MICROGRAM_OBSERVE_INTERVAL": MonitoringSettings.interval,
    "MICROGRAM_ALERT_FOR": MonitoringSettings.longest_for or "",
}
"""What the runner reads and not a service."""

INTERNAL = {"microgram_listen_fd"}
"""What the runner tells a service, and nobody else."""

DEFAULTS = RUNNER_SETTINGS | {
    name.upper(): field.default
    for settings in (GatewaySettings, NotificationsSettings, FeedSettings)
    for name, field in settings.model_fields.items()
    if name.startswith("microgram_") and name not in INTERNAL
}


def test_the_operating_page_names_every_setting_and_no_other() -> None:
    assert sorted(name for names in ROWS for name in names) == sorted(DEFAULTS)


@pytest.mark.parametrize("names", ROWS, ids=lambda names: names[0])
def test_the_operating_page_gives_the_defaults(names: tuple[str, ...]) -> None:
    if set(names) & ELSEWHERE:
        return
    said = ROWS[names].split(", ")
    shown = [re.sub(r"\.0$", "", str(DEFAULTS[name])) for name in names]
    assert [each.lower() for each in said] in (
        [each.lower() for each in shown],
        [shown[0].lower()] if len(set(shown)) == 1 else None,
    )


def commands(page: str) -> list[str]:
    """Return the arguments of each command of the runner on a page, in blocks and in lines."""
    found = re.findall(r"^\$ \./tye-like-run\.sh(.*)$", page, re.MULTILINE)
    return found + re.findall(r"`\./tye-like-run\.sh ([^`]*)`", page)


@pytest.mark.parametrize("arguments", commands(PAGE))
def test_the_runner_understands_every_command_of_the_page(arguments: str) -> None:
    words = shlex.split(arguments.replace("[", "").replace("]", ""), comments=True)
    options = cli.parse(words)
    assert options.verb in __main__._VERBS
