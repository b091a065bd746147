"""An exercise."""
