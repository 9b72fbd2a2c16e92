"""How long things may take at most, derived from the configuration.

Symbols as in supervision.md 14: P poll frequency, A and H idle limits of actor and proc queries, O orphan timeout,
W watchdog, S stop of an actor, X process exit, T host termination, D message delivery, R child readiness. Every
bound adds `SLACK_NS` for the network and the scheduling that configuration says nothing about.
"""

from __future__ import annotations

from meshsim.model.config import Config
from meshsim.units import S

#: Round trips of an undisturbed network, however many an operation needs. Source: chosen here; supervision.md 14
#: calls the duration of a healthy poll "network, far below 1 s".
SLACK_NS = 1 * S

#: Later than the end of any run: what a quiet run, in which nothing can happen any more, has lasted to.
FOREVER_NS = 1 << 62


class Bounds:
    """The bounds of one configuration, in nanoseconds."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @property
    def detection_ns(self) -> int:
        """From a failure to its report: P + 2 (H + A).

        The failure can fall behind the point where a running poll looked: that poll goes on for up to H + A, then P
        passes, and the next poll, slowed down by as much, reports it (supervision.md 14.1, 14.2).
        """
        c = self._config
        return c.supervision_poll_frequency + 2 * self._silence_ns + SLACK_NS

    @property
    def watchdog_ns(self) -> int:
        """From a controller's end to the conclusion of its subscribers: W (supervision.md 14.2)."""
        return self._config.supervision_watchdog_timeout + SLACK_NS

    def orphan_stop_ns(self, actors: int) -> int | None:
        """From an owner's end to the end of its actors on a proc: 2 O + S for each; None when O is off.

        The last keepalive expires O later, the next check comes within O, and the check stops its actors one by
        one (supervision.md 14.3).
        """
        c = self._config
        if not c.mesh_orphan_timeout:
            return None
        return 2 * c.mesh_orphan_timeout + actors * c.stop_actor_timeout + SLACK_NS

    @property
    def proc_exit_ns(self) -> int:
        """From the stop of a proc to the end of its process: X for its agent, X for SIGTERM, then SIGKILL (3.8 A)."""
        return 2 * self._config.process_exit_timeout + SLACK_NS

    @staticmethod
    def termination_ns(timeout_ns: int, children: int, in_flight: int) -> int:
        """From a host's shutdown to the end of its procs: 2 T for each batch (3.8 B, 14.4)."""
        batches = -(-children // min(max(in_flight, 1), 256))
        return batches * 2 * timeout_ns + SLACK_NS

    def poll_ns(self, ranks: int) -> int:
        """The longest poll: every reply just in time, n H + n A (supervision.md 14.1)."""
        return max(ranks, 1) * self._silence_ns + SLACK_NS

    def operation_ns(self, operation: str, ranks: int, hosts: int) -> int | None:
        """The longest that an operation of the scenario may wait; None for one that this table does not know.

        An idle limit counts anew with every reply: n replies just in time and one that never comes make n + 1
        (supervision.md 11.3).
        """
        c = self._config
        replies = max(ranks, 1) + 1
        match operation:
            case "spawn_procs":
                # 9.5 and 10.1: the wait, then GetState about the rank that failed or the spawn of the comm actors.
                then = max(c.proc_spawn_max_idle, replies * c.actor_spawn_max_idle)
                return replies * c.proc_spawn_max_idle + then + SLACK_NS
            case "spawn_actors":
                # 10.7: the wait of spawning, behind a proc query.
                return replies * c.actor_spawn_max_idle + replies * c.get_proc_state_max_idle + SLACK_NS
            case "stop_actors" | "query_mesh" | "count_subscribers":
                # 14.4: behind a poll that runs, or a stop before it.
                return self.poll_ns(ranks) + replies * c.actor_spawn_max_idle + SLACK_NS
            case "actor_states":
                return replies * c.get_actor_state_max_idle + SLACK_NS
            case "proc_states":
                return replies * c.get_proc_state_max_idle + SLACK_NS
            case "stop_procs":
                return replies * c.proc_stop_max_idle + SLACK_NS
            case "attach_hosts":
                return c.mesh_attach_config_timeout + SLACK_NS
            case "shutdown_hosts":
                # The reference has no limit here (14.4: "unlimited if host dead"). Chosen here: a host acknowledges
                # behind one spawn, or the message is known to be undeliverable.
                return max(hosts, 1) * (c.host_spawn_ready_timeout + c.message_delivery_timeout) + SLACK_NS
            case "broadcast" | "unsubscribe" | "slice" | "clone" | "send_ref":
                return SLACK_NS
            case "spawn_hosts" | "local_host" | "drop_hosts" | "stop_all":
                return SLACK_NS
            case "subscribe_to" | "drop_ref" | "cast_to" | "end_self":
                return SLACK_NS
            case _:
                return None

    @property
    def _silence_ns(self) -> int:
        return self._config.get_proc_state_max_idle + self._config.get_actor_state_max_idle
