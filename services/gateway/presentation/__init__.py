"""Contract models rendered for clients: entities, URLs and HTML."""
