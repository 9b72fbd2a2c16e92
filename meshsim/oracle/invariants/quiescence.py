"""When something is over it is quiet: no timers, no polls, no messages of those that ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshsim.model.events import TimerFired
from meshsim.model.ids import ActorId, Node, proc_agent_id, proc_of
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.messaging.delayed import DELAYED_MESSAGES
from meshsim.model.notes import ActorStatusChanged, LocalDelivery, MonitoringEnded, PollEnded, PollStarted
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.invariants.base import Invariant, delivered
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import ProcessDied, Record
from meshsim.trace.story import describe
from meshsim.trace.wording import message_words
from meshsim.units import format_duration

_TERMINAL = (ActorPhase.STOPPED, ActorPhase.FAILED)


class QuietAfterTheEnd(Invariant):
    """Those that ended are silent, and when everything was stopped nothing happens any more.

    An *actor* that has stopped or failed, or whose process died, has no timer that fires and sends nothing. What it
    sent before may arrive later: a delivery counts against it only when the record that caused it is younger than its
    end. A delayed message to itself (CheckState, SelfCheck) is not called back by an end and may come due once more
    (mesh_model.md 3.9). Returns are made by the process and not by the actor they were for.

    A *controller* whose monitoring has ended polls no more (Q15: one poll that was scheduled before still runs). Nor
    does one whose last poll could see that every rank had ended: its actor, with an agent there to say so, or its
    process, with its host there. Q18: a dead proc is never recorded, and polled for ever; so is, by Q10 and Q55, an
    actor that looks alive. A process that was stopped by a signal since then could not be asked, nor one whose host
    was: hosts are asked first. Nor could one that a fault of the network kept from the controller, and an agent that
    a fault makes answer wrongly says nothing of its actor.

    *Everything was stopped* when each client and each process that hosts started has ended, and each host has died or
    was told to shut down. From then on, channels may give up what they hold and hosts may end: D + 2 T, and nothing
    may happen after that. A run in which something was still stopped by a signal then says nothing.
    """

    id = "quiet-after-the-end"
    sentence = "Whoever ended says and does nothing more."
    needs = "Ends of actors and processes, and the timers and messages that come after them."
    quirks = ("Q15", "Q18", "Q55", "Q10")
    sees = (
        Envelope,
        LocalDelivery,
        TimerFired,
        ActorStatusChanged,
        ProcessDied,
        MonitoringEnded,
        PollStarted,
        PollEnded,
    )

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._records: dict[type, Callable[[Record], Iterable[Violation]]] = {
            Envelope: self._on_message,
            LocalDelivery: self._on_message,
            TimerFired: self._on_timer,
            ActorStatusChanged: self._on_actor,
            ProcessDied: self._on_process_died,
            MonitoringEnded: self._on_monitoring_ended,
            PollStarted: self._on_poll,
            PollEnded: self._on_poll_ended,
        }
        #: Records in which actors ended, by themselves or with their process.
        self._ended: dict[ActorId, int] = {}
        #: Delayed messages of ended actors that have come due since.
        self._due: set[tuple[ActorId, str]] = set()
        #: Controllers that do not monitor any more: by which record.
        self._unwatching: dict[ActorId, int] = {}
        #: By controller: when the poll that runs began, and when the last one that is over began.
        self._began: dict[ActorId, int] = {}
        self._looked: dict[ActorId, int] = {}
        #: Controllers that poll although all is over: found once.
        self._found: set[ActorId] = set()
        #: The last record that shows somebody at work.
        self._last: Record | None = None

    def observe(self, record: Record) -> Iterable[Violation]:
        self._last = record
        return self._records[type(record.what)](record)

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        stopped_at = self._everything_stopped_at()
        last = self._last
        if stopped_at is None or last is None or last.at <= stopped_at:
            return
        config = self.world.config
        bound = config.message_delivery_timeout + 2 * config.mesh_terminate_timeout + SLACK_NS
        self.margin("stop", "everything", took_ns=last.at - stopped_at, bound_ns=bound, record=last.seq)
        if last.at - stopped_at > bound:
            after = format_duration(bound)
            did = describe(last, self.world.directory)
            message = f"everything was stopped, and more than {after} later there was still: {did}"
            where = self.world.directory.name_of_node(last.node)
            yield self.violation(where, message, at=last.at, records=(last.seq,), kind="liveness")

    # --- those that ended ----------------------------------------------------------------------------------

    def _on_actor(self, record: Record) -> Iterable[Violation]:
        note = record.what
        assert isinstance(note, ActorStatusChanged)
        if note.phase in _TERMINAL:
            self._ended.setdefault(note.actor, record.seq)
        elif note.phase is ActorPhase.INITIALIZING:
            self._ended.pop(note.actor, None)  # On a host that came back; else `terminal-is-final` says so.
        return ()

    def _on_process_died(self, record: Record) -> Iterable[Violation]:
        """Its actors say nothing of their end, and have ended all the same."""
        directory = self.world.directory
        for actor in self.world.actors:
            if directory.node_of_actor(actor) == record.node:
                self._ended.setdefault(actor, record.seq)
        return ()

    def _on_message(self, record: Record) -> Iterable[Violation]:
        envelope = delivered(record)
        sender = envelope.sender
        end = self._ended.get(sender)
        if end is None or record.cause <= end or type(envelope.message) is Undeliverable:
            return ()
        name = self.world.name(sender)
        sent = self.world.directory.shortened(message_words(envelope.message))
        message = f"{name} sent {sent} after its end"
        return [self.violation(name, message, at=record.at, records=(end, record.seq))]

    def _on_timer(self, record: Record) -> Iterable[Violation]:
        timer = record.what
        assert isinstance(timer, TimerFired)
        end = self._ended.get(timer.actor)
        if end is None:
            return ()
        if timer.key in DELAYED_MESSAGES and (timer.actor, timer.key) not in self._due:
            self._due.add((timer.actor, timer.key))
            return ()
        name = self.world.name(timer.actor)
        message = f"the timer {timer.key} of {name} came due after its end"
        return [self.violation(name, message, at=record.at, records=(end, record.seq))]

    def _on_monitoring_ended(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, MonitoringEnded)
        self._unwatching.setdefault(record.what.controller, record.seq)
        return ()

    def _on_poll(self, record: Record) -> Iterable[Violation]:
        poll = record.what
        assert isinstance(poll, PollStarted)
        controller, name = poll.controller, self.world.name(poll.controller)
        self._began[controller] = record.at
        end = self._unwatching.get(controller)
        if end is not None:
            message = f"{name} polled after its monitoring had ended"
            return [self.violation(name, message, at=record.at, records=(end, record.seq))]
        looked_at = self._looked.get(controller)
        if looked_at is None or controller in self._found or not self._all_over(poll.mesh, looked_at):
            return ()
        self._found.add(controller)
        message = f"{name} polled on after a poll that could see the end of every rank"
        return [self.violation(name, message, at=record.at, records=(record.seq,))]

    def _on_poll_ended(self, record: Record) -> Iterable[Violation]:
        poll = record.what
        assert isinstance(poll, PollEnded)
        if poll.controller in self._began:
            self._looked[poll.controller] = self._began[poll.controller]
        return ()

    def _all_over(self, label: str, before: int) -> bool:
        """Whether every rank of a mesh had ended by then, and somebody has been there ever since to say so."""
        spawned = self.world.meshes.get(label)
        if spawned is None or spawned.mesh.controller is None:
            return False
        watcher = self.world.directory.node_of_actor(spawned.mesh.controller)
        return all(self._is_over(ActorId(member), watcher, before) for member in spawned.mesh.members)

    def _is_over(self, actor: ActorId, watcher: Node | None, before: int) -> bool:
        world, ended_at = self.world, self.world.ended_at(actor)
        if watcher is None or world.kept_apart(watcher, actor, before):
            return False
        if proc_agent_id(proc_of(actor)) in world.misreporting:
            return False
        places = [world.nodes[node] for node in world.place_of(actor) if node in world.nodes]
        if ended_at is None or ended_at >= before or not places:
            return False
        if places[-1].died_at is not None:
            return False  # Whatever is said of a proc or by one passes its host.
        witnesses = [place for place in places if place.died_at is None]
        return not any(end > before for witness in witnesses for _, end in witness.stalls)

    # --- everything ----------------------------------------------------------------------------------------

    def _everything_stopped_at(self) -> int | None:
        """When the last of them ended or was told to; None when one of them was not, or is stopped by a signal."""
        stopped_at = 0
        for node, facts in self.world.nodes.items():
            told = self.world.shutdowns.get(node)
            if facts.died_at is not None:
                stopped_at = max(stopped_at, facts.died_at)
            elif facts.started.kind == "host" and told is not None and not facts.is_stalled:
                stopped_at = max(stopped_at, told[0])
            else:
                return None
        return stopped_at
