"""Rules of configuration: each is kept on one side of its limit and broken on the other."""

from __future__ import annotations

import pytest

from meshsim.model.config import Config
from meshsim.model.quirks import PROFILES
from meshsim.oracle.bounds import COUNTS, SYMBOLS
from meshsim.oracle.rules import RULES, Setting, breaches, comparisons
from meshsim.units import MS, S

BY_ID = {rule.id: rule for rule in RULES}


def setting(config: dict[str, int], profile: str = "2026-03", quirks_off: tuple[str, ...] = (), **keys: int) -> Setting:
    off = (*PROFILES[profile], *quirks_off)
    return Setting(config=Config.of({name: value * MS for name, value in config.items()}, off), **keys)


#: Rule -> values (ms, or counts) with which it is kept by as little as can be, and the change that breaks it.
LIMITS = [
    ("watchdog-outlasts-a-poll", {"W": 100_000}, {}, {"W": 99_999}, {}),
    ("watchdog-outlasts-late-replies", {"W": 190_000}, {"ranks": 2}, {}, {"ranks": 3}),
    ("keepalive-outlasts-the-period", {"O": 10_001}, {}, {"P": 10_001}, {}),
    ("keepalive-outlasts-a-poll", {"O": 100_001}, {}, {"O": 100_000}, {}),
    ("keepalive-outlasts-late-replies", {"O": 190_001}, {"ranks": 2}, {"A": 30_001}, {"ranks": 2}),
    ("keepalive-outlasts-the-clocks", {"O": 13_001}, {"skew_ns": 3 * S}, {}, {"skew_ns": 4 * S}),
    ("stop-outlasts-its-actors", {"X": 10_001}, {}, {"X": 10_000}, {}),
    ("termination-outlasts-its-actors", {"T": 10_001}, {}, {"S": 10_001}, {}),
    ("cleanup-outlasts-an-actor", {"C": 10_001}, {}, {"C": 10_000}, {}),
    ("cleanup-outlasts-its-wait", {"C": 30_001}, {}, {"E": 30_001}, {}),
    ("cleanup-outlasts-a-proc-stop", {"C": 30_001}, {}, {"K": 30_001}, {}),
    ("parents-outlast-cleanups", {"C": 500}, {}, {"C": 501}, {}),
    ("stop-wait-outlasts-an-agent", {"E": 10_001}, {}, {"E": 10_000}, {}),
    ("query-outlasts-stops", {"A": 20_001}, {"actors": 2}, {}, {"actors": 3}),
    ("query-outlasts-starts", {"H": 60_001}, {"starts": 2}, {}, {"starts": 3}),
    ("spawn-wait-outlasts-a-start", {"J": 30_001}, {}, {"R": 30_001}, {}),
    ("delivery-outlasts-proc-queries", {"D": 60_001}, {}, {"D": 60_000}, {}),
    ("delivery-outlasts-actor-queries", {"D": 30_001}, {}, {"A": 30_001}, {}),
    ("delivery-outlasts-acknowledgements", {"D": 501}, {}, {"D": 500}, {}),
    ("network-within-the-slack", {}, {"latency_ns": 124 * MS, "dimensions": 2}, {}, {"latency_ns": 125 * MS}),
]


@pytest.mark.parametrize(("rule", "kept", "keys", "change", "changed_keys"), LIMITS, ids=lambda value: str(value)[:40])
def test_a_rule_is_kept_and_broken_around_its_limit(
    rule: str, kept: dict[str, int], keys: dict[str, int], change: dict[str, int], changed_keys: dict[str, int]
) -> None:
    broken = {**kept, **change}

    def is_broken(values: dict[str, int], counts: dict[str, int]) -> bool:
        config = {SYMBOLS[letter]: value for letter, value in values.items()}
        compared = BY_ID[rule].compare(setting(config, **counts))
        assert compared is not None
        return not compared.holds

    assert (is_broken(kept, keys), is_broken(broken, {**keys, **changed_keys})) == (False, True)


def test_every_rule_but_the_one_of_another_quirk_has_its_limit_here() -> None:
    assert {rule for rule, *_ in LIMITS} == BY_ID.keys() - {"proc-stop-wait-outlasts-the-ladder"}


def test_a_stop_that_waits_for_the_ladder_has_to_outlast_it() -> None:
    """Only without Q1 does it wait: 2 X, and what an agent has beside its actors."""
    rule, quirk = BY_ID["proc-stop-wait-outlasts-the-ladder"], ("Q1",)
    assert rule.compare(setting({})) is None
    kept = rule.compare(setting({"PROC_STOP_MAX_IDLE": 20_001}, quirks_off=quirk))
    broken = rule.compare(setting({"PROC_STOP_MAX_IDLE": 20_000}, quirks_off=quirk))
    assert kept is not None
    assert broken is not None
    assert (kept.holds, broken.holds) == (True, False)
    assert (broken.formula, broken.numbers) == ("K > 2 X", "20s against 2 × 10s = 20s")


@pytest.mark.parametrize(
    ("rule", "quirk"),
    [
        ("watchdog-outlasts-late-replies", "Q16"),
        ("keepalive-outlasts-a-poll", "Q56"),
        ("keepalive-outlasts-late-replies", "Q56"),
        ("keepalive-outlasts-the-clocks", "Q37"),
        ("parents-outlast-cleanups", "Q9"),
        ("query-outlasts-starts", "Q38"),
        ("delivery-outlasts-proc-queries", "Q57"),
        ("delivery-outlasts-actor-queries", "Q57"),
    ],
)
def test_a_rule_that_a_quirk_makes_necessary_goes_with_it(rule: str, quirk: str) -> None:
    keys = {"ranks": 4, "skew_ns": S}
    assert BY_ID[rule].compare(setting({}, **keys)) is not None
    assert BY_ID[rule].compare(setting({}, quirks_off=(quirk,), **keys)) is None


def test_heartbeats_of_a_timer_come_in_time_whatever_a_poll_waits_for() -> None:
    """Q16 off: the watchdog has to outlast the period alone."""
    compared = BY_ID["watchdog-outlasts-a-poll"].compare(setting({"SUPERVISION_WATCHDOG_TIMEOUT": 12_000}, "fixed"))
    assert compared is not None
    assert (compared.holds, compared.formula) == (True, "W >= P + d")


def test_the_defaults_break_these_rules() -> None:
    """A finding about the reference: docs/bounds.md says what follows from each."""
    usual = setting({}, ranks=4, dimensions=2, actors=1, starts=2, latency_ns=1 * MS)
    assert [compared.rule.id for compared in breaches(usual)] == [
        "watchdog-outlasts-late-replies",
        "keepalive-outlasts-a-poll",
        "keepalive-outlasts-late-replies",
        "stop-outlasts-its-actors",
        "termination-outlasts-its-actors",
        "cleanup-outlasts-an-actor",
        "cleanup-outlasts-its-wait",
        "cleanup-outlasts-a-proc-stop",
        "parents-outlast-cleanups",
        "query-outlasts-starts",
        "spawn-wait-outlasts-a-start",
        "delivery-outlasts-proc-queries",
        "delivery-outlasts-actor-queries",
    ]


def test_nobody_watches_nothing_to_break() -> None:
    """Without a mesh that has a controller only the rules about processes and messages are left."""
    left = {compared.rule.id for compared in comparisons(setting({}, ranks=0))}
    assert left == {
        "stop-outlasts-its-actors",
        "termination-outlasts-its-actors",
        "parents-outlast-cleanups",
        "spawn-wait-outlasts-a-start",
        "delivery-outlasts-acknowledgements",
    }


def test_a_start_without_limit_outlasts_every_wait() -> None:
    compared = BY_ID["spawn-wait-outlasts-a-start"].compare(setting({"HOST_SPAWN_READY_TIMEOUT": 0}))
    assert compared is not None
    assert (compared.holds, compared.numbers) == (False, "30s against no limit")


def test_every_rule_says_what_it_is_and_what_follows() -> None:
    assert len(BY_ID) == len(RULES)
    for compared in comparisons(setting({}, ranks=4, skew_ns=S)):
        rule = compared.rule
        assert rule.sentence.endswith(".")
        assert rule.source
        assert rule.consequence[0].islower() or rule.consequence.startswith("SIGTERM")
        words = compared.formula.replace("(", " ").replace(")", " ").split()
        assert {word for word in words if word.isalpha()} - {"dims"} <= SYMBOLS.keys() | COUNTS.keys()
