"""The quirks of the modelled system: what it does that surprises, by the id that the specification gives it.

The model behaves as described, quirks included. Scenarios name a quirk as the cause of a known finding.

Every quirk is a switch: turned off, the model does what a careful engineer would want instead (`off` says what). A
*profile* is a set of switches; a scenario chooses one and may turn single quirks on or off. Machines ask their
configuration (`Config.has`), at the place where the behaviour differs.

Source: supervision.md 16, mesh_model.md 11.11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec


class Quirk(msgspec.Struct, frozen=True):
    id: str
    #: What happens, in one sentence.
    sentence: str
    #: Where supervision.md describes it, or mesh_model.md if that is named.
    section: str
    #: What happens instead when it is turned off.
    off: str
    #: Off unless a scenario asks for it, as it would hide what else there is to see.
    latent: bool = False


def _quirk(number: int, section: str, sentence: str, *, off: str) -> Quirk:
    return Quirk(id=f"Q{number}", sentence=sentence, section=section, off=off)


#: What surprises in mesh_model.md has names, not numbers (its section 11.11); so has what exploring found in addition.
_NAMED = (
    Quirk(
        id="overlay_merge_defect",
        section="mesh_model.md 2.4",
        sentence="Merging an overlay that extends an equal value leaves runs that overlap: replies fail to reduce.",
        off="The later overlay wins on every rank that it mentions.",
        latent=True,
    ),
    Quirk(
        id="port_equality_flag",
        section="mesh_model.md 3.1",
        sentence="A subscriber whose port asks for no returns is never forgotten when it is dead.",
        off="A subscriber is known by the id of its port alone, and what cannot be delivered to it always comes back.",
    ),
    Quirk(
        id="error_removes_port",
        section="mesh_model.md 2.5, 3.4",
        sentence="One message that a port cannot take closes it: all later ones come back too.",
        off="A message that a port cannot take comes back, and the port stays.",
    ),
    Quirk(
        id="dead_client_cached_forever",
        section="mesh_model.md 3.2",
        sentence="A channel that gave up once gives everything back for ever, also when its receiver is well again.",
        off="A channel that gave up is dialled again with the next message.",
    ),
    Quirk(
        id="stopped_asker_hears_silence",
        section="4.5, 5.10",
        sentence="Who was stopped while it waited may take for silent whose answer has come meanwhile.",
        off="Who was stopped while it waited takes what has come meanwhile before it calls anybody silent.",
    ),
)

QUIRKS: dict[str, Quirk] = {
    quirk.id: quirk
    for quirk in (
        _quirk(
            1,
            "2.1, 9.6",
            "Stopping counts as terminating: a proc mesh stop succeeds while its processes still live.",
            off="The stop of a proc mesh is over when its processes have ended.",
        ),
        _quirk(
            2,
            "3.5",
            "No lines of a child's output are kept by default, though the description promises 100.",
            off="The last hundred lines of a child's output are kept unless tail_log_lines says otherwise.",
        ),
        _quirk(
            3,
            "3.5",
            "The last lines of a child's output can be lost.",
            off="All that a child wrote is read before its tail is taken.",
        ),
        _quirk(
            4,
            "3.8",
            "During host shutdown a child looks Ready until its agent had its time.",
            off="A child is Stopping from the moment the host's shutdown begins with it.",
        ),
        _quirk(
            5,
            "3.8",
            "An agent aborts stuck actors at the very moment its parent sends SIGTERM.",
            off="An agent has one second more than its actors: it aborts those that are stuck and exits by itself.",
        ),
        _quirk(
            6,
            "3.8, 6.2",
            "A proc that had to be killed in a requested stop counts as failed.",
            off="A proc that its host had to kill in a requested stop counts as stopped.",
        ),
        _quirk(
            7,
            "4.2",
            "Structured errors become plain text when an actor ends.",
            off="An error keeps its structure when its actor ends.",
        ),
        _quirk(
            8,
            "4.3",
            "The text of an event says 'have failed' of an actor that merely stopped.",
            off="The text of an event says 'have stopped' of an actor that stopped.",
        ),
        _quirk(
            9,
            "4.5",
            "A stopping parent abandons children that are silent for 500 ms.",
            off="A stopping parent waits for its children for as long as they may take to clean up, and 500 ms more.",
        ),
        _quirk(
            10,
            "4.5, 8.5",
            "A failure that a child passes up keeps the child's id: its dead parent looks Running.",
            off="A parent that ends of its child's failure fails under its own id, with the child's event as cause.",
        ),
        _quirk(
            11,
            "5.7",
            "The controller calls a mesh with a crashed process Stopped, not Failed.",
            off="The mesh is Failed when a process crashed, Stopped when one was stopped.",
        ),
        _quirk(
            12,
            "5.7",
            "The controller calls a mesh with a merely stopped actor Failed.",
            off="The mesh is Stopped when an actor merely stopped, Failed when one failed.",
        ),
        _quirk(
            13,
            "5.8",
            "Stop of a mesh whose ranks are all terminal does nothing and tells nobody.",
            off="Stop tells subscribers and reaches the agents, whatever the ranks had come to before.",
        ),
        _quirk(
            14,
            "5.9",
            "A controller that cleans up tells neither owner nor subscribers.",
            off="A controller that cleans up tells its subscribers that the mesh is stopped, and they watch no more.",
        ),
        _quirk(15, "5.10", "One more poll runs after a Stop.", off="No poll runs after a Stop."),
        _quirk(
            16,
            "5.12",
            "One terminal rank silences the heartbeats: subscribers later take the controller for dead.",
            off="Heartbeats come with every period for as long as the controller lives, whatever became of the ranks.",
        ),
        _quirk(
            17,
            "5.12, 12.4",
            "Failures carry ranks of different rank spaces, and references filter by a third.",
            off="A failure names the rank in the mesh as it was spawned; a reference hears of exactly its own ranks.",
        ),
        _quirk(
            18,
            "5.12",
            "A dead proc is reported again at every poll, and only the one with the lowest rank.",
            off="Each dead proc is reported once, whatever its rank, and its rank counts as terminal.",
        ),
        _quirk(
            19,
            "5.12",
            "A dead proc ends the keepalives: the survivors are stopped as orphans.",
            off="A dead proc is left out: the actors of all others are polled and kept alive as before.",
        ),
        _quirk(
            20,
            "5.12",
            "A second event of an actor makes the controller report the first one again.",
            off="A failed actor is reported once, however many events follow.",
        ),
        _quirk(
            21,
            "5.12",
            "A failed actor that is stopped afterwards is reported as failed once more.",
            off="A failed actor that is stopped or silent afterwards stays failed, and nobody is told again.",
        ),
        _quirk(
            22,
            "5.12",
            "A Failed status without events is never recorded and looked at anew at every poll.",
            off="A Failed status without events is recorded, and reported once with its own text.",
        ),
        _quirk(
            23,
            "5.12",
            "A terminal status without any state would panic the controller, if Q24 did not come first.",
            off="A terminal status without any state is reported as the end of its rank.",
        ),
        _quirk(
            24,
            "5.12",
            "One rank unknown to its agent turns the whole poll into an error of rank 0.",
            off="The rank that is missing is reported, as itself; all others are polled as before.",
        ),
        _quirk(
            25,
            "5.12",
            "Recovery is never announced: a mesh that was unhealthy once stays so.",
            off="Subscribers are told when every rank is well again, and the mesh is Running once more.",
        ),
        _quirk(
            26,
            "5.12",
            "Timeouts in the result of a Stop can turn into one more failure and flip its kind.",
            off="What comes to light after a Stop is recorded and told to nobody.",
        ),
        _quirk(
            27,
            "5.12",
            "A Stop waits behind a long poll.",
            off="A Stop ends the poll that runs, and is carried out at once.",
        ),
        _quirk(
            28,
            "6.2",
            "A crashed or unreachable host counts as a clean stop: the owner is not told.",
            off="Only what its host calls stopped is a clean stop; the owner is told of a host that is silent.",
        ),
        _quirk(
            29,
            "7",
            "Hosts that are attached or started rather than allocated have no controller to shut them down.",
            off="Every host mesh has a controller, which shuts its hosts down when the owner ends.",
        ),
        _quirk(
            30,
            "8.2",
            "The first recorded event bars a proc from new actors for ever.",
            off="Recorded events do not keep a proc from new actors.",
        ),
        _quirk(
            31,
            "8.2",
            "Spawning succeeds although the actor's init is going to fail.",
            off="Spawning ends when the inits are over, and fails with the one that failed.",
        ),
        _quirk(
            32,
            "8.3",
            "An actor is reported Stopped while it may still run; nothing is aborted.",
            off="An actor that outlives its time to stop is aborted; its children are told to stop.",
        ),
        _quirk(
            33,
            "8.4",
            "StopAll to an in-process agent ends the process that hosts it.",
            off="StopAll to an in-process agent ends its own proc alone.",
        ),
        _quirk(
            34,
            "8.5",
            "Undeliverable messages of the root client bar rank 0 of the newest mesh from new actors.",
            off="A message of the root client that comes back is logged.",
        ),
        _quirk(
            35,
            "8.7",
            "Asking an agent of the owned path for its status ends its process.",
            off="An agent of the owned path answers with its rank and that it is alive.",
        ),
        _quirk(
            36,
            "8.8",
            "Actors have no expiry before the first keepalive: an early controller crash leaks them.",
            off="An actor that a controller is to keep alive has an expiry from its creation on.",
        ),
        _quirk(
            37,
            "8.8",
            "Expiry compares the clocks of two machines.",
            off="A keepalive counts from its arrival, by the clock of the agent.",
        ),
        _quirk(
            38,
            "9.3",
            "A host answers nothing while one of its procs starts.",
            off="A host takes messages while its procs start; only who asks about one that starts waits.",
        ),
        _quirk(
            39,
            "9.3",
            "A child that did not get ready in time stays until host shutdown.",
            off="A child that did not get ready in time is killed.",
        ),
        _quirk(
            40,
            "9.3",
            "A Stop after shutdown crashes the host process.",
            off="A Stop after shutdown changes nothing: its proc is stopped already. A new proc is refused.",
        ),
        _quirk(
            41,
            "9.3",
            "Shutdown is acknowledged before any of its work is done.",
            off="Shutdown is acknowledged when the last process has ended.",
        ),
        _quirk(
            42,
            "9.4",
            "Allocated hosts are ranked in the order in which they answer.",
            off="Allocated hosts are ranked as the procs of their alloc.",
        ),
        _quirk(
            43,
            "9.5",
            "A failed proc mesh spawn leaves procs behind.",
            off="Every proc of a spawn that failed is stopped.",
        ),
        _quirk(
            44,
            "9.7, 10.5",
            "Padding silent ranks of a slice panics the asker.",
            off="Replies are told apart by who gives them: exactly the silent ranks are padded, also after copies.",
        ),
        _quirk(
            45,
            "10.2",
            "No cast reaches any rank when the proc of rank 0 is dead.",
            off="A cast goes straight to each rank; comm actors are not used.",
        ),
        _quirk(
            46,
            "10.3",
            "Configuring allocated procs waits without limit.",
            off="An agent that is silent for as long as a proc may take to spawn ends the allocation, with its rank.",
        ),
        _quirk(
            47,
            "10.7",
            "A failed actor mesh spawn leaves actors behind that nobody owns.",
            off="Every actor of a spawn that failed is stopped, unless it goes by the name of a service.",
        ),
        _quirk(
            48,
            "11.3",
            "Waiting for statuses ends when every rank is anything but NotExist.",
            off="A rank that is only initializing has not answered yet.",
        ),
        _quirk(
            49,
            "12.4",
            "A client that is slow to look sees only the latest message of its subscription.",
            off="Every failure waits in the subscription until it was looked at.",
        ),
        _quirk(
            50, "12.4", "Waiting again returns the same failure at once.", off="What was heard once is not heard again."
        ),
        _quirk(
            51,
            "12.4",
            "A client whose watchdog fired once never subscribes again.",
            off="Waiting again after a time-out subscribes again.",
        ),
        _quirk(
            52,
            "12.5",
            "A stop that failed cannot be tried again.",
            off="A stop that failed can be tried again, and reaches the agents once more.",
        ),
        _quirk(
            53,
            "12.5",
            "Stopping actors that do not answer is reported as success.",
            off="A stop that some actor did not answer is an error.",
        ),
        _quirk(
            54,
            "5.10",
            "A rank that timed out once never becomes Running again for its controller.",
            off="A rank that answers again is Running again, and silence alone never ends the polling.",
        ),
        _quirk(
            55,
            "6.3, 14.2",
            "An actor that stops itself is reported Running for ever.",
            off="An actor that stops itself is reported Stopped.",
        ),
        _quirk(
            56,
            "14.3",
            "One slow host can hold up polls until healthy actors are reaped as orphans.",
            off="While a poll waits, a timer keeps the actors alive.",
        ),
        _quirk(
            57,
            "5.9, 14.6",
            "An undeliverable message kills the controller that sent it.",
            off="A message that comes back is logged; the poll or the operation it belonged to says what that means.",
        ),
        _quirk(
            58,
            "6.2",
            "A worker process that exits with 0 is never an event for the owner.",
            off="A process that exits with 0 without being asked to has failed, and the owner is told.",
        ),
        _quirk(
            59,
            "4.5",
            "The failure of a child while its parent is stopping is lost.",
            off="It counts as the failure of a child at any other time; a parent that already failed logs it.",
        ),
        _quirk(
            60,
            "9.6",
            "A status reply that finds nobody kills the host process.",
            off="A reply that finds nobody is logged.",
        ),
        _quirk(
            61,
            "4.3",
            "The text of an event has no line break before the failure it contains.",
            off="The failure that an event contains begins on a line of its own.",
        ),
        _quirk(
            62,
            "4.6",
            "A cast that comes back makes a plain caster panic.",
            off="A cast that comes back is an error of its caster like any other message.",
        ),
        _quirk(
            63,
            "3.8",
            "Host shutdown sends SIGTERM at once to a proc that is already stopping.",
            off="A proc that is already stopping has the grace of the shutdown before SIGTERM.",
        ),
        *_NAMED,
    )
}

#: Their ids, in the order of the table.
SWITCHES = tuple(QUIRKS)

#: Names of the profiles, for files and command lines; as the keys of `PROFILES`.
ProfileName = Literal["2026-03", "2025-11", "fixed"]
#: What a scenario has that names none: the system with all its quirks.
DEFAULT_PROFILE: Final = "2026-03"

#: Quirks that are off unless a scenario asks for them: nothing shows them by itself.
LATENT = tuple(quirk.id for quirk in QUIRKS.values() if quirk.latent)

#: Quirks of what is younger than the revision of 2025-11: controllers that monitor, with their owners, subscribers and
#: watchdogs; keepalives and orphans; the supervision sink (supervision.md 10.9).
_YOUNGER = (
    *("Q11", "Q12", "Q13", "Q14", "Q15", "Q16", "Q17", "Q18", "Q19", "Q20", "Q21", "Q22", "Q23", "Q25", "Q26", "Q27"),
    *("Q28", "Q34", "Q36", "Q37", "Q49", "Q50", "Q51", "Q52", "Q53", "Q54", "Q56"),
)

#: What each profile turns off, or does not have.
PROFILES: dict[str, tuple[str, ...]] = {
    "2026-03": LATENT,
    "2025-11": (*_YOUNGER, *LATENT),
    "fixed": SWITCHES,
}

#: Quirks of parts that a profile does not have: neither on nor off there.
ABSENT: dict[str, tuple[str, ...]] = {"2025-11": _YOUNGER}

#: The revision (`meshsim.model.revision`) that each profile is made of.
REVISION_OF: dict[str, str] = {"2026-03": "2026-03", "2025-11": "2025-11", "fixed": "2026-03"}

#: The profiles between which a quirk is on or off: what shows one is run under both.
SIDES: Final = ("2026-03", "fixed")


def turned_off(profile: str, switches: Mapping[str, bool]) -> tuple[str, ...]:
    """Quirks that are off under a profile and single switches, in the order of the table."""
    off = set(PROFILES[profile])
    off |= {quirk for quirk, on in switches.items() if not on}
    off -= {quirk for quirk, on in switches.items() if on}
    return tuple(quirk for quirk in QUIRKS if quirk in off)
