"""The parts of a replay: what a node began with, what it took, what it asked for, and what followed from that."""
