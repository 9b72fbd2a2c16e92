"""References to actor meshes as their holders have them: health, subscription, controller.

Each actor that uses a mesh holds a reference of its own; slices and clones are references of their own too, and know
nothing of what the one that they were made of has heard. What a holder knows it learns by waiting: `wait` is the one
way to a new failure, and casts are refused for what was learnt.

Source: supervision.md 12.1 to 12.5. Quirks: Q17, Q49 to Q52.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.subscription import Subscription, heard
from meshsim.model.clients.waits import IdleLimit
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.ids import ActorId
from meshsim.model.notes import ReferenceMade
from meshsim.model.operations import ActorMeshRef
from meshsim.model.supervision import ActorSupervisionEvent, Crashed, MeshFailure, StreamClosed, Unhealthy
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock

#: Prefix of the keys of watchdog timers; the port of the subscription follows.
WATCHDOG = "watchdog"

#: What a stop of a mere reference ends with: it takes the mesh, or a clone of it. Source: mesh_model.md 9.1.
NOT_OWNED = "Cannot call stop on an ActorMeshRef, requires an owned ActorMesh"


class Health(msgspec.Struct):
    """What the holder of a reference knows of its mesh; casts are refused when it is bad (12.2)."""

    unhealthy: Unhealthy | None = None
    crashed_ranks: dict[int, ActorSupervisionEvent] = {}

    @property
    def failure(self) -> MeshFailure | None:
        return None if self.unhealthy is None else self.unhealthy.failure

    def learn(self, failure: MeshFailure) -> None:
        """12.4 step 4. A status that is no end clears the health (sent with Q25 off alone)."""
        status = failure.event.actor_status
        if status.is_failed:
            self.crashed_ranks[failure.rank or 0] = failure.event
            self.unhealthy = Crashed(failure)
        elif status.is_terminal:
            self.unhealthy = StreamClosed(failure)
        else:
            self.clear()

    def clear(self) -> None:
        self.unhealthy, self.crashed_ranks = None, {}


class HeldRef(msgspec.Struct):
    """One reference, as one actor holds it. Health and subscription are cells that a copy may share (12.1)."""

    #: Its controller goes with a stop (12.5).
    mesh: ActorMeshRef
    #: Number of its health, once anything asked for it.
    health: int | None = None
    #: Port of its subscription, once it has one.
    receiver: int | None = None
    #: A stop took the controller: another one does nothing (12.5 step 1).
    taken: bool = False
    #: Its holder awaits one event after the other.
    looping: bool = False
    #: It is the mesh, or a clone of it; slices, and what others sent, are mere references.
    owned: bool = True


class References(msgspec.Struct):
    """All references of one actor, by label, and its subscriptions, by port."""

    me: ActorId
    config: Config
    held: dict[str, HeldRef] = {}
    healths: list[Health] = []
    subscriptions: dict[int, Subscription] = {}
    clock: WallClock = TRUE_CLOCK

    # --- having references (12.1) ----------------------------------------------------------------------------

    def hold(self, mesh: ActorMeshRef) -> HeldRef:
        """This actor's own reference of that label; it takes the one given when it has none."""
        held = self.held.get(mesh.label)
        if held is None:
            held = self.held[mesh.label] = HeldRef(mesh)
        return held

    def make(self, made: ActorMeshRef, source: str, *, shared: bool) -> ReferenceMade:
        """A slice or a clone of the reference `source`: it has the controller that that one has now.

        Health and subscription are new; of a shared copy each is the same, if it was in use by then.
        """
        held = self.held[made.label] = HeldRef(made, owned=made.spawned_on is None)
        known = self.held.get(source)
        if known is not None:
            held.mesh = msgspec.structs.replace(made, controller=known.mesh.controller)
            held.owned = held.owned and known.owned
        if known is not None and shared:
            held.health, held.receiver = known.health, known.receiver
        procs = tuple(proc.proc_id for proc in made.procs.procs)
        return ReferenceMade(self.me, made.label, made.mesh, str(made.procs.region), procs)

    def receive(self, mesh: ActorMeshRef) -> None:
        """A reference that another actor sent: nothing is known of its mesh yet.

        Where one of that name is subscribed already, it stays: a name means one reference.
        """
        held = self.held.get(mesh.label)
        if held is None or held.receiver is None:
            self.held[mesh.label] = HeldRef(mesh, owned=False)

    def to_send(self, held: HeldRef) -> ActorMeshRef:
        """A reference as it travels. Where its mesh was spawned is left out: nobody would look (Q17); off: kept."""
        if self.config.has("Q17"):
            return msgspec.structs.replace(held.mesh, spawned_on=None)
        return held.mesh

    def drop(self, held: HeldRef) -> None:
        """It goes away without a word; who uses its label again has a new one, which knows nothing."""
        if held.receiver is not None:
            self.subscriptions[held.receiver].drop()
        held.health = held.receiver = None
        held.looping = False

    def health(self, held: HeldRef) -> Health:
        if held.health is None:
            held.health = len(self.healths)
            self.healths.append(Health())
        return self.healths[held.health]

    # --- stops (12.5) ----------------------------------------------------------------------------------------

    def forget_controller(self, held: HeldRef, failure: MeshFailure | None) -> None:
        """Steps 1 and 4: what it knows of the mesh is all that it will, `failure` if there is one."""
        if failure is not None:
            self.health(held).learn(failure)
        held.mesh = msgspec.structs.replace(held.mesh, controller=None)
        held.looping = False
        if held.receiver is not None:
            self.subscriptions[held.receiver].look_away()

    # --- waiting for events (12.3, 12.4) ---------------------------------------------------------------------

    def wait(
        self, held: HeldRef, next_port: int, now_ns: int, *, returnable: bool = True
    ) -> tuple[list[Command], MeshFailure | None]:
        """Look at what is there; who has not subscribed does so before that, on port `next_port`.

        Without a failure it is to be waited for: `look` again when something was published.
        """
        if held.receiver is None:
            self.subscriptions[next_port] = subscription = self._subscription(
                held.mesh, next_port, returnable=returnable
            )
            held.receiver = next_port
            return subscription.start(now_ns), None
        subscription = self.subscriptions[held.receiver]
        if subscription.timed_out and not self.config.has("Q51"):
            self.health(held).clear()
            return subscription.retry(now_ns), None
        return self.look(held, now_ns)

    def _subscription(self, mesh: ActorMeshRef, port: int, *, returnable: bool) -> Subscription:
        watchdog = IdleLimit.of(self.config, self.me, f"{WATCHDOG}:{port}", self.config.supervision_watchdog_timeout)
        return Subscription(self.me, mesh, self.config, port, watchdog, returnable)

    def look(self, held: HeldRef, now_ns: int) -> tuple[list[Command], MeshFailure | None]:
        """12.4 steps 2 to 5: the failure that is there, if any, is learnt and heard."""
        assert held.receiver is not None, "whoever looks has subscribed"
        subscription = self.subscriptions[held.receiver]
        commands, failure = subscription.look(self.clock.at(now_ns))
        if failure is None:
            return commands, None
        self.health(held).learn(failure)
        role = "watchdog" if subscription.timed_out else "subscriber"
        return [*commands, heard(self.me, role, held.mesh.mesh, failure, held.mesh.own_label)], failure

    def look_on(self, held: HeldRef, now_ns: int) -> list[Command]:
        """Who awaits one event after the other looks as long as there is something new: with Q49 off, at all."""
        commands: list[Command] = []
        while held.looping and held.receiver is not None and self.subscriptions[held.receiver].unseen:
            commands += self.look(held, now_ns)[0]
        return commands

    def watching(self, port: int) -> list[HeldRef]:
        """The references that look at a subscription: one, and copies that share it."""
        return [held for held in self.held.values() if held.receiver == port]

    def unsubscribe(self, held: HeldRef) -> list[Command]:
        """Give up the subscription; a later wait begins another one."""
        if held.receiver is None:
            return []
        commands = self.subscriptions[held.receiver].unsubscribe()
        held.receiver = None
        held.looping = False
        return commands
