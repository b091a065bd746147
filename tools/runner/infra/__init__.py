"""The servers and tools that a system needs: found, built or started."""
