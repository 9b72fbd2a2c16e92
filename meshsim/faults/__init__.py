"""What can go wrong, as data: kinds of faults, targets, signals, and conditions on trace records."""
