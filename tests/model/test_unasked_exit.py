"""A process that exits with 0: clean by the code alone (Q58), or only when somebody asked for it."""

import pytest

from meshsim.model.config import Config
from meshsim.model.events import ChildExited
from meshsim.model.hosts.host_agent import HostAgent
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import (
    HOST_AGENT,
    SERVICE_PROC,
    Name,
    Node,
    PortRef,
    actor_id,
    address_of_node,
    proc_agent_id,
    proc_id,
)
from meshsim.model.messages import CreateOrUpdate, Envelope, ProcReady, ProcSpec, Stop
from meshsim.model.notes import ProcStatusChanged
from meshsim.units import S

ADDR = address_of_node(Node("host0"))
ME = actor_id(proc_id(ADDR, SERVICE_PROC), HOST_AGENT)
CLIENT = PortRef(actor_id(proc_id("unix:@client", "local"), "client"), 1024).actor
W = Name("w_0-1a")
AGENT = proc_agent_id(proc_id(ADDR, W))


def host(off):
    """A host with one process that is ready."""
    machine = HostAgent(me=ME, host=Node("host0"), config=Config.of({}, tuple(off.split())))
    machine.handle(Envelope(CLIENT, ME, CreateOrUpdate(W, 0, ProcSpec({}))), 0)
    machine.handle(Envelope(AGENT, ME, ProcReady(W, ADDR, AGENT), 1024), 0)
    return machine


@pytest.mark.parametrize(
    ("off", "phase", "text"),
    [
        ("", "Stopped", "Stopped(exit=0)"),
        ("Q58", "Failed", "Failed(exited with code 0 without being asked to)"),
    ],
)
def test_an_exit_with_0_that_nobody_asked_for(off, phase, text):
    commands = host(off).handle(ChildExited(W, ExitStatus(code=0)), S)

    assert commands == [ProcStatusChanged(W, "Ready", phase, text)]


@pytest.mark.parametrize("off", ["", "Q58"])
def test_an_exit_with_0_that_was_asked_for_is_clean(off):
    machine = host(off)
    machine.handle(Envelope(CLIENT, ME, Stop(W, "enough")), 0)

    commands = machine.handle(ChildExited(W, ExitStatus(code=0)), S)

    assert ProcStatusChanged(W, "Stopping", "Stopped", "Stopped(exit=0)") in commands
