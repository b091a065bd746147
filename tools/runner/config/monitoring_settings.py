"""What is set for Prometheus and Alertmanager, and the rules of deploy/observability."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tools.runner.config.paths import REPO, write_private
from tools.runner.errors import RunnerError

SOURCES = REPO / "deploy" / "observability"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class MonitoringSettings:
    """What the environment says of scrapes and alerts; times are in seconds."""

    interval: int = 15
    """Between two scrapes, and between two evaluations of a rule."""
    longest_for: int | None = None
    """The most that a rule's condition must hold before its alert fires; None for the rule's own.
    Tests set it."""
    webhook: str = ""
    """Where alerts are sent, if anywhere."""

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "MonitoringSettings":
        """Read the settings. Raises RunnerError with the name of an invalid one."""
        webhook = env.get("MICROGRAM_ALERT_WEBHOOK", "")
        if webhook and urlsplit(webhook).scheme not in ("http", "https"):
            raise RunnerError(f'MICROGRAM_ALERT_WEBHOOK is "{webhook}"; it must be an http address')
        return cls(
            _seconds(env, "MICROGRAM_OBSERVE_INTERVAL") or cls.interval,
            _seconds(env, "MICROGRAM_ALERT_FOR"),
            webhook,
        )


def _seconds(env: Mapping[str, str], name: str) -> int | None:
    text = env.get(name, "")
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 300:
        raise RunnerError(f'{name} is "{text}"; it must be a number of seconds from 1 to 300')
    return int(text)


def write_rules(folder: Path, longest_for: int | None) -> None:
    """Write the rules into a folder, with no `for` above so many seconds."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for stale in folder.glob("*.yaml"):
        stale.unlink()
    for source in sorted((SOURCES / "rules").glob("*.yaml")):
        document = yaml.safe_load(source.read_text())
        for rule in (rule for group in document["groups"] for rule in group["rules"]):
            if longest_for is not None and _in_seconds(rule.get("for", "0s")) > longest_for:
                rule["for"] = f"{longest_for}s"
        write_private(folder / source.name, yaml.safe_dump(document, sort_keys=False))


def _in_seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)([smhd])", duration)
    if found is None:
        raise RunnerError(f'"{duration}" in {SOURCES / "rules"} is not of the form 5m')
    return int(found[1]) * _SECONDS[found[2]]
