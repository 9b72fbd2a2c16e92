"""Conditions on records: which paths there are, and which values match."""

import pytest

from meshsim.faults.conditions import Condition, Plain, wanted_words
from meshsim.faults.matching import RECORD_TYPES, ConditionError, Matcher, check_condition
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Name, Node, PortRef, actor_id, address_of_node, proc_agent_id, proc_id
from meshsim.model.messages import Envelope, GetState, RankStatus
from meshsim.model.notes import Bounced, Heard, LocalDelivery, MeshSpawned, ProcStatusChanged
from meshsim.model.shapes.extent import Extent
from meshsim.model.status import RUNNING, failed
from meshsim.model.supervision import ActorPhase, ActorStatus, ActorSupervisionEvent, MeshFailure
from meshsim.trace.directory import Directory
from meshsim.trace.records import Body, MessageReturned, ProcessReaped, ProcessStarted, Record

WORKER = Name("workers_0-1aaaaaaaaaaa")
PROC = proc_id(address_of_node("host0"), WORKER)
TRAINER = actor_id(PROC, "trainer-2bbbbbbbbbbb")
CONTROLLER = ActorId("unix:@client,local,actor_mesh_controller_trainer-2bbbbbbbbbbb[1]")
CLIENT = ActorId("unix:@client,local,client[0]")


def record(what: Body, node: str = "host0") -> Record:
    return Record(seq=1, at=0, node=Node(node), cause=-1, what=what)


def spawned(kind: str, label: str, member: str, controller: ActorId | None = None) -> MeshSpawned:
    return MeshSpawned(
        kind=kind,
        label=label,
        name=Name(f"{label}-3ccccccccccc"),
        by=CLIENT,
        extent=str(Extent.of(())),
        members=(member,),
        procs=(PROC,),
        controller=controller,
    )


@pytest.fixture
def directory() -> Directory:
    """host0 with one worker, on it a trainer whose controller lives with the client."""
    return Directory.of(
        [
            record(ProcessStarted(kind="host", parent="", name="", pdeathsig=True), "host0"),
            record(ProcessStarted(kind="client", parent="", name="", pdeathsig=True), "client"),
            record(ProcessStarted(kind="proc", parent="host0", name=WORKER, pdeathsig=True), "host0/workers_0"),
            record(spawned("procs", "workers", PROC)),
            record(spawned("actors", "trainer", TRAINER, CONTROLLER)),
        ]
    )


HEARD = Heard(
    listener=CLIENT,
    role="owner",
    mesh="trainer",
    rank=0,
    status="Failed",
    text="failed: x",
    actor=TRAINER,
    failure=MeshFailure(
        actor_mesh_name="trainer",
        rank=None,
        event=ActorSupervisionEvent(TRAINER, None, 0, ActorStatus(ActorPhase.FAILED)),
    ),
)
POLL = Envelope(
    sender=CONTROLLER,
    dest=proc_agent_id(PROC),
    message=GetState(name=Name("trainer-2bbbbbbbbbbb"), reply=PortRef(CONTROLLER, 1024)),
)
REPLY = Envelope(sender=TRAINER, dest=CLIENT, message=RankStatus(runs=((0, 2, RUNNING), (2, 3, failed("x")))))


@pytest.mark.parametrize(
    ("what", "where"),
    [
        (HEARD, {}),
        (HEARD, {"rank": 0, "status": "Failed", "mesh": "trainer"}),
        (HEARD, {"type": "heard", "node": "host0"}),
        (HEARD, {"failure.rank": None, "failure.event.actor_status.phase": "failed"}),
        (HEARD, {"listener": "client", "actor": "trainer[0]"}),
        (HEARD, {"listener": CLIENT, "actor": TRAINER}),
        (HEARD, {"actor": TRAINER, "failure.event.actor_id": "trainer[0]"}),
        (POLL, {"sender": "trainer.controller", "dest": "workers[0]", "message.type": "get_state"}),
        (POLL, {"message.reply.actor": "trainer.controller", "message.reply.index": 1024}),
        (POLL, {"message.name": "trainer"}),
        (REPLY, {"message.runs.1.0": 2, "message.runs.1.2.kind": "Failed", "message.runs.1.2.text": "x"}),
        (LocalDelivery(POLL), {"envelope.message.type": "get_state", "envelope.returnable": True}),
        (MessageReturned(POLL, ("gone",)), {"errors.0": "gone"}),
        (ProcStatusChanged(WORKER, "Ready", "Killed", "Killed(sig=9)"), {"name": "workers[0]", "phase": "Killed"}),
        (ProcStatusChanged(WORKER, "Ready", "Killed", "Killed(sig=9)"), {"name": "workers_0"}),
        (ProcessReaped(by="host0", status=ExitStatus(signal=9)), {"by": "host0", "status.signal": 9}),
        (ProcessReaped(by="host0", status=ExitStatus(signal=9)), {"status.code": None, "status.core_dumped": False}),
    ],
)
def test_a_record_that_has_all_values_matches(what: Body, where: dict[str, Plain], directory: Directory) -> None:
    """Fields by value, enums by what they stand for, actors and processes by the names people use."""
    tag = type(what).__struct_config__.tag
    assert isinstance(tag, str)

    assert Matcher(tag, where, directory).matches(record(what))


@pytest.mark.parametrize(
    ("what", "tag", "where"),
    [
        (HEARD, "heartbeat", {}),
        (HEARD, "heard", {"rank": 1}),
        (HEARD, "heard", {"rank": False}),
        (HEARD, "heard", {"rank": "0"}),
        (HEARD, "heard", {"rank": None}),
        (HEARD, "heard", {"rank": 0, "mesh": "other"}),
        (HEARD, "heard", {"node": "client"}),
        (HEARD, "heard", {"listener": "trainer[0]"}),
        (HEARD, "heard", {"actor": "trainer[1]"}),
        (HEARD, "heard", {"failure.event.actor_status.error.text": "x"}),
        (POLL, "message", {"message.type": "stop"}),
        (POLL, "message", {"message.runs.0.0": 0}),
        (POLL, "message", {"message.name": "trainer-2"}),
        (REPLY, "message", {"message.runs.2.0": 0}),
        (POLL, "local", {}),
        (Bounced(POLL, "x"), "bounced", {"envelope.returnable": 1}),
    ],
)
def test_one_value_that_differs_is_enough_not_to_match(
    what: Body, tag: str, where: dict[str, Plain], directory: Directory
) -> None:
    """Zero is not false, a number is not a text, and what a record does not have equals nothing."""
    assert not Matcher(tag, where, directory).matches(record(what))


def test_names_are_looked_up_when_a_record_comes() -> None:
    """A trigger is set before the mesh that it names is spawned."""
    directory = Directory()
    matcher = Matcher("heard", {"actor": "trainer[0]"}, directory)
    before = matcher.matches(record(HEARD))

    directory.observe(record(spawned("actors", "trainer", TRAINER)))

    assert not before
    assert matcher.matches(record(HEARD))


@pytest.mark.parametrize(
    ("tag", "path", "message", "part"),
    [
        ("hear", "rank", "no such record", "hear"),
        ("heard", "rnak", 'heard has no "rnak"', "rnak"),
        ("heard", "", 'heard has no ""', ""),
        ("heard", "rank.x", 'rank has no "x"', "x"),
        ("heard", "node.x", 'heard has no "node"', "node"),
        ("message", "message.runs.x", 'message.runs has no "x"', "x"),
        ("message", "message.nope", 'message has no "nope"', "nope"),
        ("returned", "envelope.message.type.x", 'envelope.message.type has no "x"', "x"),
        ("message", "message.runs.0.3", 'message.runs.0 has no "3"', "3"),
    ],
)
def test_a_condition_that_cannot_match_is_refused(
    tag: str, path: str, message: str, part: str, directory: Directory
) -> None:
    """A trigger with a typo would wait for ever; it is an error before the run."""
    with pytest.raises(ConditionError) as caught:
        Matcher(tag, {path: 1}, directory)

    assert (str(caught.value), caught.value.part) == (message, part)


def test_what_is_allowed_is_listed() -> None:
    """For the author of the file: the fields of the record, `node`, and `type`."""
    with pytest.raises(ConditionError) as caught:
        check_condition("poll_started", {"rank": 1})

    assert caught.value.allowed == ("node", "controller", "mesh", "count", "type")


def test_every_record_can_be_named() -> None:
    """Each body of a trace has a tag of its own, messages included."""
    assert {"message", "heard", "process_reaped", "run_ended"} <= set(RECORD_TYPES)
    assert all(kind.tag == tag for tag, kind in RECORD_TYPES.items())


# --- conditions ----------------------------------------------------------------------------------------------

DEAD = Heard(
    listener=CLIENT, role="watchdog", mesh="trainer", rank=None, status="Failed", text="x", actor=CONTROLLER,
    failure=HEARD.failure,
)  # fmt: skip


@pytest.mark.parametrize(
    ("what", "path", "condition", "matches"),
    [
        (HEARD, "rank", Condition(ge=0), True),
        (HEARD, "rank", Condition(ge=1), False),
        (HEARD, "rank", Condition(gt=-1, lt=1), True),
        (HEARD, "rank", Condition(gt=0), False),
        (HEARD, "rank", Condition(le=0), True),
        (HEARD, "rank", Condition(lt=0), False),
        (HEARD, "text", Condition(matches="^fail.*x$"), True),
        (HEARD, "text", Condition(matches="^x"), False),
        (HEARD, "actor", Condition(matches=r"^trainer\[\d\]$"), True),
        (HEARD, "actor", Condition(matches="host0,workers"), True),
        (HEARD, "role", Condition(one_of=["owner", "subscriber"]), True),
        (HEARD, "role", Condition(one_of=["watchdog"]), False),
        (HEARD, "actor", Condition(one_of=["trainer[1]", "trainer[0]"]), True),
        (HEARD, "role", Condition(not_="watchdog"), True),
        (HEARD, "role", Condition(not_="owner"), False),
        (HEARD, "actor", Condition(not_="trainer[0]"), False),
        (HEARD, "text", Condition(not_=Condition(matches="y")), True),
        (HEARD, "rank", Condition(given=True), True),
        (DEAD, "rank", Condition(given=True), False),
        (DEAD, "rank", Condition(given=False), True),
        (DEAD, "rank", Condition(ge=0), False),
        (DEAD, "rank", Condition(not_=0), True),
        (HEARD, "rank", Condition(ge=0, one_of=[1, 2]), False),
        (POLL, "message.name", Condition(not_="other"), True),
        (POLL, "message.text", Condition(not_="other"), False),
        (POLL, "message.text", Condition(given=False), False),
        (HEARD, "failure.event.actor_status.phase", Condition(matches="^failed$"), True),
    ],
    ids=repr,
)
def test_a_condition_wants_more_than_equality(
    what: Body, path: str, condition: Condition, matches: bool, directory: Directory
) -> None:
    """Ranges, patterns, choices and their negations; nothing holds where the record has no such field."""
    tag = str(type(what).__struct_config__.tag)

    assert Matcher(tag, {path: condition}, directory).matches(record(what)) is matches


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (3, "= 3"),
        (Condition(ge=1, lt=3), ">= 1 and < 3"),
        (Condition(matches="a+"), 'matches "a+"'),
        (Condition(one_of=["a", 1]), "one of a, 1"),
        (Condition(not_="a"), "not a"),
        (Condition(not_=Condition(gt=1)), "not > 1"),
        (Condition(given=False), "not given"),
    ],
    ids=repr,
)
def test_a_condition_has_words(wanted: Plain | Condition, words: str) -> None:
    """What `show` prints behind the path."""
    assert wanted_words(wanted) == words
