"""Executes what machines ask for: time, deliveries, processes, faults and trace, the same for every backend."""
