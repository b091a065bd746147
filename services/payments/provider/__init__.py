"""The payment provider: its port, and a sandbox that moves no money."""
