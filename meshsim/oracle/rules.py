"""Rules of configuration: which time-outs must be longer than which others, and what happens when they are not.

A rule compares two sums (`meshsim.oracle.derivation`). It breaks nothing by itself: the modelled system runs, and does
what `consequence` says once something is slow or silent. One rule is the reference's own, which warns at run time
(supervision.md 12.3); the others follow from how its parts wait for each other. A quirk that is off takes what it made
necessary along.

Left out on purpose: S > C, that an actor may clean up before its stop is given up. The same C limits the cleanup of
a controller, which waits for such stops, so no configuration could keep that rule and `cleanup-outlasts-an-actor`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshsim.model.config import CHILD_STOP_WAIT_NS, Config
from meshsim.oracle.bounds import AGENT_MARGIN, SLACK, Bounds
from meshsim.oracle.derivation import Term
from meshsim.units import format_duration


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, and what of a scenario its rules depend on."""

    config: Config
    #: Of the largest mesh with a controller; 0: there is none.
    ranks: int = 1
    #: Dimensions of that mesh: how deep a cast goes.
    dimensions: int = 1
    #: Actors of meshes on one proc.
    actors: int = 1
    #: Procs of one mesh that one host starts.
    starts: int = 1
    #: The slowest way of a message between two processes.
    latency_ns: int = 0
    #: How far the clock of a host is ahead of that of an owner.
    skew_ns: int = 0


Sum = tuple[Term, ...]
_Side = Callable[[Setting], Sum]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`longer` must be longer than `shorter`, or as long where `or_equal` says so."""

    id: str
    #: What must hold, in one sentence.
    sentence: str
    #: Sections of supervision.md.
    source: str
    #: What happens when it is broken.
    consequence: str
    longer: _Side
    shorter: _Side
    or_equal: bool = False
    #: Whether there is anything that the rule is about.
    applies: Callable[[Setting], bool]

    def compare(self, setting: Setting) -> Comparison | None:
        """Both sides in a setting; None when there is nothing in it that the rule is about."""
        return Comparison(self, self.longer(setting), self.shorter(setting)) if self.applies(setting) else None


class Comparison(msgspec.Struct, frozen=True):
    """A rule with the two numbers of a configuration."""

    rule: Rule
    longer: Sum
    shorter: Sum

    @property
    def holds(self) -> bool:
        return self.shortfall_ns <= 0 if self.rule.or_equal else self.shortfall_ns < 0

    @property
    def formula(self) -> str:
        return f"{_formula(self.longer)} {'>=' if self.rule.or_equal else '>'} {_formula(self.shorter)}"

    @property
    def shortfall_ns(self) -> int:
        """By how much the one side is too short; below zero it is longer."""
        return total_ns(self.shorter) - total_ns(self.longer)

    @property
    def numbers(self) -> str:
        """Both sides, with their totals where they are sums: `20s against 1s + 30s + 1m = 1m 31s`."""
        return f"{_numbers(self.longer)} against {_numbers(self.shorter)}"


def total_ns(terms: Sum) -> int:
    return sum(term.total_ns for term in terms)


def comparisons(setting: Setting) -> tuple[Comparison, ...]:
    """Every rule that has to do with a setting, in the order of the table."""
    return tuple(compared for rule in RULES if (compared := rule.compare(setting)) is not None)


def breaches(setting: Setting) -> tuple[Comparison, ...]:
    """The rules that a setting breaks."""
    return tuple(compared for compared in comparisons(setting) if not compared.holds)


def _formula(terms: Sum) -> str:
    return " + ".join(term.formula for term in terms)


def _numbers(terms: Sum) -> str:
    text = " + ".join(term.numbers for term in terms)
    return text if len(terms) == 1 and not terms[0].factor else f"{text} = {format_duration(total_ns(terms))}"


# --- sides ---------------------------------------------------------------------------------------------------


def _one(symbol: str) -> _Side:
    return lambda setting: (Bounds(setting.config).term(symbol),)


def _poll_gap(setting: Setting) -> Sum:
    """One host and one agent that answer just in time, or not at all."""
    bounds = Bounds(setting.config)
    return bounds.term("P"), bounds.term("H"), bounds.term("A")


def _late_poll_gap(setting: Setting) -> Sum:
    """Everybody answers just in time, one after the other."""
    bounds, n = Bounds(setting.config), setting.ranks
    return bounds.term("P"), bounds.term("H", n, "n"), bounds.term("A", n, "n")


def _heartbeat_gap(setting: Setting) -> Sum:
    """Q16 off: a timer beats, whatever the poll waits for."""
    return _poll_gap(setting) if setting.config.has("Q16") else (Bounds(setting.config).term("P"), SLACK)


def _agent_grace(symbol: str) -> _Side:
    """Q5 off: an agent has a little more."""

    def side(setting: Setting) -> Sum:
        margin = () if setting.config.has("Q5") else (AGENT_MARGIN,)
        return Bounds(setting.config).term(symbol), *margin

    return side


def _ladder(setting: Setting) -> Sum:
    return tuple(term for term in Bounds(setting.config).stop().terms if isinstance(term, Term) and term != SLACK)


def _way(setting: Setting) -> Sum:
    """The messages of a healthy poll, one after the other: to the hosts and back, down the cast tree and back up."""
    return (Term("l", setting.latency_ns, 4 + 2 * setting.dimensions, "(4 + 2 dims)"),)


def _skewed_period(setting: Setting) -> Sum:
    return Term("s", setting.skew_ns), Bounds(setting.config).term("P")


# --- what a rule is about ------------------------------------------------------------------------------------


def _monitored(setting: Setting) -> bool:
    return setting.ranks > 0 and setting.config.revision.monitors


def _kept_alive(setting: Setting) -> bool:
    return _monitored(setting) and setting.config.mesh_orphan_timeout > 0


def _with(quirk: str, applies: Callable[[Setting], bool]) -> Callable[[Setting], bool]:
    return lambda setting: setting.config.has(quirk) and applies(setting)


def _without(quirk: str, applies: Callable[[Setting], bool]) -> Callable[[Setting], bool]:
    return lambda setting: not setting.config.has(quirk) and applies(setting)


def _several(applies: Callable[[Setting], bool]) -> Callable[[Setting], bool]:
    return lambda setting: setting.ranks > 1 and applies(setting)


def _always(setting: Setting) -> bool:
    return True


RULES: tuple[Rule, ...] = (
    Rule(
        id="watchdog-outlasts-a-poll",
        sentence="A watchdog waits for longer than a poll with one silent host and one silent agent.",
        source="12.3",
        consequence="subscribers take a controller that waits for replies for dead",
        longer=_one("W"),
        shorter=_heartbeat_gap,
        or_equal=True,
        applies=_monitored,
    ),
    Rule(
        id="watchdog-outlasts-late-replies",
        sentence="A watchdog waits for longer than a poll in which every reply comes just in time.",
        source="14.1, 14.2",
        consequence="subscribers take a controller whose hosts and agents are slow for dead",
        longer=_one("W"),
        shorter=_late_poll_gap,
        or_equal=True,
        applies=_with("Q16", _several(_monitored)),
    ),
    Rule(
        id="keepalive-outlasts-the-period",
        sentence="A keepalive is valid until the next poll.",
        source="14.3",
        consequence="actors of a healthy mesh are stopped as orphans",
        longer=_one("O"),
        shorter=_one("P"),
        applies=_kept_alive,
    ),
    Rule(
        id="keepalive-outlasts-a-poll",
        sentence="A keepalive is valid for longer than a poll with one silent host and one silent agent.",
        source="14.3 (Q56)",
        consequence="while a poll waits for one silent host, healthy actors are stopped as orphans",
        longer=_one("O"),
        shorter=_poll_gap,
        applies=_with("Q56", _kept_alive),
    ),
    Rule(
        id="keepalive-outlasts-late-replies",
        sentence="A keepalive is valid for longer than a poll in which every reply comes just in time.",
        source="14.1, 14.3 (Q56)",
        consequence="while a poll waits for slow replies, healthy actors are stopped as orphans",
        longer=_one("O"),
        shorter=_late_poll_gap,
        applies=_with("Q56", _several(_kept_alive)),
    ),
    Rule(
        id="keepalive-outlasts-the-clocks",
        sentence="A keepalive is valid until the next poll by the clock of every host.",
        source="8.8 (Q37), 14.3",
        consequence="actors of a healthy mesh are stopped as orphans on hosts whose clock is ahead",
        longer=_one("O"),
        shorter=_skewed_period,
        applies=_with("Q37", lambda setting: setting.skew_ns > 0 and _kept_alive(setting)),
    ),
    Rule(
        id="stop-outlasts-its-actors",
        sentence="A proc that is stopped has longer than each of its actors.",
        source="3.8 A (Q5)",
        consequence="SIGTERM races with an agent that aborts stuck actors and exits; the stop may count as a failure",
        longer=_agent_grace("X"),
        shorter=_one("S"),
        applies=_always,
    ),
    Rule(
        id="termination-outlasts-its-actors",
        sentence="A proc whose host shuts down has longer than each of its actors.",
        source="3.8 B (Q5)",
        consequence="SIGTERM races with an agent that aborts stuck actors and exits",
        longer=_agent_grace("T"),
        shorter=_one("S"),
        applies=_always,
    ),
    Rule(
        id="cleanup-outlasts-an-actor",
        sentence="The cleanup of a controller has longer than an agent waits for an actor that it stops.",
        source="5.9, 8.3",
        consequence="one stuck actor makes the cleanup of its controller an error",
        longer=_one("C"),
        shorter=_one("S"),
        applies=_monitored,
    ),
    Rule(
        id="cleanup-outlasts-its-wait",
        sentence="The cleanup of a controller has longer than it waits for a silent agent.",
        source="5.9",
        consequence="cleanup is cut before it has given up on a dead proc",
        longer=_one("C"),
        shorter=_one("E"),
        applies=_monitored,
    ),
    Rule(
        id="cleanup-outlasts-a-proc-stop",
        sentence="The cleanup of a proc mesh controller has longer than it waits for a silent host.",
        source="7",
        consequence="cleanup is cut before it has given up on a dead host, and hosts behind it may not be told",
        longer=_one("C"),
        shorter=_one("K"),
        applies=_monitored,
    ),
    Rule(
        id="parents-outlast-cleanups",
        sentence="A stopping parent waits for silent children as long as they may clean up.",
        source="4.5, 14.4 (Q9)",
        consequence="children that clean up are abandoned, and their failures go to the proc",
        longer=lambda setting: (Term("c", CHILD_STOP_WAIT_NS),),
        shorter=_one("C"),
        or_equal=True,
        applies=_with("Q9", _always),
    ),
    Rule(
        id="stop-wait-outlasts-an-agent",
        sentence="Who stops an actor mesh waits for longer than an agent does for a stuck actor.",
        source="14.4",
        consequence="the stop of a stuck actor ends with Timeout although its agent would have answered",
        longer=_one("E"),
        shorter=_one("S"),
        applies=_monitored,
    ),
    Rule(
        id="query-outlasts-stops",
        sentence="A poll waits for longer than an agent that stops stuck actors, all of its proc one after the other.",
        source="8.3, 8.8",
        consequence="an agent that stops actors looks silent to the controllers of the others",
        longer=_one("A"),
        shorter=lambda setting: (Bounds(setting.config).term("S", setting.actors, "k"),),
        applies=lambda setting: setting.actors > 0 and _monitored(setting),
    ),
    Rule(
        id="query-outlasts-starts",
        sentence="A poll waits for longer than a host that starts procs, all of one mesh one after the other.",
        source="9.3 (Q38)",
        consequence="a host that waits for a proc to become ready looks silent to every controller",
        longer=_one("H"),
        shorter=lambda setting: (Bounds(setting.config).term("R", setting.starts, "p"),),
        applies=_with("Q38", lambda setting: setting.starts > 0 and _monitored(setting)),
    ),
    Rule(
        id="spawn-wait-outlasts-a-start",
        sentence="Who spawns procs waits for longer than a host does for one of them.",
        source="9.3, 9.5",
        consequence="a proc that does not become ready in time makes the spawn time out, and the reason is lost",
        longer=_one("J"),
        shorter=_one("R"),
        applies=_always,
    ),
    Rule(
        id="proc-stop-wait-outlasts-the-ladder",
        sentence="Who stops a proc mesh waits for longer than its procs may take to end.",
        source="3.8 A, 9.6 (Q1 off)",
        consequence="the stop of procs that need SIGKILL times out",
        longer=_one("K"),
        shorter=_ladder,
        applies=_without("Q1", _always),
    ),
    Rule(
        id="delivery-outlasts-proc-queries",
        sentence="A message may be unacknowledged for longer than a poll waits for a host.",
        source="14.6 (Q57)",
        consequence="a host that is silent for a while, and would be waited for, costs the controller its life",
        longer=_one("D"),
        shorter=_one("H"),
        applies=_with("Q57", _monitored),
    ),
    Rule(
        id="delivery-outlasts-actor-queries",
        sentence="A message may be unacknowledged for longer than a poll waits for an agent.",
        source="14.2, 14.6 (Q57)",
        consequence="an agent that is silent for a while, and would be waited for, costs the controller its life",
        longer=_one("D"),
        shorter=_one("A"),
        applies=_with("Q57", _monitored),
    ),
    Rule(
        id="delivery-outlasts-acknowledgements",
        sentence="A message may be unacknowledged for longer than receivers take to acknowledge.",
        source="13, 14.6",
        consequence="messages come back that were delivered",
        longer=_one("D"),
        shorter=_one("I"),
        applies=_always,
    ),
    Rule(
        id="network-within-the-slack",
        sentence="The messages of a healthy poll take less than the slack of every bound.",
        source="14 (d)",
        consequence="bounds are too short for this network: what is late may be found without being wrong",
        longer=lambda setting: (SLACK,),
        shorter=_way,
        applies=_monitored,
    ),
)
