"""Speed of meshsim beside a baseline that runs in alternation with it. `make bench`, or `python -m benchmarks`."""
