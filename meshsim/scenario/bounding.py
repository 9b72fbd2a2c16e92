"""Bounds and rules for a plan: its configuration, profile, meshes and controllers put into `meshsim.oracle.bounds`."""

from __future__ import annotations

import msgspec

from meshsim.model.config import Config
from meshsim.model.controllers.streaming import streaming_config
from meshsim.model.quirks import REVISION_OF
from meshsim.model.tags import tag_of
from meshsim.oracle.bounds import Bounds
from meshsim.oracle.derivation import Bound
from meshsim.oracle.rules import Comparison, Setting, breaches
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import Network
from meshsim.scenario.shape import MeshShape, PlanShape, shape_of

#: What traces call the operations that scenario files call otherwise.
_IN_TRACES = {
    "subscribe": "subscribe_to",
    "query": "query_mesh",
    "drop": "drop_ref",
    "cast": "cast_to",
    "end": "end_self",
}


class Group(msgspec.Struct, frozen=True):
    """Bounds that belong together, under a title."""

    title: str
    bounds: tuple[Bound, ...]


class RuleWarning(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of configuration that a plan breaks."""

    rule: str
    sentence: str
    #: Section of supervision.md.
    source: str
    consequence: str
    #: What must hold: `W >= P + H + A`.
    formula: str
    #: What does: `20s against 1s + 30s + 1m = 1m 31s`.
    numbers: str
    #: The defaults of the modelled system break it, too, and by at least as much.
    by_default: bool

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.rule}: {self.formula}, but {self.numbers}: {self.consequence} (section {self.source})"


def bounds_of(plan: Plan) -> tuple[Group, ...]:
    """Every bound that a run of this plan can be held to, a group for each mesh, one for procs, one for operations."""
    config, shape = config_of(plan), shape_of(plan)
    groups = [_of_mesh(config, mesh, shape) for mesh in shape.meshes if config.revision.monitors]
    bounds = Bounds(config)
    if shape.procs:
        procs = (bounds.stop(), bounds.terminate(shape.children), bounds.parent_death())
        groups.append(Group(f"procs: {shape.procs}, at most {shape.children} on a host", procs))
    names = dict.fromkeys(tag_of(step.operation) for step in plan.steps)
    known = (bounds.operation(_IN_TRACES.get(name, name), shape.procs, shape.hosts) for name in names)
    waits = tuple(bound for bound in known if bound is not None)
    return (*groups, Group(f"operations: {shape.procs} procs, {shape.hosts} hosts", waits)) if waits else tuple(groups)


def warnings_of(plan: Plan) -> tuple[RuleWarning, ...]:
    """The rules of configuration that a plan breaks. Nothing fails because of them."""
    setting = _setting(plan)
    defaults = Config.of({}, plan.quirks_off, REVISION_OF[plan.profile])
    usual = msgspec.structs.replace(setting, config=defaults, latency_ns=_slowest(Network()), skew_ns=0)
    shortfalls = {breach.rule.id: breach.shortfall_ns for breach in breaches(usual)}
    return tuple(
        _warning(breach, by_default=breach.shortfall_ns <= shortfalls.get(breach.rule.id, -1))
        for breach in breaches(setting)
    )


def config_of(plan: Plan) -> Config:
    """The configuration that machines of this plan read."""
    return Config.of(plan.config, plan.quirks_off, REVISION_OF[plan.profile])


def mesh_bounds(config: Config, ranks: int, actors: int, *, streaming: bool = False) -> tuple[Bound, ...]:
    """What bounds the watching of one mesh, and the lives of its actors after their owner."""
    bounds = Bounds(streaming_config(config) if streaming else config)
    reaping = (bounds.reap(actors), bounds.reap_after_stop(actors, ranks))
    return (
        bounds.prompt_detect(),
        bounds.silent_agent(),
        bounds.silent_host(),
        bounds.detect(ranks),
        *((bounds.push(),) if streaming else ()),
        bounds.prompt_report(),
        bounds.report(ranks),
        bounds.watchdog(),
        bounds.poll(ranks),
        *(bound for bound in reaping if bound is not None),
    )


def _of_mesh(config: Config, mesh: MeshShape, shape: PlanShape) -> Group:
    title = f"{mesh.name}: {mesh.controller} controller, {mesh.ranks} {'rank' if mesh.ranks == 1 else 'ranks'}"
    return Group(title, mesh_bounds(config, mesh.ranks, shape.actors, streaming=mesh.controller == "streaming"))


def _setting(plan: Plan) -> Setting:
    shape = shape_of(plan)
    offsets = [int(plan.clocks.get(name, 0)) for name in (*plan.hosts, *plan.clients)]
    return Setting(
        config=config_of(plan),
        ranks=shape.ranks,
        dimensions=shape.dimensions,
        actors=shape.actors,
        starts=shape.starts,
        latency_ns=_slowest(plan.network),
        skew_ns=max(offsets[: len(plan.hosts)]) - min(offsets),
    )


def _slowest(network: Network) -> int:
    """The longest way of a message that no fault holds back."""
    usual = (network.latency, network.jitter)
    ways = [(link.latency, link.jitter) for link in network.links]
    return max(
        (usual[0] if latency is None else latency) + (usual[1] if jitter is None else jitter)
        for latency, jitter in [*ways, usual]
    )


def _warning(breach: Comparison, *, by_default: bool) -> RuleWarning:
    rule = breach.rule
    return RuleWarning(
        rule=rule.id,
        sentence=rule.sentence,
        source=rule.source,
        consequence=rule.consequence,
        formula=breach.formula,
        numbers=breach.numbers,
        by_default=by_default,
    )
