"""How long things may take at most, derived from the configuration.

Symbols as in supervision.md 14: P poll frequency, A and H idle limits of actor and proc queries, O orphan timeout,
W watchdog, S stop of an actor, X process exit, T host termination, D message delivery. `SYMBOLS` has all. The letter d
is a healthy poll there, far below 1 s; here it is `SLACK_NS`, for the network and the scheduling that configuration
says nothing about.

Each bound is a sum of terms (`meshsim.oracle.derivation`). Invariants compare with its total, and `meshsim bounds`
prints it.
"""

from __future__ import annotations

from meshsim.model.config import Config
from meshsim.model.hosts.ladder import AGENT_MARGIN_NS
from meshsim.oracle.derivation import Bound, Largest, Term
from meshsim.units import DURATION_NS_MAX, S

#: Round trips of an undisturbed network, however many an operation needs. Source: chosen here; supervision.md 14
#: calls the duration of a healthy poll "network, far below 1 s".
SLACK_NS = 1 * S

#: Later than the end of any run: what a quiet run, in which nothing can happen any more, has lasted to.
FOREVER_NS = 1 << 62

#: Letter -> attribute of the configuration. P to T as in supervision.md 14, which has none for the others.
SYMBOLS: dict[str, str] = {
    "P": "SUPERVISION_POLL_FREQUENCY",
    "A": "GET_ACTOR_STATE_MAX_IDLE",
    "H": "GET_PROC_STATE_MAX_IDLE",
    "O": "MESH_ORPHAN_TIMEOUT",
    "W": "SUPERVISION_WATCHDOG_TIMEOUT",
    "D": "MESSAGE_DELIVERY_TIMEOUT",
    "S": "STOP_ACTOR_TIMEOUT",
    "X": "PROCESS_EXIT_TIMEOUT",
    "T": "MESH_TERMINATE_TIMEOUT",
    "C": "CLEANUP_TIMEOUT",
    "E": "ACTOR_SPAWN_MAX_IDLE",
    "J": "PROC_SPAWN_MAX_IDLE",
    "K": "PROC_STOP_MAX_IDLE",
    "R": "HOST_SPAWN_READY_TIMEOUT",
    "B": "MESH_ATTACH_CONFIG_TIMEOUT",
    "I": "MESSAGE_ACK_TIME_INTERVAL",
}

#: Letters that are no attribute, with what they stand for.
COUNTS: dict[str, str] = {
    "n": "ranks of the mesh, or procs of the run where an operation waits",
    "h": "hosts of the run",
    "k": "actors of meshes on one proc",
    "b": "batches in which a host ends its children: children / MESH_TERMINATE_CONCURRENCY, rounded up",
    "d": "network and scheduling: 1s, chosen here",
    "m": "what an agent has beside its actors while Q5 is off: 1s, chosen here",
    "p": "procs of one mesh that one host starts",
    "c": "how long a stopping parent waits for a silent child: 500ms (4.5)",
    "l": "the slowest way of a message from one process to another",
    "s": "how far the clock of a host is ahead of that of an owner",
}

#: What zero means where it is no time-out at all (supervision.md 13).
_WITHOUT_LIMIT = {"R": DURATION_NS_MAX}

#: Batches of a host's shutdown are clamped to this (supervision.md 9.3).
_IN_FLIGHT_MAX = 256

#: Operations that wait for nothing but the network.
_AT_ONCE = frozenset(
    {
        "broadcast",
        "unsubscribe",
        "slice",
        "clone",
        "send_ref",
        "spawn_hosts",
        "local_host",
        "drop_hosts",
        "stop_all",
        "subscribe_to",
        "drop_ref",
        "cast_to",
        "end_self",
    }
)

SLACK = Term("d", SLACK_NS)
#: Q5 off.
AGENT_MARGIN = Term("m", AGENT_MARGIN_NS)


class Bounds:
    """The bounds of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config

    # --- from a failure to those who must hear of it (14.2) ----------------------------------------------

    def prompt_detect(self) -> Bound:
        """When everybody answers at once: one period of polls."""
        return self._bound(
            "detect-prompt",
            "From a failure to the end of the first poll that begins after it, while every poll takes less than d.",
            (self.term("P"), SLACK),
            "14.1, 14.2",
            ("Q10", "Q19"),
        )

    def detect(self, ranks: int) -> Bound:
        """The failure can fall behind the point where the actors of a running poll were asked: replies just in time
        let that poll go on for n A. Then P passes, and the next poll takes n H + n A.
        """
        return self._bound(
            "detect",
            "From a failure to the end of the first poll that begins after it, every reply of both polls just in time.",
            (self.term("P"), self.term("H", ranks, "n"), self.term("A", 2 * ranks, "2 n"), SLACK),
            "14.1, 14.2",
            ("Q10", "Q19"),
        )

    def prompt_report(self) -> Bound:
        return self._bound(
            "report-prompt",
            "From a failure to its last listener, while every poll takes less than d.",
            (*self.prompt_detect().terms[:-1], Term("d", SLACK_NS, 2, "2")),
            "14.2",
            ("Q10", "Q18", "Q19", "Q28", "Q49"),
        )

    def report(self, ranks: int) -> Bound:
        """As `detect`, and the messages to owner and subscribers: a message that is not there within D comes back."""
        return self._bound(
            "report",
            "From a failure to its last listener, every reply of both polls just in time.",
            (*self.detect(ranks).terms, self.term("D")),
            "14, 14.1, 14.2",
            ("Q10", "Q18", "Q19", "Q28", "Q49"),
        )

    def push(self) -> Bound:
        """What a streaming controller is told it passes on at once (17)."""
        return self._bound(
            "push", "From what the stream brought to a streaming controller to its last listener.", (SLACK,), "17"
        )

    def silent_agent(self) -> Bound:
        return self._bound(
            "detect-silent-agent",
            "From the moment a proc hangs to the end of the poll that waited for its agent.",
            (self.term("P"), self.term("A"), SLACK),
            "14.2",
        )

    def silent_host(self) -> Bound:
        return self._bound(
            "detect-silent-host",
            "From the moment a host hangs or crashes to the end of the poll that waited for it.",
            (self.term("P"), self.term("H"), SLACK),
            "14.2",
            ("Q28",),
        )

    def watchdog(self) -> Bound:
        return self._bound(
            "watchdog",
            "From the end of a controller to the conclusion of each of its subscribers.",
            (self.term("W"), SLACK),
            "12.3, 14.2",
        )

    def aftermath(self) -> Bound:
        """How long after its end a disturbance may still be what somebody hears of: the poll that met it goes on for
        up to H + A, then P passes, and the next poll, slowed down by as much, tells of it.
        """
        return self._bound(
            "aftermath",
            "From the end of a disturbance to the last news of it.",
            (self.term("P"), self.term("H", 2, "2"), self.term("A", 2, "2"), SLACK),
            "14.1, 14.2",
        )

    # --- polls (14.1) ------------------------------------------------------------------------------------

    def poll(self, ranks: int) -> Bound:
        """An idle limit counts anew with every reply."""
        return self._bound(
            "poll",
            "From the beginning of a poll to its end, every reply just in time.",
            (self.term("H", max(ranks, 1), "n"), self.term("A", max(ranks, 1), "n"), SLACK),
            "14.1",
        )

    # --- what must go (14.3, 14.4) -----------------------------------------------------------------------

    def reap(self, actors: int) -> Bound | None:
        """The last keepalive expires O later, the next check comes within O, and checks stop the actors of a proc one
        by one. None when O is off.
        """
        if not self._config.mesh_orphan_timeout:
            return None
        return self._bound(
            "reap",
            "From the end of an owner's process to the end of its actors.",
            (self.term("O", 2, "2"), self.term("S", actors, "k"), SLACK),
            "14.3",
            ("Q32", "Q36", "Q37"),
        )

    def reap_after_stop(self, actors: int, ranks: int) -> Bound | None:
        """An owner that ends by itself leaves its controller in a poll, which keeps the actors alive once more."""
        reap = self.reap(actors)
        if reap is None:
            return None
        poll = self.poll(ranks).terms[:-1]
        return self._bound(
            "reap-after-stop",
            "From the end of an owner, in a process that lives on, to the end of its actors.",
            (*poll, *reap.terms),
            "5.9, 14.3",
            ("Q32", "Q36", "Q37"),
        )

    def parent_death(self) -> Bound:
        """The kernel sends SIGKILL as the parent dies."""
        return self._bound(
            "parent-death", "From the death of a host's process to that of its procs, with PDEATHSIG.", (SLACK,), "3.7"
        )

    def stop(self) -> Bound:
        """Ladder A: X for the agent, X for SIGTERM, then SIGKILL. Q5 off: the agent has a little more."""
        return self._bound(
            "stop",
            "From the stop of a proc mesh to the end of its processes.",
            (self.term("X", 2, "2"), *self._margin(1), SLACK),
            "3.8 A, 14.4",
            ("Q39",),
        )

    def terminate(self, children: int, timeout_ns: int | None = None, in_flight: int | None = None) -> Bound:
        """Ladder B, for each batch. A host is told T and the size of the batches with its shutdown; what is not given
        is as configured.
        """
        c = self._config
        timeout_ns = c.mesh_terminate_timeout if timeout_ns is None else timeout_ns
        in_flight = c.mesh_terminate_concurrency if in_flight is None else in_flight
        batches = -(-children // min(max(in_flight, 1), _IN_FLIGHT_MAX))
        return self._bound(
            "terminate",
            "From the shutdown of a host to the end of its procs.",
            (Term("T", timeout_ns, 2 * batches, "2 b"), *self._margin(batches, "b"), SLACK),
            "3.8 B, 14.4",
        )

    # --- operations (9 to 12, 14.4) ----------------------------------------------------------------------

    def operation(self, name: str, ranks: int, hosts: int) -> Bound | None:
        """The longest that an operation of the scenario may wait; None for one that this table does not know.

        An idle limit counts anew with every reply: n replies just in time and one that never comes make n + 1
        (supervision.md 11.3).
        """
        found = self._operation_terms(name, max(ranks, 1), max(hosts, 1))
        if found is None:
            return None
        terms, source = found
        return self._bound(name, f"From the beginning of {name} to its end.", (*terms, SLACK), source)

    def _operation_terms(self, name: str, n: int, h: int) -> tuple[tuple[Term | Largest, ...], str] | None:
        def each(symbol: str) -> Term:
            return self.term(symbol, n + 1, "(n + 1)")

        match name:
            case "spawn_procs":
                # The wait, then GetState about the rank that failed or the spawn of the comm actors.
                return (each("J"), Largest((self.term("J"), each("E")))), "9.5, 10.1, 11.3"
            case "spawn_actors":
                # The wait of spawning, behind a proc query.
                return (each("E"), each("H")), "10.7, 11.3"
            case "stop_actors" | "query_mesh" | "count_subscribers":
                # Behind a poll that runs, or a stop before it.
                return (*self.poll(n).terms[:-1], each("E")), "11.3, 14.1, 14.4"
            case "actor_states":
                return (each("A"),), "10.5"
            case "proc_states":
                return (each("H"),), "9.7"
            case "stop_procs":
                return (each("K"),), "9.6, 11.3"
            case "attach_hosts":
                return (self.term("B"),), "9.4"
            case "shutdown_hosts":
                # A host acknowledges behind one spawn, or the message is known to be undeliverable.
                waits = (self.term("R", h, "h"), self.term("D", h, "h"))
                return (*waits, *self._acknowledged_late(n, h)), "chosen here: 14.4 has no limit for a dead host"
            case _:
                return ((), "no wait but the network") if name in _AT_ONCE else None

    # --- totals, for those who only compare --------------------------------------------------------------

    @property
    def detection_ns(self) -> int:
        return self.aftermath().total_ns

    @property
    def watchdog_ns(self) -> int:
        return self.watchdog().total_ns

    @property
    def proc_exit_ns(self) -> int:
        return self.stop().total_ns

    def termination_ns(self, timeout_ns: int, children: int, in_flight: int) -> int:
        return self.terminate(children, timeout_ns, in_flight).total_ns

    def poll_ns(self, ranks: int) -> int:
        return self.poll(ranks).total_ns

    def operation_ns(self, name: str, ranks: int, hosts: int) -> int | None:
        bound = self.operation(name, ranks, hosts)
        return None if bound is None else bound.total_ns

    # --- parts -------------------------------------------------------------------------------------------

    def term(self, symbol: str, times: int = 1, factor: str = "") -> Term:
        """So many times an attribute of the configuration."""
        value: int = getattr(self._config, SYMBOLS[symbol].lower())
        return Term(symbol, value or _WITHOUT_LIMIT.get(symbol, 0), times, factor)

    def _margin(self, times: int, factor: str = "") -> tuple[Term, ...]:
        return () if self._config.has("Q5") else (Term("m", AGENT_MARGIN_NS, times, factor),)

    def _acknowledged_late(self, procs: int, hosts: int) -> tuple[Term, ...]:
        """Q41 off: a host acknowledges its shutdown when its last process has ended."""
        if self._config.has("Q41"):
            return ()
        return tuple(
            Term(term.symbol, term.each_ns, hosts * term.times, f"h {term.factor}")
            for term in self.terminate(procs).terms[:-1]
            if isinstance(term, Term)
        )

    def _bound(
        self, name: str, sentence: str, terms: tuple[Term | Largest, ...], source: str, holes: tuple[str, ...] = ()
    ) -> Bound:
        return Bound(name, sentence, terms, source, tuple(quirk for quirk in holes if self._config.has(quirk)))
