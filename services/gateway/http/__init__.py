"""How the gateway reads requests and writes responses."""
