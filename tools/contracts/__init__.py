"""Writes down, from the code, all that passes between services: OpenAPI, AsyncAPI, GraphQL."""
