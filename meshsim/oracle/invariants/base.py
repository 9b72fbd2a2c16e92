"""What every invariant has in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from meshsim.model.messages import Envelope
from meshsim.model.notes import LocalDelivery
from meshsim.oracle.verdict import Margin, MarginKind, Violation
from meshsim.oracle.world import World
from meshsim.trace.records import Record


def delivered(record: Record) -> Envelope:
    """The message of a delivery, from another process (`Envelope`) or within one (`LocalDelivery`)."""
    what = record.what
    if type(what) is LocalDelivery:
        return what.envelope
    assert isinstance(what, Envelope), f"no delivery: {what!r}"
    return what


class Invariant:
    """Something that must hold in every run, judged record by record.

    A subclass is made for one run. Its docstring says what exactly is judged, what is excused, and why.
    """

    #: Name in verdicts and in a scenario's `known` and `relax`.
    id: ClassVar[str]
    #: What must hold, in one sentence.
    sentence: ClassVar[str]
    #: Which records a run has to have for this to judge anything, in one sentence.
    needs: ClassVar[str] = ""
    #: Quirks of the modelled system that may be behind a violation, the likeliest first.
    quirks: ClassVar[tuple[str, ...]] = ()
    #: Record bodies that `observe` is called with; it sees no others.
    sees: ClassVar[tuple[type, ...]] = ()
    #: Messages whose deliveries, over the network or inside a process, `deliver` is called with. Most records of a
    #: trace are deliveries: who wants to see few of them is not called for all.
    takes: ClassVar[tuple[type, ...]] = ()

    def __init__(self, world: World) -> None:
        #: The run so far, the record at hand included.
        self.world = world
        #: How close what was judged came to its bounds, the violations included.
        self.margins: list[Margin] = []

    def observe(self, record: Record) -> Iterable[Violation]:
        """Take one record; called in the order of the trace."""
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        """Take one delivery, after `observe` was called with it; `envelope` is what the record delivers."""
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        """Judge what had to happen by `ended_ns` and did not: what is due later is nobody's fault yet."""
        return ()

    def violation(
        self,
        subject: str,
        message: str,
        *,
        at: int,
        records: tuple[int, ...] = (),
        kind: Literal["safety", "liveness"] = "safety",
    ) -> Violation:
        """A violation of this invariant."""
        return Violation(invariant=self.id, subject=subject, message=message, at=at, records=records, kind=kind)

    def margin(self, kind: MarginKind, subject: str, *, took_ns: int, bound_ns: int, record: int) -> None:
        """Note how long something took that has a bound; whoever judges a deadline says so, kept or not."""
        self.margins.append(Margin(kind=kind, subject=subject, took_ns=took_ns, bound_ns=bound_ns, record=record))
