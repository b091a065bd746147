#!/usr/bin/env bash
# Microgram with one command: makes .venv from requirements.lock where that is not done yet,
# and hands over to tools/runner. `./tye-like-run.sh --help` says what it can do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

find_python() {
    local name
    for name in python3.11 python3.12 python3.13 python3 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "Microgram needs Python 3.11 or newer with its venv module; there is none on PATH." >&2
    exit 1
}

checksum() { # of a file, with what every system has
    if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi
}

set_up() { # the stamp is written last: an interrupted set-up is simply done again
    local began=$SECONDS python
    python=$(find_python)
    if [ -n "${PIP_FIND_LINKS:-}" ] && [ ! -e "$PIP_FIND_LINKS" ]; then unset PIP_FIND_LINKS; fi
    echo "Setting up .venv with $("$python" --version) (once; a minute or two) …" >&2
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then "$python" -m venv --clear .venv; fi
    if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r requirements.lock; then
        echo "The packages could not be installed (above: why). Is there a network?" \
            "What is done is kept: run the same command again." >&2
        exit 1
    fi
    echo "$1" >.venv/.lock-stamp
    echo "Set up in $((SECONDS - began)) s." >&2
}

stamp=$(checksum requirements.lock)
if [ "$(cat .venv/.lock-stamp 2>/dev/null)" != "$stamp" ] || [ ! -x .venv/bin/python ]; then
    set_up "$stamp"
fi
exec .venv/bin/python -m tools.runner "$@"
