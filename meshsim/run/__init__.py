"""One run: a plan in, a result out, kept as a run directory."""

from meshsim.run.directory import OutputError, RunError, find_runs, prepare, read_run, run_name, write_run
from meshsim.run.execute import RunResult, brief_of, command_line, compared, reproduce_line, run_plan
from meshsim.run.program import program_of

__all__ = [
    "OutputError",
    "RunError",
    "RunResult",
    "brief_of",
    "command_line",
    "compared",
    "find_runs",
    "prepare",
    "program_of",
    "read_run",
    "reproduce_line",
    "run_name",
    "run_plan",
    "write_run",
]
