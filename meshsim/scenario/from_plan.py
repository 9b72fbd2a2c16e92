"""The way back: a scenario that gives a plan again. What is made of plans, as explorations do, becomes a file this way.

What a seed has drawn is written out in the plan (which targets, at what times), and so in the scenario. A matrix is
not: the scenario stands for the one combination of the plan.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from meshsim.model.attributes import Value
from meshsim.model.config import attribute_by_key, value_text
from meshsim.model.quirks import REVISION_OF
from meshsim.model.revision import REVISIONS
from meshsim.scenario.check import check, resolved_config
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import Network, Scenario
from meshsim.scenario.world import Kind, World


def scenario_of(plan: Plan) -> Scenario:
    """A scenario whose plan under `plan.seed` is this one, its source and its variant apart.

    Raises:
        ScenarioError: no scenario can give this plan.
    """
    scenario = msgspec.convert(
        {
            "name": plan.scenario,
            "about": plan.about,
            "seeds": [plan.seed],
            "horizon": plan.horizon,
            "backends": list(plan.backends),
            "profile": plan.profile,
            "quirks": plan.quirks,
            "choices": "fixed" if plan.seeded_choices is UNSET else "seeded",
            "config": _changed(plan.config, REVISION_OF[plan.profile]),
            "topology": plan.topology,
            "clocks": plan.clocks,
            "clock_drifts": {} if plan.clock_drifts is UNSET else plan.clock_drifts,
            "operations": [step.operation for step in plan.steps if not step.bring_up],
            "faults": list(plan.faults),
            "decisions": [] if plan.decisions is UNSET else list(plan.decisions),
            "expect": list(plan.expect),
            "known": list(plan.known),
            "relax": list(plan.relax),
            "caught_by": [] if plan.caught_by is UNSET else list(plan.caught_by),
        },
        Scenario,
    )
    return msgspec.structs.replace(scenario, network=_with_targets(plan.network, scenario))


def _changed(config: Mapping[str, Value], revision: str) -> dict[str, str | int | bool]:
    """The attributes that are not as the revision has them by default, as a file writes them."""
    defaults = resolved_config({}, REVISIONS[revision])
    changed: dict[str, str | int | bool] = {}
    for name, value in config.items():
        if value != defaults[name]:
            attribute = attribute_by_key(name)
            is_text = attribute.kind in ("duration", "share")
            changed[name.lower()] = value_text(attribute, value) if is_text else value
    return changed


def _with_targets(network: Network, scenario: Scenario) -> Network:
    """The network with targets in place of processes: `host1/workers_1` is `workers[3]`."""
    if not network.links:
        return network
    world = check(scenario)
    targets = {world.node(target, "network"): target for target in _targets(world)} | {"*": "*"}
    links = [
        msgspec.structs.replace(link, src=targets.get(link.src, link.src), dst=targets.get(link.dst, link.dst))
        for link in network.links
    ]
    return msgspec.structs.replace(network, links=links)


def _targets(world: World) -> list[str]:
    """Everything that is a process, procs before hosts and clients: one that is both is called by what it is first."""
    ranks = [
        f"{name}[{rank}]"
        for name, declared in world.names.items()
        if declared.kind is Kind.PROCS and not declared.of
        for rank in range(declared.ranks)
    ]
    return ranks + [name for name, declared in world.names.items() if declared.kind in (Kind.HOST, Kind.CLIENT)]
