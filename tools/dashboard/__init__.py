"""The dashboard: what runs, what it logs, where a request went. A process beside the system."""
