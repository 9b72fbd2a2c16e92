"""`meshsim faults`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from meshsim.cli import PASSED, VIOLATED
from meshsim.cli.console import out as say
from meshsim.cli.console import table
from meshsim.cli.errors import UsageError
from meshsim.cli.findings import exit_code, print_findings
from meshsim.cli.load import plans_of
from meshsim.cli.pace import pace_of, refuse_pace
from meshsim.cli.run import jobs_of, run_jobs
from meshsim.cli.values import positive
from meshsim.faults.kinds import Fault
from meshsim.faults.menu import MENU, WRITTEN
from meshsim.faults.parameters import moment_of, parameters_of, sentence_of, words_of
from meshsim.model.tags import tag_of
from meshsim.report.fault_matrix import RED, Cell, cell
from meshsim.report.fault_page import fault_page, matrix, parameter_rows, really, short_parameters
from meshsim.run import RunResult, Settings, Suite, check_writable, read_run, write_whole
from meshsim.run.choosing import BACKENDS, VIRTUAL, Wanted, in_order
from meshsim.scenario.plan import Plan

#: Where the scenario of each kind is, seen from the folder that `meshsim` is called in.
_SHIPPED = Path("scenarios/faults")
_JSON_SCHEMA = 1
_NONE = "-"
_KINDS: dict[str, type[Fault]] = {tag_of(kind): kind for kind in MENU}


def faults(
    kind: str | None = None,
    /,
    *,
    run: bool = False,
    backend: Wanted = "both",
    time_scale: float = 1.0,
    jobs: int = 1,
    out: Path = Path("out/faults"),
    page: Path | None = None,
    json: bool = False,
) -> int:
    """Say what can go wrong: the menu of faults, with targets, parameters, backends and examples.

    With `--run`, run one scenario for each kind and print kind by backend: it did what it says, with what the kernel
    said of it where processes are real, or why it cannot.

    Parameters
    ----------
    kind
        One kind, such as `exit`: all that there is to say about it, or only its run. With `--run` also a scenario file
        or a folder of them, each called after the kind that it shows; `scenarios/faults` when none is given.
    run
        Run the scenarios. Exit code 1 if a fault did not do what it says, 3 if this machine could not do all of it.
    backend
        Where to run: `sim` on objects, `lockstep` on real OS processes, `both` on those the scenario names; `live` on
        processes that run freely, by the wall clock, what is for `lockstep`; `all` on all three.
    time_scale
        `live`: wall time for virtual time; at 0.1 a run of 35 s takes 3.5 s, and every delay counts ten times.
    jobs
        How many processes run scenarios at the same time.
    out
        Folder for run directories.
    page
        Also write the results and the menu to this file, in Markdown.
    json
        One JSON object a line: the kinds, or with `--run` the cells of the table.
    """
    pace = pace_of(time_scale)
    if run:
        return _run(kind, backend, Settings(out=out, workers=positive("--jobs", jobs), pace=pace), page, json=json)
    if page is not None:
        raise UsageError("--page: needs --run")
    refuse_pace(pace, is_live=False)
    if kind is not None and kind not in _KINDS:
        raise UsageError(f"faults: {kind!r} is none; there are {', '.join(_KINDS)}")
    chosen = list(MENU) if kind is None else [_KINDS[kind]]
    if json:
        for each in chosen:
            say(_line(each))
    elif kind is None:
        rows = [
            (
                tag_of(each),
                MENU[each].on,
                moment_of(each),
                ", ".join(_able(each)),
                short_parameters(each) or _NONE,
                sentence_of(each),
            )
            for each in chosen
        ]
        table(("kind", "on", "strikes", "backends", "parameters (* must be given)", "what happens"), rows)
        say()
        say("`meshsim faults KIND` says more of one kind, with an example to paste")
    else:
        _say(chosen[0])
    return PASSED


def _able(kind: type[Fault]) -> list[str]:
    return [name for name in BACKENDS if name not in MENU[kind].cannot]


def _say(kind: type[Fault]) -> None:
    """One kind, in lines that fit a screen."""
    entry, scenario = MENU[kind], _SHIPPED / f"{tag_of(kind)}.toml"
    for number, line in enumerate(words_of(kind).splitlines()):
        say(f"{tag_of(kind)}: {line}" if number == 0 else f"  {line}".rstrip())
    say(f"  on {entry.on}: {WRITTEN[entry.on]}")
    say(f"  strikes {moment_of(kind)}")
    say(f"  backends: {', '.join(_able(kind))}")
    for backend, why in entry.cannot.items():
        say(f"  not on {backend}: {why}")
    say(f"  on real processes: {really(kind)}")
    if scenario.is_file():
        say(f"  shown by {scenario}")
    if rows := parameter_rows(kind):
        say()
        table(("key", "may be", "default", "meaning"), rows)
    say()
    for line in entry.block:
        say(line)


def _line(kind: type[Fault]) -> str:
    entry = MENU[kind]
    value = {
        "schema": _JSON_SCHEMA,
        "kind": tag_of(kind),
        "on": entry.on,
        "target": WRITTEN[entry.on],
        "sentence": sentence_of(kind),
        "words": words_of(kind),
        "strikes": moment_of(kind),
        "backends": _able(kind),
        "cannot": entry.cannot,
        "real": entry.real,
        "parameters": parameters_of(kind),
        "example": entry.example,
    }
    return msgspec.json.encode(value).decode()


# --- runs -----------------------------------------------------------------------------------------------------


def _run(chosen: str | None, backend: Wanted, settings: Settings, page: Path | None, *, json: bool) -> int:
    path = _SHIPPED if chosen is None else _SHIPPED / f"{chosen}.toml" if chosen in _KINDS else Path(chosen)
    if page is not None:
        check_writable(page)
    jobs = jobs_of([_called_after_its_kind(plan) for plan in plans_of([path])], backend)
    named = in_order(name for job in jobs for name in job.backends)
    refuse_pace(settings.pace, is_live="live" in named)
    suite = run_jobs(jobs, settings)
    # The shipped folder has to have all of them.
    shown = list(MENU) if chosen is None else [kind for tag, kind in _KINDS.items() if _is_shown(tag, suite)]
    cells = _cells(shown, suite, in_order({*VIRTUAL, *named}) if backend == "both" else named)
    if json:
        for each in cells:
            say(msgspec.json.encode({"schema": _JSON_SCHEMA, **msgspec.structs.asdict(each)}).decode())
    else:
        backends, rows = matrix(cells)
        table(("kind", "on", *backends, "struck", "the kernel"), rows)
        print_findings(suite)
    if page is not None:
        write_whole(page, fault_page(cells, f"meshsim faults --run --backend {backend} --page {page}"))
    return VIOLATED if any(each.outcome in RED for each in cells) else exit_code(suite)


def _called_after_its_kind(plan: Plan) -> Plan:
    """The plan, if it has a fault of the kind that it is called after."""
    if plan.scenario not in _KINDS:
        raise UsageError(f"{plan.source}: {plan.scenario!r} is no kind of fault; there are {', '.join(_KINDS)}")
    if not any(isinstance(fault, _KINDS[plan.scenario]) for fault in plan.faults):
        raise UsageError(f"{plan.source}: it is called {plan.scenario}, and has no such fault")
    return plan


def _is_shown(tag: str, suite: Suite) -> bool:
    return any(one.plan.scenario == tag for one in suite.outcomes)


def _cells(kinds: Sequence[type[Fault]], suite: Suite, backends: Sequence[str]) -> list[Cell]:
    results: dict[tuple[str, str], list[RunResult]] = {}
    for one in suite.outcomes:
        results.setdefault((one.plan.scenario, one.backend), []).append(read_run(Path(one.place)))
    return [cell(kind, name, results.get((tag_of(kind), name), [])) for kind in kinds for name in backends]
