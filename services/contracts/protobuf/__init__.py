"""Messages of gRPC, generated from `proto/` by `python -m tools.contracts`."""
