"""Use cases that REST, GraphQL and the pages share."""
