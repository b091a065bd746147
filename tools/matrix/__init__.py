"""The matrix: test suites and a short benchmark on every component set, and their page."""
