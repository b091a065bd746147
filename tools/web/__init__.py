"""Checks of the web app by programs of Node."""
