"""The learning path on a running system; only with `test --learn`."""
