"""Scores of pages of the web app by Lighthouse: `python -m bench.lighthouse URL`.

The system at the URL is filled with the demo. Lighthouse has its mobile setting: a slow phone and a
slow network, simulated. A busy machine lowers the score of performance, so the median counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tools.demo.dataset import PASSWORD
from tools.runner.config.paths import REPO
from tools.runner.errors import RunnerError
from tools.web import npm

_CONFIG = REPO / "tools/web/lighthouse"
_USER = "demo_mara"
_PAGES = {"home": "/", "profile": "/@demo_jonas", "post": ""}
_CATEGORIES = ("performance", "accessibility", "best-practices")
_WANTED = {"performance": 95, "accessibility": 100, "best-practices": 100}
_TIMES = {
    "first-contentful-paint": ("first paint", "{:.0f} ms"),
    "largest-contentful-paint": ("largest paint", "{:.0f} ms"),
    "total-blocking-time": ("blocked", "{:.0f} ms"),
    "cumulative-layout-shift": ("shift", "{:.3f}"),
}


def log_in(url: str) -> str:
    """Return the session cookie of a user of the demo."""
    form = {"login": _USER, "password": PASSWORD, "next": "/"}
    answer = requests.post(
        f"{url}/login", data=form, headers={"origin": url}, allow_redirects=False, timeout=30
    )
    cookie = answer.cookies.get("session")
    if answer.status_code != 303 or cookie is None:
        raise SystemExit(f"{url} does not know {_USER}: run `./tye-like-run.sh demo` first")
    return str(cookie)


def measure(program: Path, url: str, cookie: str) -> Mapping[str, Any]:
    """Return the report of Lighthouse for a page."""
    with tempfile.TemporaryDirectory() as folder:
        headers = Path(folder) / "headers.json"
        headers.write_text(json.dumps({"Cookie": f"session={cookie}"}))
        report = Path(folder) / "report.json"
        command = [
            *(str(program), url, "--quiet", "--output=json", f"--output-path={report}"),
            f"--only-categories={','.join(_CATEGORIES)}",
            f"--extra-headers={headers}",
            "--chrome-flags=--headless=new --no-sandbox",
        ]
        chromium = shutil.which("chromium")
        if chromium is None:
            raise SystemExit("Chromium is not installed: on Debian, `apt-get install chromium`")
        env = os.environ | {"CHROME_PATH": chromium}
        subprocess.run(command, env=env, check=True)
        found: Mapping[str, Any] = json.loads(report.read_text())
        return found


def post_page(url: str) -> str:
    """Return the path of the newest post with a picture.

    Its URL has the server's public address, which need not be the one that is measured.
    """
    query = {"only_media": "true", "limit": "1"}
    answer = requests.get(f"{url}/api/v1/timelines/public", params=query, timeout=30)
    answer.raise_for_status()
    found = answer.json()
    if not found:
        raise SystemExit(f"{url} has no post with a picture: run `./tye-like-run.sh demo` first")
    return urlsplit(str(found[0]["url"])).path


def main() -> int:
    """Measure the pages, print the medians, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="the gateway of a running system with the demo's data")
    parser.add_argument("--runs", type=int, default=3, help="runs of each page (3)")
    options = parser.parse_args()
    try:
        program = npm.install(_CONFIG, "lighthouse")
    except RunnerError as error:
        raise SystemExit(str(error)) from error
    cookie = log_in(options.url)
    missed = False
    for name, path in _PAGES.items():
        address = options.url + (path or post_page(options.url))
        reports = [measure(program, address, cookie) for _ in range(options.runs)]
        scores = {each: median_score(reports, each) for each in _CATEGORIES}
        missed |= any(scores[each] < _WANTED[each] for each in _CATEGORIES)
        shown = {**scores, **median_times(reports)}
        print(name, *(f"{what} {value}" for what, value in shown.items()), sep="  ")
    return int(missed)


def median_score(reports: list[Mapping[str, Any]], category: str) -> int:
    """Return the median of a score, from 0 to 100."""
    scores = [report["categories"][category]["score"] or 0 for report in reports]
    return round(100 * statistics.median(scores))


def median_times(reports: list[Mapping[str, Any]]) -> dict[str, str]:
    """Return the medians of the times and of the layout shift, each with its unit."""
    return {
        what: form.format(
            statistics.median(report["audits"][audit]["numericValue"] for report in reports)
        )
        for audit, (what, form) in _TIMES.items()
    }


if __name__ == "__main__":
    sys.exit(main())
