"""The gate against breaking changes: contracts compared with those of the last release.

`python -m tools.contracts.breaking` says which change breaks whom; with `--release` the present
contracts become those of the last release.
"""
