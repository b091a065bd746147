"""The HTTP API of auth. Other services call it through the sidecar."""
