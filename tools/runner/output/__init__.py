"""What the runner prints: tables, logs and progress."""
