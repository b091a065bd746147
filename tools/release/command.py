"""The verb `release`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import yaml

from tools.contracts.breaking.__main__ import RELEASED, write_released
from tools.release.changelog import dated, opened, sections
from tools.release.checks import CHANGELOG, last_release, problems, read_record, tag_problems
from tools.release.rolling import RECORD, schemas, stops_needed
from tools.release.versions import SemanticVersion, current, write_version
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError

OUTPUT = REPO / ".run" / "release"
_COMMANDS = """\
Commit this, and tag the commit:
  git add CHANGELOG.md docs/contracts/released
  git commit --message 'Release {version}'
  git tag --annotate v{version} --file {message}
  git push --follow-tags
Then open the next version: ./tye-like-run.sh release --next {next}"""


def check(tag: str = "") -> int:
    """Print what forbids a release, or the images of a tag; non-zero if there is something."""
    found = tag_problems(tag) if tag else problems()
    for problem in found:
        print(problem)
    return int(bool(found))


def release(today: date | None = None) -> int:
    """Make this tree a release: the date, the contracts, the notes and the message of the tag.

    Raises RunnerError with all that forbids it, and writes nothing then.
    """
    version, text = current(REPO), CHANGELOG.read_text()
    newest = sections(text)[0]
    found = problems()
    if newest.is_released:
        found.append(f"{version} is released already: `./tye-like-run.sh release --next …`.")
    if not newest.entries:
        found.append(f"CHANGELOG.md says nothing of {version}.")
    if found:
        raise RunnerError("\n".join(found))
    notes = release_notes()
    CHANGELOG.write_text(dated(text, str(version), today or datetime.now(UTC).date()))
    write_released()
    record = {"version": str(version), "schemas": schemas(), "notes": notes}
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    message = _write_notes(version, notes)
    following = version.next(breaks=True, adds=True)
    print(_COMMANDS.format(version=version, message=message, next=following))
    return 0


def _write_notes(version: SemanticVersion, notes: str) -> Path:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "notes.md").write_text(notes)
    message = OUTPUT / "tag-message.txt"
    plain = notes.replace("`", "").replace("## ", "")
    message.write_text(f"Microgram {version}\n\n{plain}")
    return message.relative_to(REPO)


def release_notes() -> str:
    """Return what people should know of this version, as Markdown.

    Those of a released version are what they were then: compared with itself, it has no news.
    """
    if last_release() == current(REPO):
        return str(read_record()["notes"])
    notes = sections(CHANGELOG.read_text())[0].text + "\n"
    accepted = yaml.safe_load((RELEASED / "accepted.yaml").read_text()) or {}
    if accepted:
        notes += "\n## What breaks\n"
        notes += "".join(f"- `{what}`: {why}\n" for what, why in accepted.items())
    return notes + _upgrade_notes(stops_needed())


def _upgrade_notes(reasons: Sequence[str]) -> str:
    if not reasons:
        return "\n## Upgrade\nOne service after another, without an interruption.\n"
    listed = "".join(f"- {reason}\n" for reason in reasons)
    return f"\n## Upgrade\nWith a stop of some seconds (docs/operating.md):\n{listed}"


def begin(version: str) -> int:
    """Name the next version everywhere, and give it a section of the change log.

    Raises RunnerError for a version that is not above the present one.
    """
    try:
        following = SemanticVersion.parse(version)
    except ValueError as error:
        raise RunnerError(str(error)) from None
    text, now = CHANGELOG.read_text(), current(REPO)
    if following <= now:
        raise RunnerError(f"{version} is not above {now}.")
    is_released = sections(text)[0].is_released
    renamed = text.replace(f"## {now} (", f"## {following} (", 1)
    CHANGELOG.write_text(opened(text, version) if is_released else renamed)
    write_version(REPO, following)
    print("Now write the contracts again: .venv/bin/python -m tools.contracts")
    return 0
