#!/usr/bin/env bash
# Microgram with one command: creates .venv from requirements.lock if needed, and starts
# tools/runner. See `./tye-like-run.sh --help`.
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
    echo "Microgram needs Python 3.11 or newer with its venv module, but PATH has none." >&2
    exit 1
}

checksum() { # of a file, with a tool that the system has
    if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi
}

progress() { # of an installation, from the output of pip
    local all
    all=$(grep -c == requirements.lock)
    if grep -q '^Installing collected' "$1" 2>/dev/null; then
        echo "all of $all packages fetched, installing them"
    else
        echo "$(grep -c '^Collecting' "$1" 2>/dev/null || true) of $all packages fetched"
    fi
}

report() { # the progress every 15 s; ends with this script
    local began=$SECONDS
    while sleep 15 </dev/null >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        echo "setting up .venv: $(progress "$1"), $((SECONDS - began)) s so far" >&2
    done
}

set_up() { # writes the stamp last, so that an interrupted set-up is repeated
    local began=$SECONDS python log
    python=$(find_python)
    log=$(mktemp)
    if [ -n "${PIP_FIND_LINKS:-}" ] && [ ! -e "$PIP_FIND_LINKS" ]; then unset PIP_FIND_LINKS; fi
    echo "Setting up .venv with $("$python" --version) (once; a minute or two) …" >&2
    report "$log" &
    # shellcheck disable=SC2064 # expand now
    trap "kill $! 2>/dev/null || true; rm -f '$log'" EXIT
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then "$python" -m venv --clear .venv; fi
    if ! PYTHONUNBUFFERED=1 .venv/bin/python -m pip install --disable-pip-version-check \
        --progress-bar off --require-hashes -r requirements.lock >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "The packages could not be installed (see above). Check the network." \
            "Finished steps are kept: run the same command again." >&2
        exit 1
    fi
    kill $! 2>/dev/null || true
    rm -f "$log"
    trap - EXIT
    echo "$1" >.venv/.lock-stamp
    echo "Set up in $((SECONDS - began)) s." >&2
}

stamp=$(checksum requirements.lock)
if [ "$(cat .venv/.lock-stamp 2>/dev/null)" != "$stamp" ] || [ ! -x .venv/bin/python ]; then
    set_up "$stamp"
fi
exec .venv/bin/python -m tools.runner "$@"
