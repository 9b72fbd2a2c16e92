"""A run at an instant, kept: any number of runs can go on from there, each as if it had come there itself.

Everything that a run in `sim` is made of can be copied. Machines are values, and what SimPy is in the middle of are
scripts (`meshsim.drive.script`). What never changes is shared between the copies: the plan, the program, and what was
recorded. Copying a small world takes a quarter of the time of bringing it up.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from itertools import count
from typing import Any, Generic, TypeVar

import msgspec
import simpy
from simpy.events import URGENT

from meshsim.drive.conductor import Conductor
from meshsim.drive.injector import inject_one
from meshsim.faults.kinds import AT_SPAWN, DeliveryTimeout, Partition
from meshsim.scenario.plan import Plan, plan_digest
from meshsim.sim import SimBackend
from meshsim.trace.records import TRACE_SCHEMA, RunStarted

_State = TypeVar("_State")

#: What pickle raises of a value that it cannot take.
UNCOPYABLE = (pickle.PicklingError, TypeError, AttributeError)

#: SimPy numbers what waits, and of what is due at one time the lower number goes first. Faults that are added to a copy
#: are numbered from the first of these on, and from the second on all that the course of a run makes.
_NUMBERED_BETWEEN, _NUMBERED_LATER = 1 << 20, 1 << 21


class Checkpoint(Generic[_State]):
    """What a run, and whatever belongs to it, is at the instant at which this is made; between two instants."""

    def __init__(self, state: _State, conductor: Conductor, backend: SimBackend) -> None:
        """`state` has the conductor in it, or is it.

        Raises:
            one of `UNCOPYABLE`: something in it cannot be copied: a machine of a user's, say, that holds a lock.
        """
        boots = [each for node in backend.nodes.values() for each in (node.boot, node.config)]
        self._shared = [conductor.plan, backend.program, *boots, *conductor.records]
        out = io.BytesIO()
        _Pickler(out, self._shared).dump(state)
        self._bytes = out.getvalue()

    def resumed(self) -> _State:
        """A copy of its own, which goes on where this was made."""
        state: _State = _Unpickler(io.BytesIO(self._bytes), self._shared).load()
        return state


def begin(conductor: Conductor) -> None:
    """Begin a run to whose copies faults are going to be added (`strike_later`)."""
    conductor.begin()
    env = conductor.env
    # Timed operations and faults of the plan begin to wait: what is numbered so far goes before all else of its time.
    _start_scripts(env)
    env._eid = count(_NUMBERED_LATER)


def strike_later(conductor: Conductor, plan: Plan) -> None:
    """Have a copy go on as a run of another plan would, which has some more faults than its own, behind those. None of
    them waits for a record, and none strikes before the present instant, nor in the first of all.

    Raises:
        ValueError: the present state would be another one with such a fault, or the run was not begun for this.
    """
    env = conductor.env
    following = next(env._eid)
    if following < _NUMBERED_LATER:
        raise ValueError("the run was not begun by `forking.begin`: equal times would come in another order")
    faults = plan.faults[len(conductor.plan.faults) :]
    for fault in faults:
        at_ns = 0 if fault.at is None else int(fault.at)
        if at_ns < max(1, conductor.now_ns) or isinstance(fault, AT_SPAWN):
            raise ValueError(f"this fault could have struck before {conductor.now_ns} ns: {fault}")
        if isinstance(fault, Partition | DeliveryTimeout) and not conductor.post.expects_cuts:
            raise ValueError(f"messages are on their way that nothing could stop any more: {fault}")
    conductor.plan = plan
    first = conductor.records[0]
    started = RunStarted(TRACE_SCHEMA, plan.scenario, plan.seed, plan_digest(plan))
    conductor.records[0] = msgspec.structs.replace(first, what=started)
    env._eid = count(_NUMBERED_BETWEEN)
    for index, fault in enumerate(faults, len(plan.faults) - len(faults)):
        inject_one(conductor, index, fault)
    _start_scripts(env)
    env._eid = count(following)


def _start_scripts(env: simpy.Environment) -> None:
    """Have what was started now begin; in front of it may be what ended `run`, as SimPy keeps that."""
    while env.peek() == env.now and env._queue[0][1] <= URGENT:
        env.step()


class _Pickler(pickle.Pickler):
    """Leaves out what is shared."""

    def __init__(self, out: io.BytesIO, shared: Sequence[object]) -> None:
        super().__init__(out, protocol=pickle.HIGHEST_PROTOCOL)
        self._places = {id(each): place for place, each in enumerate(shared)}

    def persistent_id(self, value: object) -> int | None:
        return self._places.get(id(value))

    def reducer_override(self, value: object) -> Any:  # noqa: ANN401  as pickle has it
        """An environment holds methods that are no methods of its class."""
        if type(value) is not simpy.Environment:
            return NotImplemented
        return simpy.Environment, (), (value._now, value._queue, next(value._eid)), None, None, _set_environment


def _set_environment(env: simpy.Environment, state: tuple[Any, list[Any], int]) -> None:
    env._now, env._queue, number = state
    env._eid = count(number)


class _Unpickler(pickle.Unpickler):
    """Finds what is shared."""

    def __init__(self, data: io.BytesIO, shared: Sequence[object]) -> None:
        super().__init__(data)
        self._shared = shared

    def persistent_load(self, place: int) -> object:
        return self._shared[place]
