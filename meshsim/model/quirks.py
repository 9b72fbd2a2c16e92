"""The quirks of the modelled system: what it does that surprises, by the id that the specification gives it.

The model behaves as described, quirks included. Scenarios name a quirk as the cause of a known finding. `modelled` says
whether this version shows the behaviour; a quirk of a part that does not exist yet says which part.

A quirk with an `off` sentence is a switch: turned off, the model does what a careful engineer would want instead. A
*profile* is a set of switches; a scenario chooses one and may turn single quirks on or off. Machines ask their
configuration (`Config.has`), at the place where the behaviour differs.

Source: supervision.md 16.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_ALLOCATED = "belongs to the allocated path"
_SLICES = "needs slices of meshes"
_COMM = "needs comm actors and cast trees"
_IN_PROCESS = "needs in-process hosts"
_SINK = "needs the supervision sink of the root client"
_STDIO = "needs piped output of child processes"


class Quirk(msgspec.Struct, frozen=True):
    id: str
    #: What happens, in one sentence.
    sentence: str
    #: Where supervision.md describes it.
    section: str
    modelled: bool = True
    #: Why it is not modelled.
    reason: str = ""
    #: What happens instead when it is turned off; empty while it cannot be.
    off: str = ""


def _quirk(number: int, section: str, sentence: str, *, missing: str = "", off: str = "") -> Quirk:
    return Quirk(id=f"Q{number}", sentence=sentence, section=section, modelled=not missing, reason=missing, off=off)


QUIRKS: dict[str, Quirk] = {
    quirk.id: quirk
    for quirk in (
        _quirk(
            1, "2.1, 9.6", "Stopping counts as terminating: a proc mesh stop succeeds while its processes still live."
        ),
        _quirk(2, "3.5", "No lines of a child's output are kept by default, though the description promises 100."),
        _quirk(3, "3.5", "The last lines of a child's output can be lost.", missing=_STDIO),
        _quirk(4, "3.8", "During host shutdown a child looks Ready until its agent had its time."),
        _quirk(5, "3.8", "An agent aborts stuck actors at the very moment its parent sends SIGTERM."),
        _quirk(6, "3.8, 6.2", "A proc that had to be killed in a requested stop counts as failed."),
        _quirk(7, "4.2", "Structured errors become plain text when an actor ends."),
        _quirk(8, "4.3", "The text of an event says 'have failed' of an actor that merely stopped."),
        _quirk(9, "4.5", "A stopping parent abandons children that are silent for 500 ms."),
        _quirk(10, "4.5, 8.5", "A failure that a child passes up keeps the child's id: its dead parent looks Running."),
        _quirk(11, "5.7", "The controller calls a mesh with a crashed process Stopped, not Failed."),
        _quirk(12, "5.7", "The controller calls a mesh with a merely stopped actor Failed."),
        _quirk(13, "5.8", "Stop of a mesh whose ranks are all terminal does nothing and tells nobody."),
        _quirk(14, "5.9", "A controller that cleans up tells neither owner nor subscribers."),
        _quirk(15, "5.10", "One more poll runs after a Stop."),
        _quirk(
            16, "5.12", "One terminal rank silences the heartbeats: subscribers later take the controller for dead."
        ),
        _quirk(
            17,
            "5.12, 12.4",
            "Failures carry ranks of different rank spaces, and references filter by a third.",
            missing=_SLICES,
        ),
        _quirk(18, "5.12", "A dead proc is reported again at every poll, and only the one with the lowest rank."),
        _quirk(19, "5.12", "A dead proc ends the keepalives: the survivors are stopped as orphans."),
        _quirk(20, "5.12", "A second event of an actor makes the controller report the first one again."),
        _quirk(21, "5.12", "A failed actor that is stopped afterwards is reported as failed once more."),
        _quirk(22, "5.12", "A Failed status without events is never recorded and looked at anew at every poll."),
        _quirk(23, "5.12", "A terminal status without any state would panic the controller; nothing produces one."),
        _quirk(24, "5.12", "One rank unknown to its agent turns the whole poll into an error of rank 0."),
        _quirk(25, "5.12", "Recovery is never announced: a mesh that was unhealthy once stays so."),
        _quirk(26, "5.12", "Timeouts in the result of a Stop can turn into one more failure and flip its kind."),
        _quirk(27, "5.12", "A Stop waits behind a long poll."),
        _quirk(28, "6.2", "A crashed or unreachable host counts as a clean stop: the owner is not told."),
        _quirk(29, "7", "Hosts that are attached rather than allocated have no controller to shut them down."),
        _quirk(30, "8.2", "The first recorded event bars a proc from new actors for ever."),
        _quirk(31, "8.2", "Spawning succeeds although the actor's init is going to fail."),
        _quirk(32, "8.3", "An actor is reported Stopped while it may still run; nothing is aborted."),
        _quirk(33, "8.4", "StopAll to an in-process agent ends the process that hosts it.", missing=_IN_PROCESS),
        _quirk(
            34,
            "8.5",
            "Undeliverable messages of the root client bar rank 0 of the newest mesh from new actors.",
            missing=_SINK,
        ),
        _quirk(35, "8.7", "Asking an agent of the owned path for its status ends its process.", missing=_ALLOCATED),
        _quirk(36, "8.8", "Actors have no expiry before the first keepalive: an early controller crash leaks them."),
        _quirk(37, "8.8", "Expiry compares the clocks of two machines."),
        _quirk(38, "9.3", "A host answers nothing while one of its procs starts."),
        _quirk(39, "9.3", "A child that did not get ready in time stays until host shutdown."),
        _quirk(40, "9.3", "A Stop after shutdown crashes the host process."),
        _quirk(41, "9.3", "Shutdown is acknowledged before any of its work is done."),
        _quirk(42, "9.4", "Allocated hosts are ranked in the order in which they answer.", missing=_ALLOCATED),
        _quirk(43, "9.5", "A failed proc mesh spawn leaves procs behind."),
        _quirk(44, "9.7, 10.5", "Padding silent ranks of a slice panics the asker.", missing=_SLICES),
        _quirk(45, "10.2", "No cast reaches any rank when the proc of rank 0 is dead.", missing=_COMM),
        _quirk(46, "10.3", "Configuring allocated procs waits without limit.", missing=_ALLOCATED),
        _quirk(47, "10.7", "A failed actor mesh spawn leaves actors behind that nobody owns."),
        _quirk(48, "11.3", "Waiting for statuses ends when every rank is anything but NotExist."),
        _quirk(49, "12.4", "A client that is slow to look sees only the latest message of its subscription."),
        _quirk(50, "12.4", "Waiting again returns the same failure at once."),
        _quirk(51, "12.4", "A client whose watchdog fired once never subscribes again."),
        _quirk(52, "12.5", "A stop that failed cannot be tried again."),
        _quirk(53, "12.5", "Stopping actors that do not answer is reported as success."),
        _quirk(54, "5.10", "A rank that timed out once never becomes Running again for its controller."),
        _quirk(55, "6.3, 14.2", "An actor that stops itself is reported Running for ever."),
        _quirk(56, "14.3", "One slow host can hold up polls until healthy actors are reaped as orphans."),
        _quirk(57, "5.9, 14.6", "An undeliverable message kills the controller that sent it."),
        _quirk(58, "6.2", "A worker process that exits with 0 is never an event for the owner."),
        _quirk(59, "4.5", "The failure of a child while its parent is stopping is lost."),
        _quirk(60, "9.6", "A status reply that finds nobody kills the host process."),
        _quirk(61, "4.3", "The text of an event has no line break before the failure it contains."),
        _quirk(62, "4.6", "A cast that comes back makes a plain caster panic.", missing=_COMM),
        _quirk(63, "3.8", "Host shutdown sends SIGTERM at once to a proc that is already stopping."),
    )
}

#: Quirks that can be turned off.
SWITCHES = tuple(quirk.id for quirk in QUIRKS.values() if quirk.off)

#: What each profile turns off.
PROFILES: dict[str, tuple[str, ...]] = {
    "2026-03": (),
    "fixed": SWITCHES,
}


def turned_off(profile: str, switches: Mapping[str, bool]) -> tuple[str, ...]:
    """Quirks that are off under a profile and single switches, in the order of the table."""
    off = set(PROFILES[profile])
    off |= {quirk for quirk, on in switches.items() if not on}
    off -= {quirk for quirk, on in switches.items() if on}
    return tuple(quirk for quirk in QUIRKS if quirk in off)
