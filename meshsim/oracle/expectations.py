"""What a scenario expects, as data. Judged from the trace alone by `meshsim.oracle`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal, Union

import msgspec

from meshsim.faults.conditions import Wanted
from meshsim.units import Duration

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class _Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    #: Expected only when this quirk of the modelled system is on.
    if_quirk: str | None = None
    #: Expected only when this quirk is off.
    unless_quirk: str | None = None


class _Hearing(_Expectation, frozen=True, kw_only=True):
    """Selects `heard` records; a key that is not given matches anything."""

    #: Client or actor that hears: `client`, `observer`, `wrapper[0]`.
    listener: str
    role: Literal["owner", "subscriber", "watchdog", "parent", "supervisor"] | None = None
    mesh: str | None = None
    rank: int | None = None
    status: Literal["Failed", "Stopped", "Recovered"] | None = None
    #: Part of the status text, or of the failure's text.
    text: str | None = None


class Hears(_Hearing, frozen=True, kw_only=True, tag="hears"):
    """The listener hears it: exactly `times`, or within the limits; the first one `within` a time of fault `fault`."""

    times: Count | None = None
    at_least: Count | None = None
    at_most: Count | None = None
    within: Duration | None = None
    #: Number of the fault, in file order, that `within` counts from.
    fault: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0


class NeverHears(_Hearing, frozen=True, kw_only=True, tag="never_hears"):
    """The listener never hears it."""


class Final(_Expectation, frozen=True, kw_only=True, tag="final"):
    """How something is when the run ends."""

    #: An actor `trainer[1]`, a proc `workers[2]`, a host or a client.
    target: str
    #: Actors: idle, stopping, stopped, failed, or `dead` when its process is gone.
    actor: Literal["idle", "stopping", "stopped", "failed", "dead"] | None = None
    #: Procs: the phase that the host's process manager last gave it.
    proc: Literal["Starting", "Running", "Ready", "Stopping", "Stopped", "Killed", "Failed"] | None = None
    #: The OS process: `running`, `stopped`, `exited 0`, `killed 9`.
    process: str | None = None
    #: Part of the status text of the actor or the proc.
    text: str | None = None


class OperationResult(_Expectation, frozen=True, kw_only=True, tag="operation"):
    """An operation of the scenario ends: well, or with an error that contains `error`."""

    #: Its kind, e.g. `stop_actors`.
    do: str
    #: What it was about: the name of the mesh or of the procs.
    name: str | None = None
    error: str | None = None
    #: Part of what it returned.
    result: str | None = None
    within: Duration | None = None
    #: False: it must still be waiting at the end.
    ends: bool = True


class NothingLeft(_Expectation, frozen=True, kw_only=True, tag="nothing_left"):
    """When the run ends no process of these targets is alive; without targets: no host and no proc."""

    targets: list[str] = []


class RecordCount(_Expectation, frozen=True, kw_only=True, tag="record"):
    """How many records of the trace match; keys as in a fault's `when`."""

    record: str
    where: dict[str, Wanted] = {}
    times: Count | None = None
    at_least: Count | None = None
    at_most: Count | None = None
    #: Count only records after the fault with this number struck.
    after_fault: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | None = None


Expectation = Union[Hears, NeverHears, Final, OperationResult, NothingLeft, RecordCount]


def applies(expectation: Expectation, quirks_off: Collection[str]) -> bool:
    """Whether an expectation counts while these quirks are off: what it says of quirks, both if it names two."""
    if expectation.if_quirk is not None and expectation.if_quirk in quirks_off:
        return False
    return expectation.unless_quirk is None or expectation.unless_quirk in quirks_off


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A violation that the faithful profile is known to show here. One that does not occur is a violation too."""

    #: Id of the invariant.
    invariant: str
    #: Quirk of the modelled system that explains it, e.g. `Q18`.
    quirk: str
    reason: str
    #: Restrict to violations whose subject contains this text.
    subject: str | None = None
