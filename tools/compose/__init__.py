"""Makes the compose project of deploy/ from dapr.yaml, services/access.yaml and a component set."""
