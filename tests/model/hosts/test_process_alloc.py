"""An alloc of processes as tables: asked for its next event, it starts, answers, gives up (mesh_model.md 5.3)."""

import pytest
from machines import CLIENT_PROC, CONFIG

from meshsim.model.alloc.events import STOPPED, WATCHDOG, Created, Failed, ReasonKind, Running, Stopped, StopReason
from meshsim.model.alloc.messages import AllocHeartbeat, AllocHello, StartedProc, StartProc, StopAndExit
from meshsim.model.alloc.process_alloc import ProcessAlloc
from meshsim.model.commands import CancelTimer, SetTimer, SignalProcess, SpawnAllocated
from meshsim.model.config import Config, overrides
from meshsim.model.events import ChildExited
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Name, NameSource, ProcId, actor_id, fixed_proc_name
from meshsim.model.messages import Envelope
from meshsim.model.shapes.extent import Extent
from meshsim.units import S

ME = actor_id(CLIENT_PROC, "alloc_w-1x", 1)
SPAWN_CONFIG = overrides(CONFIG)
_NAMES = NameSource(7)
KEYS = [_NAMES.draw_uuid() for _ in range(6)]


def alloc(ranks=2, **more):
    extent = Extent(("replicas",), (ranks,))
    return ProcessAlloc(ME, "_1alloc", extent, "w", CONFIG, NameSource(7), **more)


def process(index):
    return ActorId(f"unix:@client/w_{index},bootstrap,bootstrap[0]")


def spawn(index):
    return SpawnAllocated(Name(f"_1alloc_{index}"), f"w_{index}", ME, index, SPAWN_CONFIG)


def created(rank, index):
    return Created(KEYS[index], rank, f"replicas={rank}/2", index + 1)


def hello(index):
    return Envelope(process(index), ME, AllocHello(index, f"unix:@client/w_{index}"))


def proc(index, name=None):
    return ProcId(f"unix:@client/w_{index},{name or f'_1alloc_{index}'}")


def started(index):
    agent = ActorId(f"{proc(index)},mesh[0]")
    return Envelope(process(index), ME, StartedProc(index, proc(index), agent, f"unix:@client/w_{index}"))


def exited(index, **status):
    return ChildExited(Name(f"_1alloc_{index}"), ExitStatus(**status))


def running_alloc():
    """Both processes serve."""
    machine = alloc()
    for _ in range(2):
        machine.next()
    for index in range(2):
        machine.on_message(hello(index))
        machine.on_message(started(index))
        machine.next()
    return machine


def test_each_question_starts_one_process_until_there_are_enough():
    machine = alloc()

    assert machine.next() == ([spawn(0)], created(0, 0))
    assert machine.next() == ([spawn(1)], created(1, 1))
    assert machine.next() == ([], None)
    assert not machine.is_over


def test_a_process_says_hello_and_is_told_its_proc():
    """Running when it has booted. A second hello, a heartbeat and a stranger change nothing."""
    machine = alloc()
    machine.next(), machine.next()

    machine.on_message(hello(1))
    assert machine.next() == ([Envelope(ME, process(1), StartProc(proc(1)))], None)
    machine.on_message(started(1))
    running = Running(KEYS[1], proc(1), ActorId(f"{proc(1)},mesh[0]"), "unix:@client/w_1")
    assert machine.next() == ([], running)
    for ignored in (hello(1), hello(5), started(5), Envelope(process(1), ME, AllocHeartbeat(1))):
        machine.on_message(ignored)
        assert machine.next() == ([], None)


def test_the_spec_may_fix_the_name_of_every_proc():
    machine = alloc(proc_name="hostproc")
    machine.next(), machine.next()
    machine.on_message(hello(0))

    fixed = fixed_proc_name("hostproc", "unix:@client/w_0")
    assert machine.next() == ([Envelope(ME, process(0), StartProc(proc(0, fixed)))], None)


def test_nothing_moves_between_two_questions():
    """What came waits; nobody is answered."""
    machine = alloc()
    machine.next(), machine.next()

    assert machine.on_message(hello(0)) == []
    assert machine.on_exit(exited(1, code=1)) == []
    assert len(machine.inbox) == 2


def test_a_process_that_died_is_replaced_under_the_next_index():
    machine = running_alloc()
    machine.on_exit(exited(0, signal=9))

    commands, event = machine.next()
    assert event == Stopped(KEYS[0], StopReason(ReasonKind.KILLED, signal=9))
    assert commands == [CancelTimer(ME, "watchdog:0")]
    assert machine.next() == ([spawn(2)], created(0, 2))


def test_stop_tells_every_process_and_gives_it_its_time():
    """Those that go in time stopped well; then there is no next event."""
    machine = running_alloc()

    assert machine.stop() == []
    limit = CONFIG.process_exit_timeout
    assert limit == 10 * S
    assert machine.next() == (
        [
            Envelope(ME, process(0), StopAndExit(0)),
            SetTimer(ME, "watchdog:0", limit),
            Envelope(ME, process(1), StopAndExit(0)),
            SetTimer(ME, "watchdog:1", limit),
        ],
        None,
    )
    for index in range(2):
        machine.on_exit(exited(index, code=0))
        assert machine.next() == ([CancelTimer(ME, f"watchdog:{index}")], Stopped(KEYS[index], STOPPED))
    assert machine.is_over
    assert machine.next() == ([], None)


def test_a_process_that_does_not_stop_in_time_gets_sigterm_and_the_first_reason_stays():
    machine = running_alloc()
    machine.stop(), machine.next()

    assert machine.on_timer("watchdog:1") == [SignalProcess(Name("_1alloc_1"), 15)]
    machine.on_exit(exited(1, signal=15))

    assert machine.next()[1] == Stopped(KEYS[1], WATCHDOG)
    assert machine.on_timer("watchdog:1") == []


def test_a_closed_channel_is_the_end_of_its_process():
    machine = running_alloc()
    lost = Envelope(ME, process(0), StopAndExit(0))

    assert machine.on_returned(lost) == [SignalProcess(Name("_1alloc_0"), 15)]
    machine.on_exit(exited(0, code=0))

    assert machine.next()[1] == Stopped(KEYS[0], WATCHDOG)
    assert machine.on_returned(lost) == []


def test_an_alloc_that_cannot_start_a_process_is_dead_and_can_be_stopped():
    """It replaces nothing any more, and ends normally."""
    machine = running_alloc()
    machine.fail("exec failed")

    assert machine.next() == ([], Failed("_1alloc", "exec failed"))
    machine.on_exit(exited(0, code=2))
    assert machine.next()[1] == Stopped(KEYS[0], StopReason(ReasonKind.EXITED, code=2))
    assert machine.next() == ([], None)
    machine.stop()
    machine.on_exit(exited(1, code=0))
    assert machine.next()[1] == Stopped(KEYS[1], STOPPED)
    assert machine.is_over


def test_stopping_twice_tells_nobody_twice():
    machine = running_alloc()
    machine.stop(), machine.next()
    machine.stop()

    assert machine.next() == ([], None)


@pytest.mark.parametrize(
    ("lines", "off", "unread", "tail"),
    [
        (0, (), 0, ""),
        (0, ("Q2",), 0, "one\ntwo\nthree"),
        (2, (), 0, "two\nthree"),
        (2, (), 1, "one\ntwo"),
        (2, ("Q3",), 1, "two\nthree"),
    ],
)
def test_the_tail_of_stderr_is_part_of_an_exit_with_a_code(lines, off, unread, tail):
    """As many lines as are kept (Q2), without those that were not read in time (Q3)."""
    machine = running_alloc()
    machine.config = Config.of({"MESH_TAIL_LOG_LINES": lines}, off)
    written = ("one", "", "two", "three")
    machine.on_exit(ChildExited(Name("_1alloc_1"), ExitStatus(code=3), written, unread))

    assert machine.next()[1] == Stopped(KEYS[1], StopReason(ReasonKind.EXITED, code=3, stderr=tail))
