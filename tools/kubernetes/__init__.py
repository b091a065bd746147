"""Writes deploy/kubernetes from the files that local runs read, and tries it on an API server."""
