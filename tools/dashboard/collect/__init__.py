"""What the dashboard reads: log files, OTLP, the runner, metrics, sidecars."""
