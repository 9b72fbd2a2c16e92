"""Quirks that are turned off, on their way from a plan to every machine of every node."""

from __future__ import annotations

import pytest
from small_worlds import at, mesh, run_on

from meshsim.faults.kinds import Signal
from meshsim.model.actors.registry import default_program
from meshsim.model.config import Config
from meshsim.model.quirks import DEFAULT_PROFILE, PROFILES, QUIRKS, SWITCHES
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend

#: What the test is about beside the profile: one switch that stays on, and one that is off.
KEPT, LOST = SWITCHES[0], SWITCHES[-1]
LATENT = set(PROFILES[DEFAULT_PROFILE])


def nodes_of(plan: Plan) -> SimBackend:
    backend = SimBackend(default_program())
    run_on(backend, plan)
    return backend


def configs_of(backend: SimBackend) -> list[tuple[str, str, Config]]:
    """Kind of the node, type of the machine, and its configuration, for every machine that has one."""
    return [
        (node.boot.kind, type(cell.machine).__name__, config)
        for node in backend.nodes.values()
        for cell in node.cells.values()
        for holder in (cell.machine, getattr(cell.machine, "context", None))
        if isinstance(config := getattr(holder, "config", None), Config)
    ]


@pytest.mark.parametrize(
    ("profile", "quirks", "off"),
    [
        ("2026-03", {}, LATENT),
        ("2026-03", {LOST: False}, {LOST} | LATENT),
        ("fixed", {}, set(SWITCHES)),
        ("fixed", {KEPT: True}, set(SWITCHES) - {KEPT}),
    ],
    ids=["usual", "usual-but-one", "fixed", "fixed-but-one"],
)
def test_switches_reach_every_kind_of_node(profile: str, quirks: dict[str, bool], off: set[str]) -> None:
    """Hosts, procs that they fork and clients decide alike, as the scenario says and not as the profile does."""
    backend = nodes_of(mesh(hosts=2, profile=profile, quirks=quirks, horizon_s=10))

    told = {(node.boot.kind, quirk): node.config.has(quirk) for node in backend.nodes.values() for quirk in QUIRKS}

    assert told == {(kind, quirk): quirk not in off for kind in ("host", "proc", "client") for quirk in QUIRKS}


def test_switches_reach_the_machines_of_a_node() -> None:
    """Agents, contexts and controllers ask a configuration: none has one of its own that knows no switch."""
    backend = nodes_of(mesh(hosts=2, profile="fixed", quirks={KEPT: True}, horizon_s=10))

    found = configs_of(backend)

    machines = {(kind, machine) for kind, machine, _ in found}
    assert {("host", "HostAgent"), ("proc", "ProcAgent"), ("client", "ActorMeshController")} <= machines
    assert {config.quirks_off for _, _, config in found} == {tuple(quirk for quirk in SWITCHES if quirk != KEPT)}


def test_a_process_that_starts_late_has_the_switches_of_the_others() -> None:
    """Fault or not, spawned in the middle of a run or not: one plan, one set of switches."""
    plan = mesh(
        hosts=2,
        profile="fixed",
        horizon_s=20,
        faults=[Signal(target="workers[1]", signal="SIGKILL", at=at(5))],
    )

    assert {node.config.quirks_off for node in nodes_of(plan).nodes.values()} == {SWITCHES}
