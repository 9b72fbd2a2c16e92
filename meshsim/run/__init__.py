"""One run: a plan in, a result out, kept as a run directory."""

from meshsim.drive.timing import LATENESS, Late, Timing, late_text, spread
from meshsim.run.brief import brief_of
from meshsim.run.directory import (
    OutputError,
    RunError,
    check_writable,
    find_runs,
    prepare,
    read_meta,
    read_run,
    run_name,
    write_run,
    write_whole,
)
from meshsim.run.execute import RunResult, compared, reproduce_command, reproduce_line, run_plan
from meshsim.run.limits import Limits
from meshsim.run.outcome import Keep, Outcome, case_name
from meshsim.run.pace import Pace
from meshsim.run.program import program_of
from meshsim.run.suite import Job, Settings, Suite, repeat_share, run_suite

__all__ = [
    "LATENESS",
    "Job",
    "Keep",
    "Late",
    "Limits",
    "Outcome",
    "OutputError",
    "Pace",
    "RunError",
    "RunResult",
    "Settings",
    "Suite",
    "Timing",
    "brief_of",
    "case_name",
    "check_writable",
    "compared",
    "find_runs",
    "late_text",
    "prepare",
    "program_of",
    "read_meta",
    "read_run",
    "repeat_share",
    "reproduce_command",
    "reproduce_line",
    "run_name",
    "run_plan",
    "run_suite",
    "spread",
    "write_run",
    "write_whole",
]
