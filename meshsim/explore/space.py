"""Everything that the menu of faults can do to the world of one plan, and drawing from it.

A kind of fault strikes what `meshsim.scenario.check_targets` lets it strike, nothing else is asked: a kind for which
nobody is left is not in the space. Its parameters have the values of `meshsim.explore.settings`. What is drawn has
absolute times, so a plan that holds it is a case of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import product
from random import Random
from typing import Any

import msgspec

from meshsim.explore.settings import Settings, settings_of
from meshsim.faults.kinds import AT_SPAWN, Fault, LinkFault, Misreport, SubscriberGone, targets_of
from meshsim.faults.links import ANY
from meshsim.model.tags import tag_of
from meshsim.scenario.check import check
from meshsim.scenario.check_targets import check_target
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import Scenario
from meshsim.scenario.world import Kind, World
from meshsim.trace.records import Record
from meshsim.units import MS, Duration

#: Times are drawn so exactly. Source: chosen here, the latency of the plain network: between any two of its messages.
_STEP_NS = 1 * MS
#: How far from an instant that is given a fault strikes at most, before it or behind.
_NEAR_NS = 20 * MS


class Reach(msgspec.Struct, frozen=True):
    """What one kind of fault can do in a world."""

    #: Whom it can strike: faults without a time, with the first value of each parameter.
    aims: tuple[Fault, ...]
    #: What its parameters can be, by the names of their fields.
    settings: Settings

    @property
    def size(self) -> int:
        """How many faults that is, times apart."""
        total = len(self.aims)
        for values in self.settings.values():
            total *= len(values)
        return total

    def all(self) -> Iterator[Fault]:
        """Every fault of the kind, without a time: whom it strikes, then each parameter."""
        for aim in self.aims:
            for values in product(*self.settings.values()):
                yield msgspec.structs.replace(aim, **dict(zip(self.settings, values, strict=True)))


class Space:
    """What faults can do to one plan: `reach` by kind of fault, for the kinds that can do something."""

    def __init__(
        self, reach: dict[str, Reach], *, horizon_ns: int, polls: Sequence[int], spawning: Collection[str]
    ) -> None:
        self.reach = reach
        self._horizon_ns = horizon_ns
        #: Instants to strike at when none are given.
        self._polls = tuple(polls)
        #: Targets whose spawn a fault of the plan strikes already; there may be one for each.
        self._spawning = frozenset(spawning)

    @classmethod
    def of(cls, plan: Plan) -> Space:
        """The space of a plan; faults that it has already stay apart, save that no spawn is struck twice."""
        world = world_of(plan)
        reach = {}
        for kind, settings in settings_of(plan.config).items():
            aims = tuple(_aims(kind, settings, world))
            if aims:
                reach[tag_of(aims[0])] = Reach(aims, settings)
        period = int(plan.config["SUPERVISION_POLL_FREQUENCY"])
        asked = [int(step.operation.at) for step in plan.steps if step.operation.at is not None]
        return cls(
            reach,
            horizon_ns=int(plan.horizon),
            polls=sorted({0, *asked, *range(period, int(plan.horizon), period)}),
            spawning=[target for fault in plan.faults if isinstance(fault, AT_SPAWN) for target in targets_of(fault)],
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Tags of the kinds that can do something here, in the order of the menu."""
        return tuple(self.reach)

    def draw(
        self,
        random: Random,
        *,
        count: int = 1,
        kinds: Sequence[str] | None = None,
        instants: Sequence[int] = (),
    ) -> tuple[Fault, ...]:
        """So many faults, in order of time; a function of what `random` yields and of nothing else.

        Fewer, when a kind that strikes spawns is drawn and each is struck already.

        Args:
            random: all luck comes from it.
            count: how many faults.
            kinds: which kinds, by tag; each as often as it is named. All, when not given.
            instants: virtual times in ns at which something is decided; half of the faults strike close to one. Polls
                and operations, when none are given.

        Raises:
            KeyError: a kind can do nothing here.
        """
        chosen = self.kinds if kinds is None else tuple(kinds)
        spawning = set(self._spawning)
        drawn: list[Fault] = []
        for _ in range(count):
            tag = random.choice(chosen)
            aims = [aim for aim in self.reach[tag].aims if not (isinstance(aim, AT_SPAWN) and aim.target in spawning)]
            if not aims:
                continue
            fault = _with_values(random.choice(aims), self.reach[tag].settings, random)
            if isinstance(fault, AT_SPAWN):
                spawning.add(fault.target)
            else:
                fault = msgspec.structs.replace(fault, at=self._time(random, instants or self._polls))
            drawn.append(fault)
        return tuple(sorted(drawn, key=lambda fault: -1 if fault.at is None else int(fault.at)))

    def _time(self, random: Random, instants: Sequence[int]) -> Duration:
        """Anywhere in the run, or close to an instant."""
        last = self._horizon_ns // _STEP_NS
        if random.randrange(2):
            return Duration(random.randrange(last) * _STEP_NS)
        near = random.choice(instants) // _STEP_NS + random.randint(-_NEAR_NS // _STEP_NS, _NEAR_NS // _STEP_NS)
        return Duration(min(max(near, 0), last - 1) * _STEP_NS)


def instants_of(records: Iterable[Record]) -> tuple[int, ...]:
    """The instants of a run at which anything happened, in order: between two of them a fault finds the same world."""
    return tuple(dict.fromkeys(record.at for record in records))


def world_of(plan: Plan) -> World:
    """The names of a plan, as they are when all its operations are done."""
    return check(
        Scenario(
            name="space",
            horizon=plan.horizon,
            topology=plan.topology,
            operations=[step.operation for step in plan.steps if not step.bring_up],
        )
    )


def _with_values(aim: Fault, settings: Settings, random: Random) -> Fault:
    """With a value for each parameter: the plain one as often as all others together."""
    values: dict[str, Any] = {}
    for name, (plain, *others) in settings.items():
        values[name] = random.choice(others) if others and random.randrange(2) else plain
    return msgspec.structs.replace(aim, **values)


def _aims(kind: type[Fault], settings: Settings, world: World) -> Iterator[Fault]:
    """Whom a kind can strike here. An actor stands for its process: where a process is meant it is left out."""
    plain = {name: values[0] for name, values in settings.items()}
    admitted = [fault for aim in _candidates(kind, world) if _is_admitted(fault := kind(**aim, **plain), world)]
    processes = any(_kind_of(fault.target, world) in (Kind.HOST, Kind.PROCS) for fault in admitted)
    for fault in admitted:
        actors = [target for target in _ends(fault) if _kind_of(target, world) is Kind.ACTORS]
        if not (processes and actors):
            yield fault


def _candidates(kind: type[Fault], world: World) -> Iterator[dict[str, Any]]:
    """Everybody in turn; with everybody else on the other side, or with each mesh, for kinds that want two."""
    targets = list(_targets(world))
    if issubclass(kind, LinkFault):
        yield from ({"target": near} for near in targets)
        yield from ({"target": near, "to": [far]} for index, near in enumerate(targets) for far in targets[index + 1 :])
        yield from ({"target": far, "to": [near]} for index, near in enumerate(targets) for far in targets[index + 1 :])
        yield {"target": ANY}
        return
    meshes = [name for name, declared in world.names.items() if declared.kind is Kind.ACTORS and not declared.of]
    for target in targets:
        if kind is Misreport:
            yield from ({"target": target, "mesh": mesh} for mesh in meshes if _is_on(mesh, target, world))
        elif kind is SubscriberGone:
            yield from ({"target": target, "mesh": mesh} for mesh in meshes)
        else:
            yield {"target": target}


def _targets(world: World) -> Iterator[str]:
    """Every name, and every rank of each mesh."""
    for name, declared in world.names.items():
        if not declared.of:
            yield name
            yield from (f"{name}[{rank}]" for rank in range(declared.ranks))


def _is_on(mesh: str, target: str, world: World) -> bool:
    """Whether a mesh of actors is on the procs that a target is one of."""
    return world.names[mesh].procs == target.partition("[")[0]


def _ends(fault: Fault) -> list[str]:
    return [fault.target, *(fault.to if isinstance(fault, LinkFault) else ())]


def _kind_of(target: str, world: World) -> Kind | None:
    return None if target == ANY else world.names[target.partition("[")[0]].kind


def _is_admitted(fault: Fault, world: World) -> bool:
    try:
        check_target("", fault, world)
    except ScenarioError:
        return False
    return True
