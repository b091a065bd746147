"""Tests of the images and of the compose project, which podman really builds and runs."""
