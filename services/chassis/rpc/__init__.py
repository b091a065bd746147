"""gRPC beside HTTP, for services that have it on: imported by them alone, since it takes memory."""
