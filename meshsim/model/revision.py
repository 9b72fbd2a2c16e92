"""Revisions of the modelled system: what one has that another has not, as data.

A machine asks its configuration (`config.revision`) where the revisions differ, one question for each feature; nothing
compares names of revisions. A profile (`meshsim.model.quirks`) belongs to one revision.

Source: supervision.md 10.9, 17; mesh_model.md 2.9 and Appendix A.
"""

from __future__ import annotations

from typing import Final

import msgspec

from meshsim.units import S


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """The features of one revision. Defaults are those of the revision that the specification describes."""

    name: str
    #: Controllers of actor meshes poll, tell owner and subscribers, stop on request. Otherwise they only clean up,
    #: nobody knows their names, and clients poll for themselves.
    monitors: bool = True
    #: A system actor mesh has no controller; otherwise there are no system actors, and every mesh has one.
    system_actors: bool = True
    #: Polls keep actors alive, and agents stop those that nobody wants any more.
    keepalives: bool = True
    #: Every stop has a reason, and the status Stopped tells it.
    stop_reasons: bool = True
    #: A silent agent counts as a failure of its actor; otherwise as a stop.
    silence_fails: bool = True
    #: Stopping an actor mesh returns the statuses of its ranks.
    stop_returns_statuses: bool = True
    #: Stopping an allocated proc mesh waits for the task of its alloc.
    alloc_stop_waits: bool = True
    #: Names of meshes and actors are checked when they are made.
    names_checked: bool = True
    #: Undeliverable messages of the root client go to the agent of rank 0 of the newest proc mesh.
    supervision_sink: bool = True
    #: Only an actor that can take a MeshFailure may spawn meshes.
    owners_take_failures: bool = True
    #: Split ports have an interval to begin with, beside the longest one.
    initial_split_interval: bool = True
    #: Who allocates binds a route to every proc whose id has another address than the one it serves. Otherwise none:
    #: the address in an id is dialled.
    binds_served_addresses: bool = True
    #: Comm actors take a configuration; otherwise a mode, with the same content.
    comm_configuration: bool = True
    #: Attributes of the configuration have Python names.
    python_names: bool = True
    #: One actor's state can be asked for by itself (`ProcRef.actor_state`). Nobody used that, and it went.
    single_actor_query: bool = False
    #: Defaults of configuration attributes where they are not the table's (`meshsim.model.config`), in nanoseconds.
    defaults: tuple[tuple[str, int], ...] = ()
    #: Values of attributes that the revision does not have: what makes the attribute do nothing.
    absent: tuple[tuple[str, int], ...] = ()


R2026_03: Final = Revision(name="2026-03")

R2025_11: Final = Revision(
    name="2025-11",
    monitors=False,
    system_actors=False,
    keepalives=False,
    stop_reasons=False,
    silence_fails=False,
    stop_returns_statuses=False,
    alloc_stop_waits=False,
    names_checked=False,
    supervision_sink=False,
    owners_take_failures=False,
    initial_split_interval=False,
    binds_served_addresses=False,
    comm_configuration=False,
    python_names=False,
    single_actor_query=True,
    # The poll is that of whoever watches: 3 s until 2026-01-23 (supervision.md 17).
    defaults=(("GET_ACTOR_STATE_MAX_IDLE", 60 * S), ("SUPERVISION_POLL_FREQUENCY", 3 * S)),
    absent=(("MESH_ORPHAN_TIMEOUT", 0),),
)

REVISIONS: dict[str, Revision] = {revision.name: revision for revision in (R2025_11, R2026_03)}
