"""Exercises of questions: the learner writes an answer behind each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from tools.learn.report import Work


def check_answers(work: Work, exercise: Path) -> None:
    """Compare the learner's `answers.yaml` with the solution. Raises `InvariantFallen`."""
    reasons = yaml.safe_load((exercise / "reasons.yaml").read_text())

    def look(question: str, given: str) -> str:
        blank = "answers.yaml: write behind the colon of this question"
        return str(reasons[question]) if given else blank

    right = yaml.safe_load((exercise / "solution" / "answers.yaml").read_text())
    require_answers(work, right, look, form="one of the choices")


def require_answers(
    work: Work,
    right: Mapping[str, object],
    look: Callable[[str, str], str],
    form: str = "an answer",
) -> None:
    """Compare the learner's answers with the right ones. Raises `InvariantFallen`.

    `look` gives where to look, by a question and the answer to it, which is empty if there is none
    yet. `form` says what is expected then.
    """
    answers = work.answers()
    for question, answer in right.items():
        given = answers.get(question, "").strip().lower().removesuffix(")")
        work.require(
            question,
            given == str(answer).lower(),
            expected="another answer" if given else form,
            seen=f'"{given}"' if given else "no answer yet",
            look=look(question, given),
        )
