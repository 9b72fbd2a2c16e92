"""A scenario with its seed applied: where luck ends.

A `Plan` is one frozen value that can be saved and read back; given it, a run in virtual time is fixed. Whatever is drawn
during the run (delays, losses, names) comes from named streams of the plan's seed.
"""

from __future__ import annotations

import msgspec

from meshsim.faults.kinds import Fault
from meshsim.oracle.expectations import Expectation, Known
from meshsim.scenario.schema import Network, OperationSpec, Relaxed, Topology
from meshsim.units import Duration


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
    backends: tuple[str, ...]
    #: Every configuration attribute by name, resolved: durations in nanoseconds.
    config: dict[str, int | bool | str]
    hosts: tuple[str, ...]
    clients: tuple[str, ...]
    topology: Topology
    network: Network
    clocks: dict[str, Duration]
    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    expect: tuple[Expectation, ...]
    known: tuple[Known, ...]
    relax: tuple[Relaxed, ...]
