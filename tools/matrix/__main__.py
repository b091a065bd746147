"""`python -m tools.matrix [SET…] [SUITE…]`, which `./tye-like-run.sh test --matrix` runs."""

import sys

from tools.matrix.run import run_matrix
from tools.runner.errors import RunnerError

if __name__ == "__main__":
    try:
        sys.exit(run_matrix(sys.argv[1:]))
    except RunnerError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
