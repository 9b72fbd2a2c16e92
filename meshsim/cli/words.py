"""Plans in words: what is built, what happens when, and what is expected."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import UNSET

from meshsim.model.attributes import ATTRIBUTES
from meshsim.model.config import defaults, value_text
from meshsim.model.quirks import PROFILES
from meshsim.model.shapes.extent import Extent
from meshsim.model.tags import tag_of
from meshsim.oracle.describing import counted, expected_words, fields_words
from meshsim.oracle.expectations import Expectation, Known, applies
from meshsim.oracle.fault_words import fault_time, fault_words
from meshsim.scenario.children import children_of
from meshsim.scenario.plan import Plan, Step
from meshsim.scenario.schema import Actors, AllocateHostsOp, AllocateOp, SpawnActorsOp, SpawnProcsOp
from meshsim.units import Drift, Shift, format_duration


def world_lines(plan: Plan) -> list[str]:
    """Hosts, clients, meshes, network and what the configuration changes, a line each."""
    topology, network = plan.topology, plan.network
    lines = [
        f"{counted(len(plan.hosts), 'host')} and {counted(len(plan.clients), 'client')} ({', '.join(plan.clients)}), "
        f"for {format_duration(plan.horizon)} of virtual time, profile {plan.profile}",
        f"messages between processes take {format_duration(network.latency)}"
        + (f" and up to {format_duration(network.jitter)} more" if network.jitter else "")
        + (f"; {network.loss:.3%} are lost" if network.loss else ""),
    ]
    drifts = {} if plan.clock_drifts is UNSET else plan.clock_drifts
    lines += [_clock_words(name, plan.clocks.get(name), drifts.get(name)) for name in {**plan.clocks, **drifts}]
    for procs in topology.procs:
        if procs.allocator is not None:
            extent = Extent.of(tuple(procs.extent.items()))
            lines.append(f"procs {procs.name} {extent}, from the {procs.allocator} allocator, by {procs.by}")
            continue
        extent = Extent.of((("hosts", len(procs.hosts or plan.hosts)), *procs.per_host.items()))
        lines.append(f"procs {procs.name} {extent}, spawned by {procs.by}")
    for actors in topology.actors:
        watch = "without a controller" if actors.system else f"owned by {actors.owner}"
        streams = "" if actors.controller == "polling" else f", {actors.controller} controller"
        lines.append(f"actors {actors.name}: {actors.actor} on {actors.procs}, {watch}{streams}{_spawned_how(actors)}")
    lines += [f"subscriber: {subscriber.by} watches {subscriber.mesh}" for subscriber in topology.subscribers]
    if plan.seeded_choices is True:
        lines.append("the seed chooses among signals, supervision events and work that are there at once")
    usual = PROFILES[plan.profile]
    off = [quirk for quirk in plan.quirks_off if quirk not in usual]
    on = [quirk for quirk in usual if quirk not in plan.quirks_off]
    lines += [f"turned {way}: {', '.join(quirks)}" for way, quirks in (("off", off), ("on", on)) if quirks]
    return lines + [f"config {change}" for change in _config_changes(plan)]


def _clock_words(name: str, offset: Shift | None, drift: Drift | None) -> str:
    """What is wrong with the wall clock of a machine."""
    words = [] if offset is None else [f"is {format_duration(abs(offset))} {'behind' if offset < 0 else 'ahead'}"]
    words += [] if drift is None else [f"gains {drift}"]
    return f"the wall clock of {name} {' and '.join(words)}"


def _spawned_how(spec: Actors | SpawnActorsOp) -> str:
    """Under which name, of what type that nobody has, and with which children."""
    made = children_of(spec)
    words = [] if spec.service is None else [f"called {spec.service}"]
    if isinstance(spec, SpawnActorsOp) and spec.unregistered:
        words.append(f"of the unregistered type {spec.actor}")
    if made is not None:
        words.append(f"each with {made.child} on {made.procs} whose failures {made.supervisor} is told")
    return "".join(f", {word}" for word in words)


def timetable(plan: Plan) -> list[tuple[str, str, str]]:
    """What the plan does: (when, what, to whom and how), operations first, then faults, each in file order."""
    rows = [(_step_time(step), f"step {step.index}", _step_words(step)) for step in plan.steps]
    return rows + [(fault_time(fault), f"fault {index}", fault_words(fault)) for index, fault in enumerate(plan.faults)]


def expectation_words(expectation: Expectation, quirks_off: Collection[str] = ()) -> str:
    """One expectation as a sentence without its full stop, and whether it counts while these quirks are off."""
    conditions = [
        f"{word} {quirk}"
        for word, quirk in (("if", expectation.if_quirk), ("unless", expectation.unless_quirk))
        if quirk is not None
    ]
    words = f"{expected_words(expectation)}{''.join(f', {condition}' for condition in conditions)}"
    return words if applies(expectation, quirks_off) else f"{words} (not here)"


def known_words(known: Known, quirks_off: Collection[str]) -> str:
    """One known finding, and whether it counts while these quirks are off."""
    words = f"{known.invariant} breaks here ({known.quirk}): {known.reason}"
    return f"{words} (not here: {known.quirk} is off)" if known.quirk in quirks_off else words


def _step_time(step: Step) -> str:
    if step.bring_up:
        return "bring-up"
    return "next" if step.operation.at is None else f"at {format_duration(step.operation.at)}"


def _step_words(step: Step) -> str:
    operation = step.operation
    if isinstance(operation, SpawnProcsOp | AllocateOp | AllocateHostsOp):
        return f"{tag_of(operation)} {operation.name}, by {operation.by}"
    if isinstance(operation, SpawnActorsOp):
        how = "" if step.bring_up else _spawned_how(operation)
        return f"{tag_of(operation)} {operation.name}, by {operation.by}{how}"
    fields = fields_words(operation, "at", "by")
    return f"{tag_of(operation)} {fields + ', ' if fields else ''}by {operation.by}"


def _config_changes(plan: Plan) -> Iterable[str]:
    usual = defaults()
    for attribute in ATTRIBUTES:
        value, default = plan.config[attribute.name], usual[attribute.name]
        if value != default:
            name = attribute.python_name or attribute.name.lower()
            yield f"{name} = {value_text(attribute, value)} (default {value_text(attribute, default)})"
