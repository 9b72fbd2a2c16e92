"""bounds.md: the derivations of all bounds and the rules of configuration, for the defaults of the modelled system."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.model.config import Config
from meshsim.model.quirks import PROFILES
from meshsim.oracle.bounds import COUNTS, SYMBOLS, Bounds
from meshsim.oracle.derivation import Bound
from meshsim.oracle.rules import RULES, Comparison, Setting, breaches, comparisons
from meshsim.scenario.bounding import mesh_bounds
from meshsim.units import MS, format_duration

#: The world of the page: a mesh of four ranks on two hosts. Source: chosen here; small, and each rule applies.
RANKS, HOSTS, PER_HOST, ACTORS = 4, 2, 2, 1

_HEAD = f"""# Bounds and rules of configuration

*Made by `make docs`; a test compares it with what it is made from.*

How long things may take at most, derived from the configuration: here that of the profile `2026-03` with every
default, for one mesh of {RANKS} ranks on {HOSTS} hosts. `meshsim bounds FILE` says the same of a scenario. Invariants
compare with these very sums, and each run says how close it came: `closest` in the table of `meshsim run`, all of it in
`--json`, `verdict.json`, the page of `--report`, and `meshsim bounds --run DIR`; `over` is what came too late or never,
in a run that passed a known finding. Sections are those of supervision.md.

A run is held to `detect` and `report`, or, when everybody whom the polls asked answered at once, to `detect-prompt`
and `report-prompt`; `detect-silent-agent` and `detect-silent-host` are the cases between them that table 14.2 names.
Time in which a process is stopped counts against nobody. Where a quirk stands under "not with", what is owed may never
come while that quirk is on: the invariant finds it, and the scenario lists it as known.
"""

_RULES = """## Rules of configuration

Which time-outs must be longer than which others. `meshsim check`, `run` and `bounds` warn with the numbers of a
scenario; nothing fails because of it. `check` and `run` leave out what the defaults break by at least as much.
"""

_FINDING = """## What this says of the reference

Its own rule, the first, is kept by its defaults, but it counts one silent host and one silent agent; idle limits start
anew with every reply (14.1), so slow replies from several hosts outlast the watchdog, and false alarms follow. The
defaults break {broken} of the {count} rules that apply here: {names}.

C limits the cleanup of any actor, and so that of a controller, which waits for other actors to be stopped and cleaned
up in their turn. An actor that may clean up for C needs S > C, a controller that waits for it C > S: one attribute
cannot be both, and only the second is a rule here.

With the profile `fixed` the defaults break {fixed}.
"""


def setting(profile: str = "2026-03") -> Setting:
    """The defaults, in the world of the page."""
    return Setting(
        config=Config.of({}, PROFILES[profile]),
        ranks=RANKS,
        dimensions=2,
        actors=ACTORS,
        starts=PER_HOST,
        latency_ns=1 * MS,
    )


def bounds_page() -> str:
    usual = setting()
    bounds = Bounds(usual.config)
    streaming = [bound for bound in mesh_bounds(usual.config, RANKS, ACTORS, streaming=True) if bound.id == "push"]
    operations = (
        *("spawn_procs", "spawn_actors", "stop_actors", "query_mesh", "count_subscribers", "actor_states"),
        *("proc_states", "stop_procs", "attach_hosts", "shutdown_hosts"),
    )
    waits = [bounds.operation(name, RANKS, HOSTS) for name in operations]
    broken = [compared.rule.id for compared in breaches(usual)]
    fixed = [compared.rule.id for compared in breaches(setting("fixed"))]
    lines = [
        _HEAD,
        *_letters(usual.config),
        "",
        "## Watching a mesh",
        "",
        *_bounds([*mesh_bounds(usual.config, RANKS, ACTORS), *streaming]),
        "",
        "## Ending processes",
        "",
        *_bounds([bounds.stop(), bounds.terminate(PER_HOST), bounds.parent_death()]),
        "",
        "## Operations",
        "",
        "Waits of clients; operations that are not here wait for the network alone.",
        "",
        *_bounds([bound for bound in waits if bound is not None]),
        "",
        _RULES,
        *_rules(comparisons(usual)),
        "",
        _FINDING.format(broken=len(broken), count=len(comparisons(usual)), names=_named(broken), fixed=_named(fixed)),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _named(rules: Iterable[str]) -> str:
    return ", ".join(f"`{rule}`" for rule in rules) or "none"


def _letters(config: Config) -> Iterable[str]:
    yield from ("## Letters", "", "| Letter | Default | What it is |", "|---|---|---|")
    for letter, name in SYMBOLS.items():
        yield f"| {letter} | {format_duration(getattr(config, name.lower()))} | `{name.lower()}` |"
    yield from (f"| {letter} | | {about} |" for letter, about in COUNTS.items())


def _bounds(bounds: Iterable[Bound]) -> Iterable[str]:
    yield "| Bound | From and to | Formula | Here | At most | Section | Not with |"
    yield "|---|---|---|---|---|---|---|"
    for bound in bounds:
        total, holes = format_duration(bound.total_ns), ", ".join(bound.holes)
        cells = (f"`{bound.id}`", bound.sentence, bound.formula, bound.numbers, total, bound.source, holes)
        yield f"| {' | '.join(cells)} |"


def _rules(compared: Iterable[Comparison]) -> Iterable[str]:
    """Those that apply with their numbers; then those that do not."""
    yield from (
        "| Rule | What must hold | Formula | Defaults | Kept | If not | Section |",
        "|---|---|---|---|---|---|---|",
    )
    shown = []
    for each in compared:
        rule = each.rule
        kept = "yes" if each.holds else "**no**"
        cells = (f"`{rule.id}`", rule.sentence, each.formula, each.numbers, kept, rule.consequence, rule.source)
        shown.append(rule.id)
        yield f"| {' | '.join(cells)} |"
    for rule in RULES:
        if rule.id not in shown:
            cells = (f"`{rule.id}`", rule.sentence, "", "", "does not apply", rule.consequence, rule.source)
            yield f"| {' | '.join(cells)} |"
