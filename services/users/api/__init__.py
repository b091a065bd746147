"""The HTTP API of the users service. Other services call it through the sidecar."""
