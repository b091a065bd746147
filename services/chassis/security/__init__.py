"""Authentication and authorization: access tokens, and the guards of routes."""
