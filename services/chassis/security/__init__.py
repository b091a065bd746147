"""Who is calling: access tokens and the guards of routes."""
