"""Measures throughput, latency and cost of the system: `python -m bench --help`.

Reading order: `run` (one run), `system` (what is measured), `server` and `dataset_loader` (what it
holds), `measurement` (how it is measured), `worker` and `http_connection` (who sends the requests),
`metrics` and `targets` (what follows from it), `tables` (how results are shown).
"""
