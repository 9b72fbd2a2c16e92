"""A scenario with its seed applied: where luck ends.

A `Plan` is one frozen value that can be saved and read back; given it, a run in virtual time is fixed. Whatever is
drawn during the run (delays, losses, names) comes from named streams of the plan's seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.faults.kinds import Fault
from meshsim.model.attributes import Value
from meshsim.model.config import Layer, resolve
from meshsim.model.quirks import DEFAULT_PROFILE, LATENT, REVISION_OF, turned_off
from meshsim.model.revision import REVISIONS, Revision
from meshsim.oracle.expectations import Expectation, Known
from meshsim.scenario.check import check, resolved_config, slices_procs
from meshsim.scenario.decisions import Decision
from meshsim.scenario.decode import decode, decode_hook
from meshsim.scenario.draws import drawn_faults
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import Loaded
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.schema import (
    AllocateOp,
    Network,
    OperationSpec,
    Relaxed,
    Scenario,
    Slice,
    SliceOp,
    SpawnActorsOp,
    SpawnProcsOp,
    SubscribeOp,
    Topology,
)
from meshsim.scenario.world import host_names, hosts_with
from meshsim.units import Drift, Duration, Shift, format_duration

SEED_MAX = 2**63 - 1


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the run; those that build the topology come first."""

    index: int
    operation: OperationSpec
    #: Part of bringing up the topology: done one after the other before anything else.
    bring_up: bool


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a run needs, and nothing that is still to be decided."""

    scenario: str
    about: str
    #: Path of the file as given, relative; empty for a scenario built in Python.
    source: str
    #: Values of the scenario's matrix that this plan stands for.
    variant: dict[str, str | int | bool | float] = {}
    seed: int
    horizon: Duration
    profile: str
    #: The profile that the scenario itself asks for, when the command line has put `profile` in its place.
    replaced_profile: str | UnsetType = UNSET
    #: The scenario's single switches.
    quirks: dict[str, bool] = {}
    #: Quirks of the modelled system that are turned off, by the profile or one by one.
    quirks_off: tuple[str, ...] = ()
    #: Whether actors choose among queues that are ready at once by the seed, and not in the fixed order.
    seeded_choices: bool | UnsetType = UNSET
    backends: tuple[str, ...]
    #: Every configuration attribute by name, resolved: durations in nanoseconds.
    config: dict[str, int | bool | str]
    hosts: tuple[str, ...]
    clients: tuple[str, ...]
    topology: Topology
    network: Network
    clocks: dict[str, Shift]
    clock_drifts: dict[str, Drift] | UnsetType = UNSET
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    #: What is told of everything that could have gone otherwise.
    decisions: tuple[Decision, ...] | UnsetType = UNSET
    expect: tuple[Expectation, ...]
    known: tuple[Known, ...]
    relax: tuple[Relaxed, ...]
    #: What must find something: ids of invariants, `expect[i]`.
    caught_by: tuple[str, ...] | UnsetType = UNSET


def plan(scenario: Scenario | Loaded, seed: int) -> Plan:
    """The plan of a scenario under a seed. A scenario built in Python is checked first, as a file is.

    Raises:
        ScenarioError: the scenario is wrong, or the seed is not a whole number from 0 to 2**63 - 1.
    """
    if isinstance(scenario, Scenario):
        scenario = Loaded(scenario=_checked(scenario), source="")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= SEED_MAX:
        raise ScenarioError("seed", "expected a whole number from 0 to 2**63 - 1", value=seed)
    value = scenario.scenario
    return Plan(
        scenario=value.name,
        about=value.about,
        source=scenario.source,
        variant=scenario.variant,
        seed=seed,
        horizon=value.horizon,
        profile=value.profile,
        quirks=value.quirks,
        quirks_off=turned_off(value.profile, value.quirks),
        seeded_choices=value.choices == "seeded" or UNSET,
        backends=tuple(value.backends),
        config=resolved_config(value.config, _revision(value.profile)),
        hosts=host_names(value.topology),
        clients=tuple(value.topology.clients),
        topology=value.topology,
        network=_with_nodes(value),
        clocks=value.clocks,
        clock_drifts=value.clock_drifts or UNSET,
        steps=_steps(value),
        faults=drawn_faults(value.faults, seed),
        decisions=tuple(value.decisions) or UNSET,
        expect=tuple(value.expect),
        known=tuple(value.known),
        relax=tuple(value.relax),
        caught_by=tuple(value.caught_by) or UNSET,
    )


def encode_plan(plan: Plan) -> bytes:
    """The plan as one line of JSON, durations as text. Keys stay as they were written: `per_host` is an order."""
    return _ENCODER.encode(plan)


def decode_plan(data: bytes) -> Plan:
    """The plan that `encode_plan` wrote.

    Raises:
        msgspec.ValidationError: JSON, but not a plan.
        msgspec.DecodeError: not JSON.
    """
    return _DECODER.decode(data)


def plan_digest(plan: Plan) -> str:
    """What identifies a plan: SHA-256, in hex. Where its file lay does not count, so any folder gives the same; nor
    does whether its profile comes from there.
    """
    return hashlib.sha256(encode_plan(msgspec.structs.replace(plan, source="", replaced_profile=UNSET))).hexdigest()


def plan_label(plan: Plan) -> str:
    """How tables name a plan, its seed apart: `late-exit [at=2s] (fixed)`; the usual profile is not named."""
    variant = f" [{variant_label(plan.variant)}]" if plan.variant else ""
    profile = "" if plan.profile == DEFAULT_PROFILE else f" ({plan.profile})"
    return f"{plan.scenario}{variant}{profile}"


def chosen_hosts(plan: Plan, operation: AllocateOp) -> tuple[str, ...]:
    """The hosts that a remote allocation may use: of those it names, or of all, the ones with its labels."""
    return hosts_with(plan.topology, operation.hosts or plan.hosts, operation.match_labels)


def allocating_hosts(plan: Plan) -> frozenset[str]:
    """The hosts that have an allocator: those that an operation allocates on."""
    return frozenset(
        host
        for step in plan.steps
        if isinstance(step.operation, AllocateOp) and step.operation.allocator == "remote"
        for host in chosen_hosts(plan, step.operation)
    )


def _steps(scenario: Scenario) -> tuple[Step, ...]:
    operations = [(operation, True) for operation in _bring_up(scenario.topology)]
    operations += [(operation, False) for operation in scenario.operations]
    return tuple(
        Step(index=index, operation=operation, bring_up=bring_up)
        for index, (operation, bring_up) in enumerate(operations)
    )


def _bring_up(topology: Topology) -> Iterator[OperationSpec]:
    """The topology as operations: procs, then actors, then subscribers, each as they are written, and slices behind
    what they are cut from.
    """
    for procs in topology.procs:
        if procs.allocator is not None:
            yield AllocateOp(
                by=procs.by,
                name=procs.name,
                allocator=procs.allocator,
                extent=procs.extent,
                hosts=procs.hosts,
                host_level=procs.host_level,
            )
            continue
        yield SpawnProcsOp(by=procs.by, name=procs.name, hosts=procs.hosts, per_host=procs.per_host)
    of_procs = [chosen for chosen in topology.slices if slices_procs(topology, chosen)]
    yield from map(_slice, of_procs)
    for actors in topology.actors:
        yield SpawnActorsOp(
            by=actors.owner,
            name=actors.name,
            procs=actors.procs,
            actor=actors.actor,
            params=actors.params,
            display=actors.display,
            system=actors.system,
            service=actors.service,
            controller=actors.controller,
            controller_params=actors.controller_params,
        )
    yield from (_slice(chosen) for chosen in topology.slices if chosen not in of_procs)
    for subscriber in topology.subscribers:
        yield SubscribeOp(by=subscriber.by, mesh=subscriber.mesh)


def _slice(chosen: Slice) -> SliceOp:
    return SliceOp(by=chosen.by, name=chosen.name, mesh=chosen.mesh, range=chosen.range, index=chosen.index)


def _with_nodes(scenario: Scenario) -> Network:
    """The network with processes in place of targets: `workers[3]` is `host1/workers_1`."""
    network = scenario.network
    if not network.links:
        return network
    world = check(scenario)

    def node(target: str) -> str:
        return target if target == "*" else world.node(target, "network.links")

    links = [msgspec.structs.replace(link, src=node(link.src), dst=node(link.dst)) for link in network.links]
    return msgspec.structs.replace(network, links=links)


def _checked(scenario: Scenario) -> Scenario:
    """A scenario built in Python, with the types a file would have given it."""
    if scenario.matrix:
        raise ScenarioError("matrix", "only files are expanded; build one scenario for each combination")
    checked = decode(msgspec.to_builtins(scenario, enc_hook=_encode_hook))
    check(checked)
    return checked


def _encode_hook(value: object) -> object:
    if isinstance(value, Duration):
        return format_duration(value)
    if isinstance(value, Drift):
        return str(value)
    raise ScenarioError("", "expected plain values", value=value)


_ENCODER = msgspec.json.Encoder(enc_hook=_encode_hook)
_DECODER = msgspec.json.Decoder(Plan, dec_hook=decode_hook)


def with_profile(plan: Plan, profile: str) -> Plan:
    """The same plan under another profile; single switches of the scenario still count.

    Save one that turns on a quirk which nothing else would: under `fixed` that is off like all, as its other side.
    What is known of a quirk that is off, and what is expected of one that is on, is dropped by the judge.

    Raises:
        KeyError: there is no such profile.
    """
    quirks = {quirk: on for quirk, on in plan.quirks.items() if not (on and profile == "fixed" and quirk in LATENT)}
    return msgspec.structs.replace(
        plan,
        profile=profile,
        replaced_profile=plan.profile if plan.replaced_profile is UNSET else plan.replaced_profile,
        quirks_off=turned_off(profile, quirks),
        config=_with_defaults(plan.config, _revision(plan.profile), _revision(profile)),
    )


def fits_profile(plan: Plan) -> bool:
    """Whether the profile of a plan is of the revision that its scenario was written for; of a canary, its very own.

    `with_profile` gives a plan any profile. Under one of another revision what the scenario expects means nothing, and
    what must be caught under one profile need not be there under another.
    """
    own = plan.profile if plan.replaced_profile is UNSET else plan.replaced_profile
    if plan.caught_by is not UNSET:
        return own == plan.profile
    return REVISION_OF[own] == REVISION_OF[plan.profile]


def _revision(profile: str) -> Revision:
    return REVISIONS[REVISION_OF[profile]]


def _with_defaults(config: Mapping[str, Value], before: Revision, after: Revision) -> dict[str, Value]:
    """The configuration with the defaults of another revision; a value that equals a default counts as one."""
    own, others = resolve({Layer.FILE: dict(before.defaults)}), resolve({Layer.FILE: dict(after.defaults)})
    return {name: others[name] if value == own[name] else value for name, value in config.items()}
