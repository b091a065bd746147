"""What a start is made of: the manifest, the topology, component sets, secrets and paths."""
