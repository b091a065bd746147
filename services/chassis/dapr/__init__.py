"""The Dapr sidecar, the only way out of a service."""
