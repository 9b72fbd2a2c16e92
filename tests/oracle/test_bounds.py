"""Bounds: what follows from the configuration, and nothing shorter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim.model.config import Config
from meshsim.model.quirks import PROFILES
from meshsim.oracle.bounds import COUNTS, SLACK_NS, SYMBOLS, Bounds
from meshsim.oracle.derivation import Bound, Largest, Term
from meshsim.units import DURATION_NS_MAX, MINUTE, S

DEFAULTS = Bounds(Config.of({}))

#: Operations with a wait of their own.
WAITS = (
    *("spawn_procs", "spawn_actors", "stop_actors", "query_mesh", "count_subscribers", "actor_states", "proc_states"),
    *("stop_procs", "attach_hosts", "shutdown_hosts"),
)


def all_of(bounds: Bounds, ranks: int = 3) -> list[Bound]:
    """Every bound there is, for meshes of so many ranks."""
    found = [
        bounds.prompt_detect(),
        bounds.silent_agent(),
        bounds.silent_host(),
        bounds.detect(ranks),
        bounds.prompt_report(),
        bounds.report(ranks),
        bounds.push(),
        bounds.watchdog(),
        bounds.aftermath(),
        bounds.poll(ranks),
        bounds.reap(2),
        bounds.reap_after_stop(2, ranks),
        bounds.parent_death(),
        bounds.stop(),
        bounds.terminate(20),
        *(bounds.operation(name, ranks, 2) for name in (*WAITS, "slice")),
    ]
    return [bound for bound in found if bound is not None]


@pytest.mark.parametrize(
    ("bound", "formula", "seconds"),
    [
        (DEFAULTS.prompt_detect(), "P + d", 10),
        (DEFAULTS.silent_agent(), "P + A + d", 40),
        (DEFAULTS.silent_host(), "P + H + d", 70),
        (DEFAULTS.poll(1), "n H + n A + d", 90),
        (DEFAULTS.poll(8), "n H + n A + d", 720),
        (DEFAULTS.detect(1), "P + n H + 2 n A + d", 130),
        (DEFAULTS.report(1), "P + n H + 2 n A + d + D", 160),
        (DEFAULTS.watchdog(), "W + d", 120),
        (DEFAULTS.reap(1), "2 O + k S + d", 130),
        (DEFAULTS.reap_after_stop(1, 1), "n H + n A + 2 O + k S + d", 220),
        (DEFAULTS.stop(), "2 X + d", 20),
        (DEFAULTS.terminate(1), "2 b T + d", 20),
        (DEFAULTS.terminate(16), "2 b T + d", 20),
        (DEFAULTS.terminate(17), "2 b T + d", 40),
        (DEFAULTS.operation("stop_actors", 1, 1), "n H + n A + (n + 1) E + d", 150),
    ],
    ids=lambda value: value.id if isinstance(value, Bound) else None,
)
def test_the_defaults_give_the_numbers_of_the_specification(bound: Bound, formula: str, seconds: int) -> None:
    """Tables 14.1 to 14.4: P 10, A 30, H 60, O 60, W 120, S X T 10, D 30 s; d is beside them."""
    assert (bound.formula, bound.total_ns) == (formula, seconds * S + SLACK_NS)


def test_a_bound_prints_its_formula_and_its_numbers() -> None:
    bound = DEFAULTS.operation("spawn_procs", 2, 1)
    assert bound is not None
    assert bound.formula == "(n + 1) J + max(J, (n + 1) E) + d"
    assert bound.numbers == "3 × 30s + max(30s, 3 × 30s) + 1s"
    assert bound.total_ns == 181 * S


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        ({}, 3 * 30 + 3 * 30),
        ({"ACTOR_SPAWN_MAX_IDLE": 5 * S}, 3 * 30 + 30),
        ({"ACTOR_SPAWN_MAX_IDLE": 60 * S}, 3 * 30 + 3 * 60),
    ],
    ids=["comm actors just in time", "a proc that failed is asked why", "slow comm actors"],
)
def test_a_spawn_of_procs_may_wait_for_its_comm_actors_too(config: dict[str, int], seconds: int) -> None:
    """Two ranks: each wait is for two replies just in time and one that never comes."""
    assert Bounds(Config.of(config)).operation_ns("spawn_procs", 2, 1) == seconds * S + SLACK_NS


@pytest.mark.parametrize(
    ("quirk", "bound", "formula"),
    [
        ("Q5", lambda bounds: bounds.stop(), "2 X + m + d"),
        ("Q5", lambda bounds: bounds.terminate(17), "2 b T + b m + d"),
        ("Q41", lambda bounds: bounds.operation("shutdown_hosts", 17, 2), "h R + h D + h 2 b T + d"),
    ],
)
def test_a_quirk_that_is_off_changes_what_it_made_shorter(quirk: str, bound: object, formula: str) -> None:
    """Without Q5 agents have a second more; without Q41 a shutdown is over when its processes are."""
    assert callable(bound)
    assert bound(Bounds(Config.of({}, quirks_off=(quirk,)))).formula == formula


def test_a_bound_names_the_quirks_that_break_it_while_they_are_on() -> None:
    assert DEFAULTS.report(2).holes == ("Q10", "Q18", "Q19", "Q28", "Q49")
    assert Bounds(Config.of({}, quirks_off=("Q18", "Q19"))).report(2).holes == ("Q10", "Q28", "Q49")
    assert [bound.holes for bound in all_of(Bounds(Config.of({}, PROFILES["fixed"]))) if bound.holes] == []


def test_orphans_are_never_due_without_a_timeout() -> None:
    """Zero is off."""
    bounds = Bounds(Config.of({"MESH_ORPHAN_TIMEOUT": 0}))
    assert (bounds.reap(1), bounds.reap_after_stop(1, 1)) == (None, None)


def test_a_host_that_waits_without_limit_makes_the_bound_as_long_as_any_duration() -> None:
    """HOST_SPAWN_READY_TIMEOUT zero is no limit, and no sum of it overflows what a record can carry."""
    bound = Bounds(Config.of({"HOST_SPAWN_READY_TIMEOUT": 0})).operation("shutdown_hosts", 1, 9)
    assert bound is not None
    assert (bound.numbers, bound.total_ns) == ("9 × no limit + 9 × 30s + 1s", DURATION_NS_MAX)


def test_every_letter_of_a_formula_is_explained() -> None:
    """A formula that nobody can read derives nothing."""
    for bounds in (DEFAULTS, Bounds(Config.of({}, PROFILES["fixed"]))):
        for bound in all_of(bounds):
            words = bound.formula.replace("(", " ").replace(")", " ").replace(",", " ").split()
            letters = {word for word in words if word.isalpha() and word != "max"}
            assert letters <= SYMBOLS.keys() | COUNTS.keys(), bound.formula


SEARCH = settings(deadline=None, derandomize=True, database=None)
DURATIONS = st.integers(1, 3600).map(lambda seconds: seconds * S)
CONFIGS = st.fixed_dictionaries(dict.fromkeys(SYMBOLS.values(), DURATIONS))


@SEARCH
@given(CONFIGS, st.integers(1, 50), st.sampled_from(["2026-03", "fixed"]))
def test_a_bound_is_the_sum_of_its_terms(config: dict[str, int], ranks: int, profile: str) -> None:
    """The formula that is printed is the number that is compared with."""
    for bound in all_of(Bounds(Config.of(config, PROFILES[profile])), ranks):
        total = 0
        for term in bound.terms:
            parts = term.terms if isinstance(term, Largest) else (term,)
            total += max(part.times * part.each_ns for part in parts)
        assert bound.total_ns == total > 0
        assert bound.formula.count(" + d") <= 1


@SEARCH
@given(CONFIGS, st.sampled_from(sorted(SYMBOLS.values())), DURATIONS, st.integers(1, 50))
def test_no_bound_gets_shorter_when_a_timeout_gets_longer(
    config: dict[str, int], name: str, more: int, ranks: int
) -> None:
    shorter = all_of(Bounds(Config.of(config)), ranks)
    longer = all_of(Bounds(Config.of({**config, name: config[name] + more})), ranks)
    assert [bound.id for bound in shorter] == [bound.id for bound in longer]
    assert all(one.total_ns <= other.total_ns for one, other in zip(shorter, longer, strict=True))


@SEARCH
@given(CONFIGS, st.integers(1, 50), st.integers(1, 50))
def test_no_bound_gets_shorter_when_a_mesh_grows(config: dict[str, int], ranks: int, more: int) -> None:
    small, large = (all_of(Bounds(Config.of(config)), count) for count in (ranks, ranks + more))
    assert all(one.total_ns <= other.total_ns for one, other in zip(small, large, strict=True))


def test_terms_print_how_often_they_count() -> None:
    assert (Term("P", 10 * S).formula, Term("P", 10 * S).numbers) == ("P", "10s")
    assert (Term("A", 90 * S, 8, "2 n").formula, Term("A", 90 * S, 8, "2 n").numbers) == ("2 n A", "8 × 1m 30s")
    assert Largest((Term("J", MINUTE), Term("E", S, 3, "3"))).total_ns == MINUTE
