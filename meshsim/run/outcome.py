"""What is known of a run without its records: what tables, exit codes and CI need of many runs at once."""

from __future__ import annotations

from typing import Literal

import msgspec

from meshsim.oracle.verdict import Verdict
from meshsim.run.execute import RunResult, reproduce_line
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan

#: Which runs get a directory: all, those that did not pass, or none.
Keep = Literal["all", "red", "none"]


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to, its plan apart: small, and the same bytes from every process."""

    backend: str
    #: Empty when the run was lost with its process.
    digest: str
    verdict: Verdict
    virtual_ns: int = 0
    wall_s: float = 0.0
    #: Its run directory; empty when it has none.
    place: str = ""
    #: For each violation the records that led to it, told in lines.
    evidence: tuple[tuple[str, ...], ...] = ()
    #: Whether it was run a second time to see that its digest is the same.
    is_repeated: bool = False
    #: `live`: how late things were, in one line; empty otherwise.
    lateness: str = ""
    #: The command that runs it again, from the directory that the scenario's path is relative to.
    reproduce: str


class Outcome(Ran, frozen=True, kw_only=True):
    """One run of one plan on one backend."""

    plan: Plan

    @property
    def wall_text(self) -> str:
        """The wall time as tables show it: `12ms`, `1.50s`."""
        return f"{self.wall_s:.2f}s" if self.wall_s >= 1 else f"{self.wall_s * 1000:.0f}ms"


def ran(result: RunResult, *, place: str, evidence: tuple[tuple[str, ...], ...], is_repeated: bool) -> Ran:
    """A result without its records."""
    return Ran(
        backend=result.backend,
        digest=result.digest,
        verdict=result.verdict,
        virtual_ns=result.virtual_ns,
        wall_s=result.wall_s,
        place=place,
        evidence=evidence,
        is_repeated=is_repeated,
        lateness="" if result.timing is None else result.timing.line(),
        reproduce=reproduce_line(result),
    )


def outcome(plan: Plan, of: Ran) -> Outcome:
    return Outcome(plan=plan, **{name: getattr(of, name) for name in Ran.__struct_fields__})


def case_name(plan: Plan, backend: str) -> str:
    """How CI names a run: `late-exit[poll=1s-sim-seed7]`, as the pytest plugin does."""
    variant = f"{variant_label(plan.variant)}-" if plan.variant else ""
    return f"{plan.scenario}[{variant}{backend}-seed{plan.seed}]"
