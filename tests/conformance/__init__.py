"""The conformance kit: a program beside a real sidecar is tested against docs/protocol.md."""
