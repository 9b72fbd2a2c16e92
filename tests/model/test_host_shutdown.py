"""A HostAgent together with the processes it ends: whatever they do, the ladders get them down in time."""

import heapq
from math import ceil

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.commands import CancelTimer, SetTimer, SignalProcess
from meshsim.model.config import Config
from meshsim.model.events import ChildExited, TimerFired
from meshsim.model.hosts.host_agent import HostAgent
from meshsim.model.hosts.process import ExitStatus, ProcPhase
from meshsim.model.ids import ActorId, Name, Node, PortRef, host_agent_id, proc_agent_id, proc_id
from meshsim.model.messages import CreateOrUpdate, Envelope, ProcReady, ProcSpec, ShutdownHost, Stop, StopAll
from meshsim.units import S

ME = host_agent_id("host0")
CLIENT = ActorId("unix:@client,local,client[0]")
GRACE = 10 * S


class Habit(msgspec.Struct, frozen=True):
    """What a process ends at, and how long it takes: asked by its agent, or by SIGTERM, or not at all."""

    ends_at: str
    after_ns: int


HABITS = st.builds(Habit, st.sampled_from(["ask", "term", "kill"]), st.integers(min_value=0, max_value=3 * GRACE))


class World:
    """Feeds one HostAgent in virtual time: timers, and the exits of processes with habits."""

    def __init__(self, habits):
        self.agent = HostAgent(me=ME, host=Node("host0"), config=Config.of({"process_exit_timeout": GRACE}))
        self.habits = {Name(f"w_{i}"): habit for i, habit in enumerate(habits)}
        self.now_ns, self.count, self.queue, self.timers, self.gone = 0, 0, [], {}, {}
        for port, name in enumerate(self.habits, start=1024):
            self.feed(Envelope(CLIENT, ME, CreateOrUpdate(name, 0, ProcSpec())))
            agent = proc_agent_id(proc_id("unix:@host0", name))
            self.feed(Envelope(agent, ME, ProcReady(name, "a", agent), port))

    def feed(self, event):
        for command in self.agent.handle(event, self.now_ns):
            match command:
                case SetTimer(key=key, after_ns=after_ns):
                    self.timers[key] = self.push(after_ns, TimerFired(ME, key))
                case CancelTimer(key=key):
                    del self.timers[key]
                case SignalProcess(name=name, signal=15) if self.habits[name].ends_at == "term":
                    self.push(self.habits[name].after_ns, ChildExited(name, ExitStatus(signal=15)))
                case SignalProcess(name=name, signal=9):
                    self.push(0, ChildExited(name, ExitStatus(signal=9)))
                case Envelope(dest=dest, message=StopAll()):
                    name = Name(dest.split(",")[1])
                    if self.habits[name].ends_at == "ask":
                        self.push(self.habits[name].after_ns, ChildExited(name, ExitStatus(code=0)))

    def push(self, after_ns, event):
        self.count += 1
        heapq.heappush(self.queue, (self.now_ns + after_ns, self.count, event))
        return self.count

    def run(self, until_ns=1000 * GRACE):
        while self.queue and self.queue[0][0] <= until_ns:
            self.now_ns, number, event = heapq.heappop(self.queue)
            if isinstance(event, TimerFired):
                if self.timers.get(event.key) == number:
                    del self.timers[event.key]
                    self.feed(event)
            elif event.name not in self.gone:
                self.gone[event.name] = self.now_ns
                self.feed(event)


def ending(habit):
    """How a ladder with two graces of this length leaves a process with this habit."""
    if habit.ends_at == "ask" and habit.after_ns <= 2 * GRACE:
        return ProcPhase.STOPPED
    return ProcPhase.KILLED


@given(st.lists(HABITS, max_size=6), st.integers(min_value=1, max_value=4))
def test_a_shutdown_ends_every_child_within_two_graces_a_batch(habits, max_in_flight):
    """supervision.md 14.4: ceil(children / in flight) times 2 T, however stubborn they are."""
    world = World(habits)

    world.feed(Envelope(CLIENT, ME, ShutdownHost(GRACE, max_in_flight, PortRef(CLIENT, 1024))))
    world.run()

    assert [name for name, child in world.agent.manager.children.items() if not child.status.is_exit] == []
    assert max(world.gone.values(), default=0) <= ceil(len(habits) / max_in_flight) * 2 * GRACE
    assert (world.agent.deaf, world.timers) == (True, {})


@given(HABITS)
def test_a_stop_ends_its_proc_within_two_graces(habit):
    """Ladder A: exactly one way to end for each habit but for ties, and no timer is left."""
    world = World([habit])

    world.feed(Envelope(CLIENT, ME, Stop(Name("w_0"), "done")))
    world.run()

    assert world.agent.manager.children["w_0"].status.phase is ending(habit) or habit.after_ns == 2 * GRACE
    assert world.gone["w_0"] <= 2 * GRACE
    assert (world.agent.busy, world.timers) == (False, {})


@given(st.lists(HABITS, min_size=1, max_size=4), st.integers(min_value=0, max_value=2 * GRACE))
def test_a_shutdown_in_the_middle_of_stops_leaves_nothing_behind(habits, when_ns):
    """Both ladders climb side by side (Q63); neither trips over the other."""
    world = World(habits)
    for name in world.habits:
        world.feed(Envelope(CLIENT, ME, Stop(name, "done")))

    world.run(until_ns=when_ns)
    world.now_ns = when_ns
    world.feed(Envelope(CLIENT, ME, ShutdownHost(GRACE, 16, PortRef(CLIENT, 1024))))
    world.run()

    assert set(world.gone) == set(world.habits)
    assert (world.agent.deaf, world.timers) == (True, {})
