"""Rate limits: counters in memory, synchronised between the replicas."""
