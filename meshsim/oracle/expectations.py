"""What a scenario expects, as data. Judged from the trace alone by `meshsim.oracle`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal, Union

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.faults.conditions import Wanted
from meshsim.units import Duration

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Nth = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_FaultNumber = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
_Role = Literal["owner", "subscriber", "watchdog", "parent", "supervisor"]
_HeardStatus = Literal["Failed", "Stopped", "Recovered"]


class Moment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One record of the run: a strike of a fault, a record that matches, or something heard."""

    #: A fault strikes, by its number in file order.
    fault: _FaultNumber | UnsetType = UNSET
    #: A record, as in a fault's `when`.
    record: str | UnsetType = UNSET
    where: dict[str, Wanted] = {}
    #: Somebody hears of a failure; the further keys as in `hears`.
    listener: str | UnsetType = UNSET
    role: _Role | UnsetType = UNSET
    mesh: str | UnsetType = UNSET
    rank: int | UnsetType = UNSET
    status: _HeardStatus | UnsetType = UNSET
    text: str | UnsetType = UNSET
    text_is: str | UnsetType = UNSET
    text_matches: str | UnsetType = UNSET
    #: The n-th of them.
    count: _Nth = 1


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of a run that counts. What it begins or ends with has to happen, or nothing can be said."""

    #: From this virtual time on, and up to this one; both belong to it.
    from_: Duration | UnsetType = msgspec.field(name="from", default=UNSET)
    until: Duration | UnsetType = UNSET
    #: Behind the first strike of a fault, or before it.
    after_fault: _FaultNumber | UnsetType = UNSET
    before_fault: _FaultNumber | UnsetType = UNSET
    #: Behind a moment, or before it.
    after: Moment | UnsetType = UNSET
    before: Moment | UnsetType = UNSET
    #: So long at most, counted from what it begins with.
    within: Duration | UnsetType = UNSET


class _Expectation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    #: Expected only when this quirk of the modelled system is on.
    if_quirk: str | None = None
    #: Expected only when this quirk is off.
    unless_quirk: str | None = None
    #: What follows must not be so.
    not_: bool | UnsetType = msgspec.field(name="not", default=UNSET)


class _Hearing(_Expectation, frozen=True, kw_only=True):
    """Selects `heard` records; a key that is not given matches anything."""

    #: Client or actor that hears: `client`, `observer`, `wrapper[0]`.
    listener: str
    role: _Role | None = None
    mesh: str | None = None
    rank: int | None = None
    status: _HeardStatus | None = None
    #: Part of the status text, or of the failure's text.
    text: str | None = None
    #: One of the two texts, all of it; a regular expression that is found in one of them.
    text_is: str | UnsetType = UNSET
    text_matches: str | UnsetType = UNSET
    window: Window | UnsetType = UNSET


class Hears(_Hearing, frozen=True, kw_only=True, tag="hears"):
    """The listener hears it: exactly `times`, or within the limits; the first one `within` a time of fault `fault`."""

    times: Count | None = None
    at_least: Count | None = None
    at_most: Count | None = None
    within: Duration | None = None
    #: Number of the fault, in file order, that `within` counts from.
    fault: _FaultNumber = 0


class NeverHears(_Hearing, frozen=True, kw_only=True, tag="never_hears"):
    """The listener never hears it."""


class Final(_Expectation, frozen=True, kw_only=True, tag="final"):
    """How something is when the run ends."""

    #: An actor `trainer[1]`, a proc `workers[2]`, a host or a client; an actor mesh for the last four keys.
    target: str
    #: Actors: idle, stopping, stopped, failed, or `dead` when its process is gone.
    actor: Literal["idle", "stopping", "stopped", "failed", "dead"] | None = None
    #: Procs: the phase that the host's process manager last gave it.
    proc: Literal["Starting", "Running", "Ready", "Stopping", "Stopped", "Killed", "Failed"] | None = None
    #: The OS process: `running`, `stopped`, `exited 0`, `killed 9`.
    process: str | None = None
    #: Part of the status text of the actor or the proc.
    text: str | None = None
    text_is: str | UnsetType = UNSET
    text_matches: str | UnsetType = UNSET
    #: The controller of a mesh: it watches, it has stopped watching for good, or it is gone.
    controller: Literal["watching", "done", "dead"] | UnsetType = UNSET
    #: A mesh, as `by` heard of it last.
    health: Literal["healthy", "failed"] | UnsetType = UNSET
    #: The subscription of `by` to a mesh.
    subscription: Literal["active", "given_up", "removed", "none"] | UnsetType = UNSET
    by: str | UnsetType = UNSET


class OperationResult(_Expectation, frozen=True, kw_only=True, tag="operation"):
    """An operation of the scenario ends: well, or with an error that contains `error`."""

    #: Its kind, e.g. `stop_actors`.
    do: str
    #: What it was about: the name of the mesh or of the procs.
    name: str | None = None
    error: str | None = None
    error_is: str | UnsetType = UNSET
    error_matches: str | UnsetType = UNSET
    #: Part of what it returned.
    result: str | None = None
    result_is: str | UnsetType = UNSET
    result_matches: str | UnsetType = UNSET
    within: Duration | None = None
    #: False: it must still be waiting at the end.
    ends: bool = True
    #: How many of this kind and name go as expected; at least one without a number.
    times: Count | UnsetType = UNSET
    at_least: Count | UnsetType = UNSET
    at_most: Count | UnsetType = UNSET
    #: Only those that begin in it.
    window: Window | UnsetType = UNSET


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
    after_fault: _FaultNumber | None = None
    window: Window | UnsetType = UNSET


class MessageCount(_Expectation, frozen=True, kw_only=True, tag="messages"):
    """How many messages there were: from whom, to whom, of which type, and what became of them."""

    #: Tag of the message, e.g. `get_state`.
    type: str | UnsetType = UNSET
    #: Who sent it and whom it is for: an actor, `trainer.controller`, a mesh for all its actors, or a process for all
    #: that lives in it.
    src: str | UnsetType = UNSET
    dst: str | UnsetType = UNSET
    #: `delivered`: to its actor, across processes or inside one.
    fate: Literal["delivered", "lost", "returned", "bounced", "in_flight"] = "delivered"
    times: Count | UnsetType = UNSET
    at_least: Count | UnsetType = UNSET
    at_most: Count | UnsetType = UNSET
    #: The numbers hold in every whole period of this length, from the beginning of the window on.
    per: Duration | UnsetType = UNSET
    window: Window | UnsetType = UNSET


class Order(_Expectation, frozen=True, kw_only=True, tag="order"):
    """All of these moments come, each before the next."""

    moments: Annotated[list[Moment], msgspec.Meta(min_length=2, max_length=1_000)]
    #: From the first to the last at most.
    within: Duration | UnsetType = UNSET


Expectation = Union[Hears, NeverHears, Final, OperationResult, NothingLeft, RecordCount, MessageCount, Order]


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
    #: Restrict to violations whose subject has this name in it, as a whole: `host1` is not `host10`.
    subject: str | None = None
