"""`meshsim check`, `list`, `show` and `schema`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., Any]


def test_check_names_each_good_file(meshsim: Command) -> None:
    """Before a push: is every file still good? One line each."""
    said = meshsim("check", "sc")

    assert said == (0, "ok  sc/kill-one.toml  1 plan\n", "")


def test_check_names_each_bad_file_and_still_the_good_ones(meshsim: Command, folder: Path) -> None:
    """All bad files are reported in one go, one line each, with file and key; the code says bad input."""
    (folder / "sc" / "late.toml").write_text('name = "late"\nhorizon = "-1s"\n')
    (folder / "sc" / "odd.toml").write_text('name = "odd"\nhorizon = "1s"\nhorizn = 3\n')

    said = meshsim("check", "sc")

    assert (said.code, said.out) == (2, "ok  sc/kill-one.toml  1 plan\n")
    lines = said.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("meshsim: sc/late.toml: horizon: expected a duration")
    assert lines[1].startswith('meshsim: sc/odd.toml: unknown key "horizn"; did you mean "horizon"?')


def test_check_of_a_missing_path_is_one_line(meshsim: Command) -> None:
    """A typo in the path is the user's to mend: no traceback."""
    assert meshsim("check", "nosuch") == (2, "", "meshsim: nosuch: no such file or folder\n")


def test_list_says_what_each_scenario_is_about(meshsim: Command) -> None:
    """The first sentence is enough to choose from."""
    said = meshsim("list", "sc")

    assert said == (
        0,
        "scenario  variant  seeds  backends  length  about\n"
        "kill-one           7      sim           8s  One of two procs is killed; the client hears of it once.\n",
        "",
    )


def test_list_gives_each_variant_a_line_and_each_plan_to_programs(meshsim: Command, folder: Path) -> None:
    """A matrix is several scenarios; `--json` is for scripts."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text() + '\n[matrix]\n"faults.0.at" = ["5s", "6s"]\n')

    lines = [json.loads(line) for line in meshsim("list", "sc", "--json").out.splitlines()]

    assert [(line["scenario"], line["variant"], line["seeds"], line["horizon_ns"]) for line in lines] == [
        ("kill-one", "at=5s", [7], 8_000_000_000),
        ("kill-one", "at=6s", [7], 8_000_000_000),
    ]


def test_show_tells_the_plan_in_words_and_as_a_table(meshsim: Command) -> None:
    """What will be built, what happens when, what must be heard: read before the first run."""
    said = meshsim("show", "sc/kill-one.toml", "--seed", "9")

    assert said == (
        0,
        """\
kill-one, seed 9, on sim  (sc/kill-one.toml)
  One of two procs is killed; the client hears of it once. If this fails, the poll lost an exit
  status.

  1 host and 1 client (client), for 8s of virtual time, profile 2026-03
  messages between processes take 1ms
  procs workers {hosts: 1, gpus: 2}, spawned by client
  actors trainer: TestActor on workers, owned by client
  config supervision_poll_frequency = 2s (default 10s)

when      what     how
bring-up  step 0   spawn_procs workers, by client
bring-up  step 1   spawn_actors trainer, by client
at 5s     fault 0  signal workers[1], signal SIGKILL

expected
  0  client hears trainer[1] Failed, exactly 1 time, within 3s of fault 0
""",
        "",
    )


def test_show_has_words_for_every_kind_of_expectation(meshsim: Command, folder: Path) -> None:
    """An expectation that cannot be read cannot be reviewed."""
    file = folder / "sc" / "kill-one.toml"
    more = [
        'kind = "never_hears"\nlistener = "client"\nrank = 0\nmesh = "trainer"\nrole = "owner"\ntext = "boom"',
        'kind = "final"\ntarget = "workers[1]"\nprocess = "killed 9"\nproc = "Killed"',
        'kind = "operation"\ndo = "spawn_actors"\nname = "trainer"\nwithin = "1s"',
        'kind = "operation"\ndo = "query"\nends = false',
        'kind = "nothing_left"\ntargets = ["workers[1]"]',
        'kind = "record"\nrecord = "heard"\nat_least = 1\nat_most = 2\nafter_fault = 0\nwhere = { rank = 1 }',
    ]
    operation = '\n[[operations]]\ndo = "query"\nmesh = "trainer"\nat = "7s"\n'
    file.write_text(file.read_text() + operation + "".join(f"\n[[expect]]\n{text}\n" for text in more))

    lines = meshsim("show", "sc/kill-one.toml").out.splitlines()

    assert "at 7s     step 2   query trainer, by client" in lines
    assert lines[-6:] == [
        "  1  client never hears trainer[0] fail as owner with 'boom'",
        "  2  at the end workers[1] is Killed, process killed 9",
        "  3  spawn_actors trainer ends well, within 1s",
        "  4  query is still waiting at the end",
        "  5  no process is left of workers[1]",
        "  6  the trace has heard with rank = 1, at least 1 time and at most 2 times after fault 0",
    ]


def test_show_says_whom_a_fault_of_the_network_strikes(meshsim: Command, folder: Path) -> None:
    """As the trace will say it; and which clocks are wrong from the start."""
    file = folder / "sc" / "kill-one.toml"
    more = [
        'kind = "partition"\ntarget = "host0"\nat = "1s"\nfor = "2s"',
        'kind = "loss"\ntarget = "client"\nto = ["host0"]\none_way = true\nat = "1s"\n'
        'message = "get_state"\nshare = 0.5',
        'kind = "reordering"\ntarget = "workers[0]"\nwith = ["workers[1]"]\nat = "1s"\nwindow = "1s"',
        'kind = "clock_jump"\ntarget = "host0"\nat = "1s"\nby = "-5s"',
    ]
    clocks = '\n[clocks]\nhost0 = "-3s"\n[clock_drifts]\nhost0 = "50ppm"\nclient = "-1us/s"\n'
    file.write_text(file.read_text() + clocks + "".join(f"\n[[faults]]\n{text}\n" for text in more))

    lines = meshsim("show", "sc/kill-one.toml").out.splitlines()

    assert [line.partition("  fault ")[2] for line in lines if line.startswith("at 1s")] == [
        "1  partition host0 <-> *, for 2s",
        "2  loss client -> host0, message get_state, share 0.5",
        "3  reordering workers[0], workers[1] <-> *, window 1s",
        "4  clock_jump host0, by -5s",
    ]
    assert [line for line in lines if "wall clock" in line] == [
        "  the wall clock of host0 is 3s behind and gains 50us/s",
        "  the wall clock of client gains -1us/s",
    ]


def test_show_says_how_actors_are_spawned_and_who_chooses(meshsim: Command, folder: Path) -> None:
    """Names, types that nobody has, children, and the order of what is there at once."""
    file = folder / "sc" / "kill-one.toml"
    more = [
        'name = "log"\nprocs = "workers"\nservice = "logger"',
        'name = "none"\nprocs = "workers"\nactor = "Nobody"\nunregistered = true',
        'name = "boss"\nprocs = "workers"\nactor = "WrapperActor"\n'
        'params = { procs = "workers", child = "kids", supervisor = "client" }',
    ]
    operations = "".join(f'\n[[operations]]\ndo = "spawn_actors"\nat = "7s"\n{text}\n' for text in more)
    file.write_text(f'choices = "seeded"\n{file.read_text()}{operations}')

    lines = meshsim("show", "sc/kill-one.toml").out.splitlines()

    assert "  the seed chooses among signals, supervision events and work that are there at once" in lines
    assert [line.partition("spawn_actors ")[2] for line in lines if line.startswith("at 7s")] == [
        "log, by client, called logger",
        "none, by client, of the unregistered type Nobody",
        "boss, by client, each with kids on workers whose failures client is told",
    ]


def test_show_says_what_does_not_count_under_a_profile(meshsim: Command, folder: Path) -> None:
    """One file, two sides: which expectations and findings hold on this one is seen before the first run."""
    file = folder / "sc" / "kill-one.toml"
    more = (
        '\n[[expect]]\nkind = "nothing_left"\nif_quirk = "Q18"\n'
        '\n[[expect]]\nkind = "final"\ntarget = "workers[1]"\nproc = "Killed"\nunless_quirk = "Q18"\n'
        '\n[[known]]\ninvariant = "at-most-once"\nquirk = "Q18"\nreason = "again and again"\n'
    )
    file.write_text("quirks = { Q18 = true }\n" + file.read_text() + more)
    kept = meshsim("show", "sc", "--profile", "fixed").out.splitlines()
    file.write_text(file.read_text().replace("Q18 = true", "Q18 = false"))
    off = meshsim("show", "sc").out.splitlines()

    assert kept[0] == "kill-one (fixed), seed 7, on sim  (sc/kill-one.toml)"
    assert kept[-5:] == [
        "  1  no process is left of any host, if Q18",
        "  2  at the end workers[1] is Killed, unless Q18 (not here)",
        "",
        "known",
        "  0  at-most-once breaks here (Q18): again and again",
    ]
    assert "  turned off: Q18" in off
    file.write_text(file.read_text().replace("Q18 = false", "overlay_merge_defect = true"))
    assert "  turned on: overlay_merge_defect" in meshsim("show", "sc").out.splitlines()
    assert off[-5:] == [
        "  1  no process is left of any host, if Q18 (not here)",
        "  2  at the end workers[1] is Killed, unless Q18",
        "",
        "known",
        "  0  at-most-once breaks here (Q18): again and again (not here: Q18 is off)",
    ]


def test_show_prints_plans_for_programs(meshsim: Command) -> None:
    """The same JSON that a run directory keeps as plan.json."""
    plan = json.loads(meshsim("show", "sc/kill-one.toml", "--json").out)

    assert (plan["scenario"], plan["seed"], plan["horizon"]) == ("kill-one", 7, "8s")


def test_a_variant_that_is_not_there_is_refused_with_those_that_are(meshsim: Command) -> None:
    """A reproduce line from an older version of a file must not silently run nothing."""
    said = meshsim("show", "sc/kill-one.toml", "--variant", "poll=1s")

    assert said == (2, "", "meshsim: --variant: expected one of (no variants here), got 'poll=1s'\n")


def test_schema_is_a_json_schema_of_a_scenario(meshsim: Command) -> None:
    """Editors complete and check scenario files with it."""
    schema = json.loads(meshsim("schema").out)

    text = json.dumps(schema)
    assert '"horizon"' in text
    assert '"never_hears"' in text
