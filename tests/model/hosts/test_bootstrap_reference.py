"""Tests of the modelled system's bootstrap, launcher and host spawn, by their names (supervision.md 15.6, 15.7).

Those that are not here have other names here; docs/reference_tests.toml knows them all.
"""

import msgspec
import pytest

from meshsim.model import status
from meshsim.model.boot import NodeBoot
from meshsim.model.commands import SetTimer, SignalProcess
from meshsim.model.config import Config, ConfigError, attribute_by_key, parse_value
from meshsim.model.events import ChildExited, TimerFired
from meshsim.model.hosts import host_errors, process, readiness
from meshsim.model.hosts.host_agent import HostAgent
from meshsim.model.hosts.process import ExitStatus, display_plain
from meshsim.model.hosts.process_manager import ProcessManager
from meshsim.model.ids import ActorId, Name, Node, PortRef, host_agent_id, proc_agent_id, proc_id
from meshsim.model.messages import CreateOrUpdate, Envelope, GetRankStatus, ProcReady, ProcSpec, RankStatus
from meshsim.model.notes import ProcStatusChanged
from meshsim.model.wall_clock import WallClock
from meshsim.units import MS, S

ME = host_agent_id("host0")
CLIENT = ActorId("unix:@client,local,client[0]")
REPLY = PortRef(CLIENT, 1030)
W = Name("w_0-1a")
PROC = proc_id("unix:@host0", W)
ADDR, AGENT = "unix:/tmp/w", proc_agent_id(PROC)


@pytest.fixture
def manager():
    """One child, started at 1 s."""
    manager = ProcessManager(ME, Node("host0"), Config.of({}))
    manager.start(W, ProcSpec(), 1 * S)
    return manager


def texts(manager):
    return display_plain(manager.proc_status(W))


def exited(**how):
    return ChildExited(W, ExitStatus(**how))


def agent(ready_timeout_ns=30 * S):
    """A host that was told to create one proc, at 0."""
    made = HostAgent(me=ME, host=Node("host0"), config=Config.of({"host_spawn_ready_timeout": ready_timeout_ns}))
    made.handle(Envelope(CLIENT, ME, CreateOrUpdate(W, 0, ProcSpec())), 0)
    return made


def call_back(agent, now_ns, addr=ADDR, proc_agent=AGENT):
    return agent.handle(Envelope(AGENT, ME, ProcReady(W, addr, proc_agent), 1024), now_ns)


def rank_status(agent):
    """What the host says of the proc to who asks for its rank."""
    (answer,) = agent.handle(Envelope(CLIENT, ME, GetRankStatus(W, REPLY)), 99 * S)
    assert isinstance(answer.message, RankStatus)
    ((_, _, found),) = answer.message.runs
    return found


def failed(why):
    return status.failed(f"proc '{PROC}' failed to configure process: {why}")


# --- processes (15.6) ----------------------------------------------------------------------------------------


def test_watch_notifies_on_status_changes(manager):
    """Starting, then Running since the start, then Stopped(0)."""
    fresh = ProcessManager(ME, Node("host0"), Config.of({}))
    notes = [note for note in fresh.start(W, ProcSpec(), 1 * S) if isinstance(note, ProcStatusChanged)]
    running = fresh.proc_status(W)
    notes += fresh.on_exited(exited(code=0), 2 * S)

    assert running.started_at_ns == 1 * S
    assert [(note.before, note.text) for note in notes] == [("Starting", "Running"), ("Running", "Stopped(exit=0)")]


def test_ready_errs_if_process_exits_before_running():
    """Stopped(7): who waits for Ready is told so."""
    host = agent()

    host.handle(exited(code=7), 1 * S)

    assert rank_status(host) == failed("Ready(Terminal(Stopped { exit_code: 7, stderr_tail: [] }))")
    assert not host.busy


def test_handle_ready_allows_waiters(manager):
    """Ready keeps the time of the start, and has address and agent."""
    manager.on_ready(1024, ProcReady(W, ADDR, AGENT), 5 * S)

    assert manager.proc_status(W) == process.ready(1 * S, ADDR, AGENT)
    assert manager.status(W) == status.RUNNING


@pytest.mark.parametrize(
    ("grace_over", "how", "end_ns", "text"),
    [(False, {"code": 0}, 2 * S, "Stopped(exit=0)"), (True, {"signal": 15}, 4 * S, "Killed(sig=15)")],
)
def test_bootstrap_handle_terminate_graceful(manager, grace_over, how, end_ns, text):
    """Two seconds to end by itself, then SIGTERM: within 4 s it is Stopped(0) or Killed(SIGTERM)."""
    manager.on_ready(1024, ProcReady(W, ADDR, AGENT), 1 * S)
    begun = manager.terminate(W, "test", 2 * S, 1 * S)

    later = manager.on_timer("terminate", W, 3 * S) if grace_over else []
    manager.on_exited(exited(**how), end_ns)

    assert [command for command in later if isinstance(command, SignalProcess)] == (
        [SignalProcess(W, 15)] if grace_over else []
    )
    assert SetTimer(ME, f"terminate:{W}", 2 * S) in begun
    assert texts(manager) == text


def test_bootstrap_handle_kill_forced(manager):
    """SIGKILL at once: Killed(9) when it was waited for."""
    commands = manager.kill(W, "test", 2 * S)
    manager.on_exited(exited(signal=9), 2 * S)

    assert commands == [SignalProcess(W, 9)]
    assert texts(manager) == "Killed(sig=9)"


BOOTS = {
    "proc": NodeBoot(
        Node("host0/w"),
        "proc",
        Config.of({"message_delivery_timeout": 5 * S}).values(),
        proc_name=W,
        host=Node("host0"),
        callback=PortRef(ME, 1024),
        rank=3,
    ),
    "host": NodeBoot(Node("host0"), "host", Config.of({}).values(), clock=WallClock(-5), in_process=True),
    "allocated": NodeBoot(Node("client/w_1"), "allocated", Config.of({}).values(), alloc=ME, index=1),
    "client": NodeBoot(Node("client"), "client", {}, ("Q1", "Q9"), client_kind="python", name_key=2**64 - 1),
}


@pytest.mark.parametrize("mode", BOOTS)
def test_bootstrap_mode_env_string(mode):
    """What a new process starts from comes back as it was, from text and from bytes."""
    boot = BOOTS[mode]

    for codec in (msgspec.json, msgspec.msgpack):
        assert codec.decode(codec.encode(boot), type=NodeBoot) == boot


@pytest.mark.parametrize(
    "payload", [b"", b"!", b"{}", b'{"node":"host0"}', b'{"node":"host0","kind":"host","config":1}']
)
def test_bootstrap_mode_env_string_invalid(payload):
    """A payload that is none starts nothing."""
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(payload, type=NodeBoot)


def test_launcher_set_get():
    """A process has one launcher, chosen before its first child and not changed then; by default it is not named."""
    config = Config.of({"proc_launcher_kind": "systemd"})

    assert (config.mesh_proc_launcher_kind, Config.of({}).mesh_proc_launcher_kind) == ("systemd", "")
    with pytest.raises(AttributeError):
        config.mesh_proc_launcher_kind = "native"
    with pytest.raises(ConfigError, match="docker"):
        parse_value(attribute_by_key("proc_launcher_kind"), "docker")


# --- waiting for a proc (15.7) -------------------------------------------------------------------------------


def test_host_spawn_times_out_when_configured():
    """10 ms of patience, and a child that takes 50 ms."""
    host = agent(10 * MS)

    host.handle(TimerFired(ME, f"ready:{W}"), 10 * MS)
    call_back(host, 50 * MS)

    assert rank_status(host) == failed("Timeout")


def test_host_spawn_timeout_zero_disables_timeout():
    """The same child, and patience without end."""
    host = agent(0)
    waiting = host.busy

    call_back(host, 50 * MS)

    assert (waiting, host.busy) == (True, False)
    assert rank_status(host) == status.RUNNING


def test_host_spawn_maps_channel_closed_ready_error():
    """Only its text is here: a host knows the status of a child for as long as it has the child."""
    text = host_errors.failed_to_configure(PROC, readiness.CHANNEL_CLOSED)

    assert text == f"proc '{PROC}' failed to configure process: Ready(ChannelClosed)"


def test_host_spawn_maps_terminal_ready_error():
    """Killed before it was ready."""
    host = agent()

    host.handle(exited(signal=9, core_dumped=True), 1 * S)

    assert rank_status(host) == failed("Ready(Terminal(Killed { signal: 9, core_dumped: true }))")


@pytest.mark.parametrize(("addr", "proc_agent", "why"), [("", AGENT, "MissingAddr"), ("", "", "MissingAddr")])
def test_host_spawn_fails_if_ready_but_missing_addr(addr, proc_agent, why):
    """The address is looked at first."""
    host = agent()

    call_back(host, 1 * S, addr, proc_agent)

    assert rank_status(host) == failed(why)
    assert not host.busy


def test_host_spawn_fails_if_ready_but_missing_agent():
    host = agent()

    call_back(host, 1 * S, ADDR, "")

    assert rank_status(host) == failed("MissingAgentRef")
