"""What many live runs said of how long a death went unnoticed, and what can be said of it in words.

Times are wall nanoseconds: virtual ones of a run, times its scale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import msgspec

from benchmarks.evenness import chance, distance, likely_distance
from meshsim.model.notes import PollEnded, PollStarted, ProcStatusChanged
from meshsim.run import RunResult
from meshsim.trace.records import FaultStruck, ProcessReaped, Record
from meshsim.units import MS, S


class Measured(msgspec.Struct, frozen=True):
    """One run. Without a `latency_ns` no poll found the death while it lasted."""

    seed: int
    outcome: str
    reason: str
    #: When the fault was planned for, into the scenario.
    planned_ns: int = 0
    #: From the kill to the end of the poll that found it, as the router read of that.
    latency_ns: int | None = None
    #: The part of it that lies after the beginning of that poll.
    overhead_ns: int = 0
    #: From the kill until the machine of the host took the end of its child, by the host's own clock.
    told_ns: int = 0
    #: Whether a poll asked the host before that knew of the death: it waits for the answer of a dead proc.
    is_within_poll: bool = False
    #: From the beginning of a poll to that of the next.
    gaps_ns: list[int] = []
    #: From the kill of a bare child to its pidfd, by a process beside the run, nearest in time to the run's own kill.
    wake_ups_ns: list[int] = []


def killed_after_ns(result: RunResult) -> int:
    """How long after the run was begun its processes were first sent a signal, wall, to some milliseconds; or 0.

    What a run did to its processes has wall times since about its beginning.
    """
    lines = [msgspec.json.decode(line) for line in result.diary.splitlines()]
    return next((int(line["wall_s"] * S) for line in lines if line["event"] == "signal"), 0)


def measured(result: RunResult, wake_ups_ns: Sequence[int]) -> Measured:
    """What one run says."""
    bare = Measured(result.plan.seed, result.verdict.outcome, result.verdict.reason, wake_ups_ns=list(wake_ups_ns))
    records, timing = result.records, result.timing
    struck = next((record for record in records if isinstance(record.what, FaultStruck)), None)
    if timing is None or struck is None:
        return bare
    killed_ns = struck.at + timing.late["fault"].values_ns[0]
    begun, found = _first_finding(records)
    reaped = next((record for record in records if isinstance(record.what, ProcessReaped)), None)
    told_ns = [each.at_ns for each in timing.inputs if reaped is not None and each.record == reaped.seq]
    if begun is None or found is None or not told_ns:
        return msgspec.structs.replace(bare, is_within_poll=_is_within_poll(records, struck))
    polls = [record.at for record in records if isinstance(record.what, PollStarted)]

    def wall(virtual_ns: int) -> int:
        return int(virtual_ns * timing.time_scale)

    return msgspec.structs.replace(
        bare,
        planned_ns=struck.at,
        latency_ns=wall(found.at - killed_ns),
        overhead_ns=wall(found.at - begun.at),
        told_ns=wall(told_ns[0] - killed_ns),
        gaps_ns=[wall(later - earlier) for earlier, later in pairwise(polls)],
    )


def _is_within_poll(records: Sequence[Record], struck: Record) -> bool:
    """Whether a poll asked the host before that knew of the death, and had not ended when the run did."""
    polls = [each for each in records if isinstance(each.what, PollStarted | PollEnded)]
    told = (each.seq for each in records if each.seq > struck.seq and isinstance(each.what, ProcStatusChanged))
    return bool(polls) and isinstance(polls[-1].what, PollStarted) and polls[-1].seq < next(told, len(records))


def _first_finding(records: Sequence[Record]) -> tuple[Record | None, Record | None]:
    """Beginning and end of the first poll that found a dead proc."""
    begun: Record | None = None
    for record in records:
        if isinstance(record.what, PollStarted):
            begun = record
        elif isinstance(record.what, PollEnded) and record.what.outcome == "proc_dead":
            return begun, record
    return None, None


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """All runs, and the machine they were on."""

    schema: int = 1
    versions: dict[str, str]
    cores: int
    load_before: float
    load_after: float
    wall_s: float
    #: Wall time for virtual time.
    time_scale: float
    #: Runs that went on at the same time.
    at_once: int
    #: Runs with a finding that were asked for.
    asked: int
    #: The part of the scenario from which seeds draw the moment of the kill.
    window_ns: tuple[int, int]
    runs: list[Measured]

    @property
    def latencies_ns(self) -> list[int]:
        """Of every run that found the death, whatever its verdict: nothing is chosen."""
        return [each.latency_ns for each in self.runs if each.latency_ns is not None]

    @property
    def overheads_ns(self) -> list[int]:
        return [each.overhead_ns for each in self.runs if each.latency_ns is not None]

    @property
    def told_ns(self) -> list[int]:
        return [each.told_ns for each in self.runs if each.latency_ns is not None]

    @property
    def wake_ups_ns(self) -> list[int]:
        return [wake_up for each in self.runs for wake_up in each.wake_ups_ns]

    @property
    def period_ns(self) -> float:
        """Median distance between the beginnings of two polls: the period, and what a poll takes."""
        return median(gap for each in self.runs for gap in each.gaps_ns)

    @property
    def even(self) -> tuple[float, float]:
        """The interval over which latencies should be even: from the overhead to a period more."""
        overhead_ns = median(self.overheads_ns)
        return overhead_ns, overhead_ns + self.period_ns

    def findings(self) -> list[str]:
        """What must not be."""
        missing = sum(each.latency_ns is None and not each.is_within_poll for each in self.runs)
        red = [f"seed {each.seed}: {each.reason}" for each in self.runs if each.outcome == "violated"]
        return [*([f"in {missing} of {len(self.runs)} runs no poll found the death"] if missing else []), *red]

    def numbers(self) -> dict[str, float | int]:
        """What the page says, as numbers."""
        latencies, (low, high) = self.latencies_ns, self.even
        far = distance(latencies, low, high)
        drawn = distance([each.planned_ns for each in self.runs if each.latency_ns is not None], *self.window_ns)
        return {
            "runs": len(latencies),
            "period_ns": int(self.period_ns),
            "latency_least_ns": min(latencies),
            "latency_median_ns": int(median(latencies)),
            "latency_most_ns": max(latencies),
            "even_from_ns": int(low),
            "even_to_ns": int(high),
            "ks_distance": round(far, 4),
            "ks_chance": round(chance(far, len(latencies)), 4),
            "ks_distance_5_percent": round(likely_distance(len(latencies)), 4),
            "ks_distance_of_drawn_moments": round(drawn, 4),
            "overhead_median_ns": int(median(self.overheads_ns)),
            "told_median_ns": int(median(self.told_ns)),
            "wake_up_median_ns": int(median(self.wake_ups_ns)),
            "wake_ups": len(self.wake_ups_ns),
        }

    def words(self) -> list[str]:
        """What the numbers say, a paragraph each."""
        found = self.numbers()
        outcomes = Counter(each.outcome for each in self.runs)
        counts = ", ".join(f"{outcomes[name]} {name}" for name in ("passed", "inconclusive", "violated"))
        is_even = found["ks_distance"] <= found["ks_distance_5_percent"]
        within = sum(each.is_within_poll for each in self.runs)
        return [
            f"{len(self.runs)} runs, {self.at_once} at once, time scale {self.time_scale:g} "
            f"(wall time for virtual time): {counts}. In {found['runs']} of them a poll found the death; all of "
            f"these count, whatever their verdict. In {within} a poll had asked the host just before that knew of the "
            "death: it then waits for the answer of a dead proc until its idle limit of 30 s, which is longer than "
            "these runs, so they are left out.",
            f"Detection took {_s(found['latency_least_ns'])} to {_s(found['latency_most_ns'])}, median "
            f"{_s(found['latency_median_ns'])}; polls began {_s(found['period_ns'])} after one another (median).",
            f"Even over [{_s(found['even_from_ns'])}, {_s(found['even_to_ns'])}], which is the median overhead and a "
            f"poll period more? The Kolmogorov-Smirnov distance is {found['ks_distance']:.3f}. So many evenly drawn "
            f"values are at least that far off with a chance of {100 * found['ks_chance']:.0f} %, and further off than "
            f"{found['ks_distance_5_percent']:.3f} with one of 5 %: {'' if is_even else 'NOT '}what an even spread "
            f"looks like. The moments that the seeds drew are themselves {found['ks_distance_of_drawn_moments']:.3f} "
            "off.",
            f"The overhead, from the beginning of the poll that finds the death to its end, is "
            f"{_ms(found['overhead_median_ns'])} (median). The host's machine is told of the death "
            f"{_ms(found['told_median_ns'])} after the kill: its pidfd wakes it, it waits for its child, tells the "
            f"router, and takes the event that comes back. A bare pidfd, in a process beside each run and at about the "
            f"time of its kill, wakes up {_ms(found['wake_up_median_ns'])} after the kill of a child that does nothing "
            f"(median of {found['wake_ups']}).",
        ]


def _s(value_ns: float) -> str:
    return f"{value_ns / S:.3f} s"


def _ms(value_ns: float) -> str:
    return f"{value_ns / MS:.2f} ms"
