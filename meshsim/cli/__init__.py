"""The `meshsim` command. Exit codes: 0 passed, 1 violated, 2 bad input, 3 inconclusive, 130 interrupted.

Commands are imported when they are called: `meshsim --help` loads none of them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from meshsim.cli.console import err

PASSED, VIOLATED, BAD_INPUT, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 130
#: What a shell reports for a command whose reader went away (128 + SIGPIPE).
READER_GONE = 141

app = App(
    name="meshsim",
    help="Simulate and test supervised actor meshes: one scenario file, one verdict, in simulation and on real "
    "processes.",
    help_epilogue="Exit codes: 0 passed, 1 violated, 2 bad input or usage, 3 inconclusive, 130 interrupted.",
    help_format="plaintext",
    version=lambda: f"meshsim {_version()}",
    version_flags=["--version"],
    default_parameter=Parameter(negative=()),
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for _name, _place, _help in (
    ("run", "meshsim.cli.run:run", "Run scenarios and judge them."),
    ("list", "meshsim.cli.scenarios:list_scenarios", "List scenarios."),
    ("check", "meshsim.cli.scenarios:check", "Validate scenario files; run nothing."),
    ("show", "meshsim.cli.show:show", "Show the plan of a scenario, in words and as a table."),
    ("bounds", "meshsim.cli.bounds:bounds", "Say how long things may take at most, and why."),
    ("trace", "meshsim.cli.traces:trace", "Print the records of a run."),
    ("diff", "meshsim.cli.traces:diff", "Find where two runs first differ."),
    ("replay", "meshsim.cli.replay:replay_runs", "Feed live runs to the model again, and compare what it does."),
    ("report", "meshsim.cli.report:report", "Write a page about runs."),
    ("export", "meshsim.cli.export:export", "Write a run as a timeline for Perfetto."),
    ("certify", "meshsim.cli.certify:certify", "Say whether scenarios do the same in all three worlds."),
    ("sweep", "meshsim.cli.sweep:sweep", "Run a scenario with many settings and seeds, into one table."),
    ("compare", "meshsim.cli.compare:compare", "Say what changed between tables or runs, in words and pictures."),
    ("explore", "meshsim.cli.explore:explore", "Search for faults and orders that violate an invariant."),
    ("faults", "meshsim.cli.faults:faults", "Say what can go wrong, and show that each fault does what it says."),
    ("quirks", "meshsim.cli.quirks:quirks", "Say how the modelled system surprises, and show each surprise."),
    ("invariants", "meshsim.cli.invariants:invariants", "Say what must hold in every run, and what breaks it."),
    ("records", "meshsim.cli.records:records", "Say what a trace may hold, to wait for in a scenario."),
    ("coverage", "meshsim.cli.coverage:coverage", "Say which transitions of the model scenarios reach."),
    ("init-ci", "meshsim.cli.init_ci:init_ci", "Write a suite that works into a project: scenarios, pytest, CI."),
    ("schema", "meshsim.cli.scenarios:schema", "Print the JSON schema of scenario files."),
    ("doctor", "meshsim.cli.doctor:doctor", "Say what this machine can do."),
):
    app.command(_place, name=_name, help=_help)


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command line (that of the process, if not given) and return its exit code."""
    if sys.stdout is None:  # Closed by whoever started us: there is nobody to tell.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  it lasts as long as the process
    # Frames are for people; a pipe or a file gets plain characters.
    app.help_formatter = "default" if sys.stdout.isatty() else "plain"
    try:
        code = app(tokens) or PASSED
        sys.stdout.flush()
        return code
    except CycloptsError as error:
        return _refused(" ".join(str(error).split()))
    except KeyboardInterrupt:
        if tokens is None:
            # Nothing is left to interrupt: another Ctrl-C must not become the exit code while Python shuts down.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        err("interrupted: the processes of the run have ended, runs that were complete are kept")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left, as `head` does; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except OSError as error:
        if error.filename is not None:
            raise
        # Our output has no place to go, as on a full disk; what is still in its buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _refused(f"standard output: {error.strerror}")
    except Exception as error:
        from meshsim.cli.errors import is_users

        if not is_users(error):
            raise
        return _refused(str(error))


def _version() -> str:
    from meshsim.versions import version_of

    return version_of("meshsim")


def _refused(message: str) -> int:
    for line in message.splitlines():
        err(line)
    return BAD_INPUT
