"""During a lockstep run the processes of the model are processes of this machine, and what happens to them happens.

Each test runs a whole plan on the lockstep backend and looks at /proc while it runs: at the records that say that
something has just happened. Every run must also leave the trace of `sim`, byte for byte.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from random import Random

import psutil
import pytest
from leftovers import processes_of, wait_until, zombies
from small_worlds import at, found, mesh, run_sim

from meshsim.drive.conductor import Conductor
from meshsim.faults.kinds import ControllerKill, Exit, Fault, HostCrash, Resume, Signal, Stall
from meshsim.model.actors.registry import default_program
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node
from meshsim.model.notes import MeshSpawned
from meshsim.procs.backend import LockstepBackend
from meshsim.procs.linux import ProcessFacts, children_of, facts_of
from meshsim.scenario.plan import Plan
from meshsim.trace.records import (
    FaultStruck,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessStopped,
    Record,
    RunEnded,
)

pytestmark = pytest.mark.procs

HOST, OTHER_HOST, CLIENT = Node("host0"), Node("host1"), Node("client")
PROC = Node("host0/workers_1")
NEVER = ExitStatus(code=99)


class Witness(LockstepBackend):
    """The lockstep backend, with a list of what was asked of it. It is never told how a process should have ended."""

    def __init__(self, run_id: str) -> None:
        super().__init__(default_program(), run_id=run_id)
        self.signals: list[tuple[Node, int, Node | None]] = []
        self.zygote = next(pid for pid in children_of(os.getpid()) if facts_of(pid).session == pid)

    def signal(self, node: Node, signal: int, *, by: Node | None, group: bool = False) -> None:
        self.signals.append((node, signal, by))
        super().signal(node, signal, by=by, group=group)

    def reap(self, node: Node, *, by: Node | None, expected: ExitStatus) -> ExitStatus:
        return super().reap(node, by=by, expected=NEVER)


Look = Callable[[Record, Witness], None]
Watch = Callable[[Plan, Look], tuple[list[Record], Witness]]


@pytest.fixture
def watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Runs a plan in lockstep while `look` sees every record as it is made; then compares with `sim`."""
    run_id = f"real-{os.getpid()}-{request.node.name}"

    def watch(plan: Plan, look: Look) -> tuple[list[Record], Witness]:
        backend = Witness(run_id)
        try:
            conductor = Conductor(plan, backend)
            conductor.watchers.append(lambda record: look(record, backend))
            conductor.run()
        finally:
            backend.close()
        simulated = run_sim(plan)
        assert conductor.records == simulated.records
        assert conductor.digest() == simulated.digest()
        return conductor.records, backend

    yield watch
    assert wait_until(lambda: not processes_of(run_id)), f"left over: {processes_of(run_id)}"
    assert zombies() == []


def unseen(record: Record, backend: Witness) -> None:
    """Nothing has to be looked at."""


def reaped(records: list[Record], node: Node) -> list[ProcessReaped]:
    return found(records, ProcessReaped, node)


def test_every_node_is_a_process_in_its_place(watch: Watch) -> None:
    """Runner, zygote, hosts and clients, procs: four generations, one process group for each node, one session."""
    facts: dict[str, ProcessFacts] = {}
    trees: list[dict[int, set[int]]] = []

    def look(record: Record, backend: Witness) -> None:
        if isinstance(record.what, MeshSpawned) and record.what.kind == "actors":
            nodes = [HOST, OTHER_HOST, CLIENT, *(Node(f"host{h}/workers_{p}") for h in (0, 1) for p in (0, 1))]
            facts.update({node: backend.facts(node) for node in nodes})
            trees.append({pid: {child.pid for child in psutil.Process(pid).children()} for pid in parents(backend)})

    def parents(backend: Witness) -> list[int]:
        return [backend.zygote, backend.pid_of(HOST), backend.pid_of(OTHER_HOST)]

    _, backend = watch(mesh(hosts=2, horizon_s=5), look)

    pids = {node: fact.pid for node, fact in facts.items()}
    assert len({*pids.values(), os.getpid(), backend.zygote}) == 9
    assert trees == [
        {
            backend.zygote: {pids[HOST], pids[OTHER_HOST], pids[CLIENT]},
            pids[HOST]: {pids[Node("host0/workers_0")], pids[Node("host0/workers_1")]},
            pids[OTHER_HOST]: {pids[Node("host1/workers_0")], pids[Node("host1/workers_1")]},
        }
    ]
    assert [(fact.group, fact.session) for fact in facts.values()] == [(p, backend.zygote) for p in pids.values()]


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Signal(target="workers[1]", signal="SIGSEGV", at=at(3)), ExitStatus(signal=signal.SIGSEGV)),
        (Signal(target="workers[1]", signal="SIGKILL", at=at(3)), ExitStatus(signal=signal.SIGKILL)),
        (Signal(target="workers[1]", signal="40", at=at(3)), ExitStatus(signal=40)),
        (Exit(target="workers[1]", code=7, at=at(3)), ExitStatus(code=7)),
        (Exit(target="workers[1]", code=0, at=at(3)), ExitStatus(code=0)),
    ],
    ids=lambda value: (
        "" if isinstance(value, ExitStatus) else str(getattr(value, "signal", getattr(value, "code", "")))
    ),
)
def test_a_status_comes_from_waitid_in_the_host(watch: Watch, fault: Signal | Exit, status: ExitStatus) -> None:
    """Dead, it is a zombie of its host, whom alone the kernel tells the status; when told, the zombie is gone.

    The backend was told to expect exit code 99: what is in the trace cannot come from the model.
    """
    seen: list[tuple[str, bool]] = []
    after: list[bool] = []

    def look(record: Record, backend: Witness) -> None:
        if record.node == PROC and isinstance(record.what, ProcessDied):
            facts = backend.facts(PROC)
            seen.append((facts.state, facts.parent == backend.pid_of(HOST)))
        if record.node == PROC and isinstance(record.what, ProcessReaped):
            after.append(psutil.pid_exists(backend.pid_of(PROC)))

    records, _ = watch(mesh(faults=[fault], horizon_s=6), look)

    assert (seen, after) == ([("Z", True)], [False])
    assert reaped(records, PROC) == [ProcessReaped(HOST, status)]


def test_a_stalled_process_is_in_state_t_until_it_is_resumed(watch: Watch) -> None:
    """SIGSTOP is confirmed by the kernel before the run goes on; the process stays stopped through all that follows."""
    states: dict[str, set[str]] = {"before": set(), "during": set(), "after": set()}
    now = "before"

    def look(record: Record, backend: Witness) -> None:
        nonlocal now
        if record.node == PROC and isinstance(record.what, ProcessStopped):
            now = "during"
        if record.node == PROC and isinstance(record.what, ProcessContinued):
            now = "after"
        if record.at > at(1):
            states[now].add(backend.facts(PROC).state)

    records, _ = watch(mesh(faults=[Stall(target="workers[1]", at=at(3), for_=at(4))], horizon_s=12), look)

    assert states["during"] == {"T"}
    assert "T" not in states["before"] | states["after"]
    assert states["before"]
    assert states["after"]
    assert (len(found(records, ProcessStopped, PROC)), len(found(records, ProcessContinued, PROC))) == (1, 1)


def test_a_host_crash_takes_its_procs_by_their_parent_death_signal(watch: Watch) -> None:
    """Only the host was killed. Its procs died of the kernel's SIGKILL and became zombies of the subreaper."""
    orphans: list[tuple[str, str, bool]] = []

    def look(record: Record, backend: Witness) -> None:
        if isinstance(record.what, ProcessDied) and record.node.startswith("host1/"):
            facts = backend.facts(Node(record.node))
            orphans.append((record.what.why, facts.state, facts.parent == backend.zygote))

    records, backend = watch(mesh(hosts=2, faults=[HostCrash(target="host1", at=at(3))], horizon_s=8), look)

    killed = ProcessReaped("", ExitStatus(signal=signal.SIGKILL))
    assert backend.signals == [(OTHER_HOST, signal.SIGKILL, None)]
    assert orphans == [("parent_death", "Z", True)] * 2
    nodes = (OTHER_HOST, Node("host1/workers_0"), Node("host1/workers_1"))
    assert [reaped(records, node) for node in nodes] == [[killed]] * 3
    assert found(records, RunEnded)[0].alive == ("host0", "client", "host0/workers_0", "host0/workers_1")


def test_procs_without_parent_death_signal_outlive_their_host(watch: Watch) -> None:
    """With the configuration attribute off, the orphans get the subreaper as their parent and live on."""
    parents: set[bool] = set()

    def look(record: Record, backend: Witness) -> None:
        if at(4) < record.at < at(6):
            parents.add(backend.facts(PROC).parent == backend.zygote)

    faults = [HostCrash(target="host0", at=at(3)), Signal(target="workers[1]", signal="SIGTERM", at=at(6))]
    plan = mesh(faults=faults, config={"mesh_bootstrap_enable_pdeathsig": False}, horizon_s=7)
    records, _ = watch(plan, look)

    assert parents == {True}
    assert reaped(records, PROC) == [ProcessReaped("", ExitStatus(signal=signal.SIGTERM))]
    assert found(records, RunEnded)[0].alive == ("client", "host0/workers_0")


def test_a_controller_dies_with_the_process_it_lives_in(watch: Watch) -> None:
    """The fault names the mesh; what is killed is its owner's process, which is not the runner's."""
    killed: list[tuple[str, bool]] = []

    def look(record: Record, backend: Witness) -> None:
        if record.node == CLIENT and isinstance(record.what, ProcessDied):
            facts = backend.facts(CLIENT)
            killed.append((facts.state, facts.parent == backend.zygote))

    records, backend = watch(mesh(faults=[ControllerKill(target="trainer", at=at(5))], horizon_s=8), look)

    assert killed == [("Z", True)]
    assert backend.signals == [(CLIENT, signal.SIGKILL, None)]
    assert reaped(records, CLIENT) == [ProcessReaped("", ExitStatus(signal=signal.SIGKILL))]
    assert found(records, RunEnded)[0].alive == ("host0", "host0/workers_0", "host0/workers_1")


@pytest.mark.parametrize(
    ("pending", "kills"),
    [
        (["SIGTERM"], signal.SIGTERM),
        (["SIGTERM", "SIGHUP"], signal.SIGHUP),
        (["SIGHUP", "SIGSEGV"], signal.SIGSEGV),
        (["SIGQUIT", "SIGSYS", "SIGTRAP"], signal.SIGTRAP),
        (["40", "SIGUSR1"], signal.SIGUSR1),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_pending_signals_of_a_stalled_process_kill_it_on_resume(watch: Watch, pending: list[str], kills: int) -> None:
    """The order in which Linux takes them is in the process table: a table that were wrong would end the run."""
    faults = [
        Stall(target="workers[1]", at=at(3)),
        *(Signal(target="workers[1]", signal=name, at=at(4)) for name in pending),
        Resume(target="workers[1]", at=at(5)),
    ]

    records, _ = watch(mesh(faults=faults, horizon_s=6), unseen)

    assert reaped(records, PROC) == [ProcessReaped(HOST, ExitStatus(signal=kills))]


@pytest.mark.parametrize("name", ["SIGTSTP", "SIGTTIN", "SIGTTOU"])
def test_stop_signals_of_the_terminal_stop_a_process_too(watch: Watch, name: str) -> None:
    """A process group whose parent is of the same session is no orphan: the kernel does not discard them."""
    states: list[str] = []

    def look(record: Record, backend: Witness) -> None:
        if isinstance(record.what, ProcessStopped):
            states.append(backend.facts(Node(record.node)).state)

    watch(mesh(faults=[Signal(target="workers[1]", signal=name, at=at(3))], horizon_s=4), look)

    assert states == ["T"]


@pytest.mark.parametrize("name", ["SIGCHLD", "SIGURG", "SIGWINCH", "SIGCONT"])
def test_signals_ignored_by_default_leave_the_process_alone(watch: Watch, name: str) -> None:
    """Sent for real: it is alive and answers afterwards."""
    records, backend = watch(mesh(faults=[Signal(target="workers[1]", signal=name, at=at(3))], horizon_s=6), unseen)

    assert backend.signals == [(PROC, signal.Signals[name], None)]
    assert PROC in found(records, RunEnded)[0].alive


def test_a_host_stalled_while_its_proc_dies_waits_for_it_when_it_goes_on(watch: Watch) -> None:
    """The proc stays a zombie through the stall of its parent."""
    faults = [Stall(target="host0", at=at(3), for_=at(2)), Signal(target="workers[1]", signal="SIGKILL", at=at(4))]
    states: set[str] = set()

    def look(record: Record, backend: Witness) -> None:
        if at(4) < record.at < at(5):
            states.add(backend.facts(PROC).state)

    records, _ = watch(mesh(faults=faults, horizon_s=6), look)

    assert states == {"Z"}
    waited = next(record for record in records if record.node == PROC and isinstance(record.what, ProcessReaped))
    assert (waited.at, waited.what) == (at(5), ProcessReaped(HOST, ExitStatus(signal=signal.SIGKILL)))


def test_a_host_killed_in_its_stall_leaves_its_zombies_to_the_subreaper(watch: Watch) -> None:
    """A dead proc that its stopped host never waited for, and one that the host's death takes."""
    faults = [
        Stall(target="host0", at=at(3)),
        Exit(target="workers[0]", code=5, at=at(4)),
        HostCrash(target="host0", at=at(5)),
    ]

    records, _ = watch(mesh(faults=faults, horizon_s=6), unseen)

    assert reaped(records, Node("host0/workers_0")) == [ProcessReaped("", ExitStatus(code=5))]
    assert reaped(records, PROC) == [ProcessReaped("", ExitStatus(signal=signal.SIGKILL))]


SIGNALS = ["SIGKILL", "SIGTERM", "SIGSTOP", "SIGCONT", "SIGCONT", "SIGSEGV", "SIGHUP", "SIGTSTP", "SIGCHLD", "40"]
TARGETS = ["workers[0]", "workers[1]", "workers[2]", "workers[3]", "host0", "host1", "client"]


def drawn_fault(draw: Random) -> Fault:
    """Any signal, exit or stall of any process; half of them at whole seconds, where they meet."""
    moment = at(draw.choice([draw.uniform(1, 25), draw.randint(1, 25)]))
    target = draw.choice(TARGETS)
    match draw.randrange(4):
        case 0:
            return Exit(target=target, code=draw.choice([0, 1, 255]), at=moment)
        case 1:
            return Stall(target=target, at=moment, for_=at(draw.choice([1, 3, 12])))
        case _:
            return Signal(target=target, signal=draw.choice(SIGNALS), at=moment)


@pytest.mark.parametrize("seed", range(8))
def test_drawn_schedules_leave_the_trace_of_sim(watch: Watch, seed: int) -> None:
    """Up to eight faults that nobody thought of together: pending signals, zombies, orphans, stalls within stalls."""
    draw = Random(seed)
    plan = mesh(
        hosts=2,
        horizon_s=30,
        faults=[drawn_fault(draw) for _ in range(draw.randint(3, 8))],
        config={"message_delivery_timeout": "5s", "mesh_bootstrap_enable_pdeathsig": draw.random() < 0.6},
    )

    records, _ = watch(plan, unseen)

    assert found(records, FaultStruck)
    assert isinstance(records[-1].what, RunEnded)
