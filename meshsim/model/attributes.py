"""Configuration attributes of the modelled system: a table of names, kinds, defaults and meanings.

What is done with them is in `meshsim.model.config`.

Source: supervision.md 13 and mesh_model.md 10, as each attribute says.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from meshsim.units import DURATION_NS_MAX, MINUTE, MS, S

Value = int | bool | str
Kind = Literal["duration", "int", "bool", "text", "share"]

#: "No limit" of an attribute that counts things; written `unlimited`. The largest signed 64-bit number.
UNLIMITED = (1 << 63) - 1

#: Shares are whole numbers of this: configurations are compared, hashed and carried to processes.
SHARE_ALL = 1_000_000

_SOURCE = "supervision.md 13"
_COUNT_MAX = UNLIMITED


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table. Durations are nanoseconds, shares are millionths."""

    name: str
    env: str
    #: None: not settable from Python.
    python_name: str | None
    default: Value
    kind: Kind
    about: str
    source: str = _SOURCE
    #: Smallest and largest value of a number.
    minimum: int = 0
    maximum: int = _COUNT_MAX
    #: The only values of a text.
    choices: tuple[str, ...] = ()


def _duration(name: str, env: str, python_name: str | None, default: int, about: str, *, minimum: int = 0) -> Attribute:
    return Attribute(
        name=name,
        env=env,
        python_name=python_name,
        default=default,
        kind="duration",
        about=about,
        minimum=minimum,
        maximum=DURATION_NS_MAX,
    )


def _count(name: str, env: str, default: int, about: str, *, python_name: str, maximum: int = _COUNT_MAX) -> Attribute:
    return Attribute(
        name=name, env=env, python_name=python_name, default=default, kind="int", about=about, maximum=maximum
    )


def _switch(name: str, env: str, python_name: str, default: bool, about: str) -> Attribute:
    return Attribute(name=name, env=env, python_name=python_name, default=default, kind="bool", about=about)


ATTRIBUTES: tuple[Attribute, ...] = (
    _duration(
        "SUPERVISION_POLL_FREQUENCY",
        "HYPERACTOR_MESH_SUPERVISION_POLL_FREQUENCY",
        None,
        10 * S,
        "From the end of one poll of a controller to the start of the next; also heartbeat period and stall slack.",
        # Chosen here: a period of zero would let a controller without ranks poll for ever within one instant.
        minimum=1 * MS,
    ),
    _duration(
        "SUPERVISION_WATCHDOG_TIMEOUT",
        "HYPERACTOR_MESH_SUPERVISION_WATCHDOG_TIMEOUT",
        "supervision_watchdog_timeout",
        2 * MINUTE,
        "Silence after which a subscriber takes its controller for dead.",
    ),
    _duration(
        "MESH_ORPHAN_TIMEOUT",
        "HYPERACTOR_MESH_ORPHAN_TIMEOUT",
        "mesh_orphan_timeout",
        60 * S,
        "How long a keepalive is valid, read at each poll; period of an agent's SelfCheck, read at boot. 0 is off.",
    ),
    _duration(
        "GET_ACTOR_STATE_MAX_IDLE",
        "HYPERACTOR_MESH_GET_ACTOR_STATE_MAX_IDLE",
        "get_actor_state_max_idle",
        30 * S,
        "Longest wait for the next reply when actor states are asked for.",
    ),
    _duration(
        "GET_PROC_STATE_MAX_IDLE",
        "HYPERACTOR_MESH_GET_PROC_STATE_MAX_IDLE",
        "get_proc_state_max_idle",
        60 * S,
        "Longest wait for the next reply when proc states are asked for.",
    ),
    _duration(
        "ACTOR_SPAWN_MAX_IDLE",
        "HYPERACTOR_MESH_ACTOR_SPAWN_MAX_IDLE",
        "actor_spawn_max_idle",
        30 * S,
        "Idle limit of spawning an actor mesh, and of stopping one.",
    ),
    _duration(
        "PROC_SPAWN_MAX_IDLE",
        "HYPERACTOR_MESH_PROC_SPAWN_MAX_IDLE",
        "mesh_proc_spawn_max_idle",
        30 * S,
        "Idle limit of spawning a proc mesh, and limit of the GetState that follows a failed one.",
    ),
    _duration(
        "PROC_STOP_MAX_IDLE",
        "HYPERACTOR_MESH_PROC_STOP_MAX_IDLE",
        "proc_stop_max_idle",
        30 * S,
        "Idle limit of stopping a proc mesh.",
    ),
    _duration(
        "HOST_SPAWN_READY_TIMEOUT",
        "HYPERACTOR_HOST_SPAWN_READY_TIMEOUT",
        "host_spawn_ready_timeout",
        30 * S,
        "How long a host waits for a new child to call back. 0 is no limit.",
    ),
    _duration(
        "STOP_ACTOR_TIMEOUT",
        "HYPERACTOR_STOP_ACTOR_TIMEOUT",
        "stop_actor_timeout",
        10 * S,
        "How long an agent waits for each actor it stops.",
    ),
    _duration(
        "CLEANUP_TIMEOUT", "HYPERACTOR_CLEANUP_TIMEOUT", "cleanup_timeout", 3 * S, "Limit of an actor's cleanup hook."
    ),
    _duration(
        "PROCESS_EXIT_TIMEOUT",
        "HYPERACTOR_PROCESS_EXIT_TIMEOUT",
        "process_exit_timeout",
        10 * S,
        "Grace of each of the two phases of a requested proc stop.",
    ),
    _duration(
        "MESH_TERMINATE_TIMEOUT",
        "HYPERACTOR_MESH_TERMINATE_TIMEOUT",
        "mesh_terminate_timeout",
        10 * S,
        "Grace of each of the two phases in which host shutdown ends a child.",
    ),
    _count(
        "MESH_TERMINATE_CONCURRENCY",
        "HYPERACTOR_MESH_TERMINATE_CONCURRENCY",
        16,
        "Children that a host ends at the same time; clamped to 1..256 where it is used.",
        python_name="mesh_terminate_concurrency",
    ),
    _switch(
        "MESH_BOOTSTRAP_ENABLE_PDEATHSIG",
        "HYPERACTOR_MESH_BOOTSTRAP_ENABLE_PDEATHSIG",
        "mesh_bootstrap_enable_pdeathsig",
        True,
        "Whether the kernel kills a child when its parent dies.",
    ),
    _count(
        "MESH_TAIL_LOG_LINES",
        "HYPERACTOR_MESH_TAIL_LOG_LINES",
        0,
        "Lines of a child's output that are kept.",
        python_name="tail_log_lines",
    ),
    _switch(
        "MESH_ENABLE_LOG_FORWARDING",
        "HYPERACTOR_MESH_ENABLE_LOG_FORWARDING",
        "enable_log_forwarding",
        False,
        "Whether a child's output is piped and forwarded; no behaviour depends on it.",
    ),
    _switch(
        "MESH_ENABLE_FILE_CAPTURE",
        "HYPERACTOR_MESH_ENABLE_FILE_CAPTURE",
        "enable_file_capture",
        False,
        "Whether a child's output is piped into a file; no behaviour depends on it.",
    ),
    Attribute(
        name="MESH_PROC_LAUNCHER_KIND",
        env="HYPERACTOR_MESH_PROC_LAUNCHER_KIND",
        python_name="proc_launcher_kind",
        default="",
        kind="text",
        about="What starts child processes; empty is native.",
        choices=("", "native", "systemd"),
    ),
    _duration(
        "MESH_ATTACH_CONFIG_TIMEOUT",
        "HYPERACTOR_MESH_ATTACH_CONFIG_TIMEOUT",
        "mesh_attach_config_timeout",
        10 * S,
        "Limit of pushing configuration to hosts that are attached.",
    ),
    _count(
        "MAX_CAST_DIMENSION_SIZE",
        "HYPERACTOR_MESH_MAX_CAST_DIMENSION_SIZE",
        UNLIMITED,
        "Largest fan-out of a dimension of a cast tree.",
        python_name="max_cast_dimension_size",
    ),
    _switch(
        "ENABLE_NATIVE_V1_CASTING",
        "HYPERACTOR_MESH_ENABLE_NATIVE_V1_CASTING",
        "enable_native_v1_casting",
        False,
        "Whether casts take the other path.",
    ),
    _duration(
        "MESSAGE_DELIVERY_TIMEOUT",
        "HYPERACTOR_MESSAGE_DELIVERY_TIMEOUT",
        "message_delivery_timeout",
        30 * S,
        "Time without acknowledgement after which a message is undeliverable.",
    ),
    _duration(
        "MESSAGE_ACK_TIME_INTERVAL",
        "HYPERACTOR_MESSAGE_ACK_TIME_INTERVAL",
        "message_ack_time_interval",
        500 * MS,
        "Period of acknowledgements.",
    ),
    _count(
        "MESSAGE_ACK_EVERY_N_MESSAGES",
        "HYPERACTOR_MESSAGE_ACK_EVERY_N_MESSAGES",
        1000,
        "Messages after which an acknowledgement is sent at once.",
        python_name="message_ack_every_n_messages",
    ),
    _count(
        "MESSAGE_TTL_DEFAULT",
        "HYPERACTOR_MESSAGE_TTL_DEFAULT",
        64,
        "Hops that a message may take.",
        python_name="message_ttl_default",
        maximum=255,
    ),
    _count(
        "CODEC_MAX_FRAME_LENGTH",
        "HYPERACTOR_CODEC_MAX_FRAME_LENGTH",
        10 << 30,
        "Bytes of the largest message that a channel carries.",
        python_name="codec_max_frame_length",
    ),
    _count(
        "SPLIT_MAX_BUFFER_SIZE",
        "HYPERACTOR_SPLIT_MAX_BUFFER_SIZE",
        5,
        "Updates that a split port merges into one.",
        python_name="split_max_buffer_size",
    ),
    _duration(
        "SPLIT_MAX_BUFFER_AGE",
        "HYPERACTOR_SPLIT_MAX_BUFFER_AGE",
        "split_max_buffer_age",
        50 * MS,
        "Longest time that a split port holds back an update.",
    ),
    _count(
        "TERMINATED_SNAPSHOT_RETENTION",
        "HYPERACTOR_TERMINATED_SNAPSHOT_RETENTION",
        100,
        "Ended actors that a proc remembers for introspection.",
        python_name="terminated_snapshot_retention",
    ),
    _switch(
        "ENABLE_DEST_ACTOR_REORDERING_BUFFER",
        "HYPERACTOR_ENABLE_DEST_ACTOR_REORDERING_BUFFER",
        "enable_dest_actor_reordering_buffer",
        False,
        "Whether a receiver holds back messages until those that were posted before them have come.",
    ),
    _duration(
        "REMOTE_ALLOCATOR_HEARTBEAT_INTERVAL",
        "HYPERACTOR_REMOTE_ALLOCATOR_HEARTBEAT_INTERVAL",
        "remote_allocator_heartbeat_interval",
        5 * MINUTE,
        "Period of the heartbeats between a remote allocator and its client.",
    ),
    _duration(
        "SERVER_HEARTBEAT_INTERVAL",
        "HYPERACTOR_SERVER_HEARTBEAT_INTERVAL",
        "server_heartbeat_interval",
        1 * S,
        "Period of a server's metrics; no behaviour depends on it.",
    ),
    _duration(
        "CHANNEL_NET_RX_BUFFER_FULL_CHECK_INTERVAL",
        "HYPERACTOR_CHANNEL_NET_RX_BUFFER_FULL_CHECK_INTERVAL",
        "channel_net_rx_buffer_full_check_interval",
        5 * S,
        "How often a receiver looks for a full buffer, for its metrics; no behaviour depends on it.",
    ),
    Attribute(
        name="MESSAGE_LATENCY_SAMPLING_RATE",
        env="HYPERACTOR_MESSAGE_LATENCY_SAMPLING_RATE",
        python_name="message_latency_sampling_rate",
        default=SHARE_ALL // 100,
        kind="share",
        about="Share of messages whose latency is measured, for metrics; no behaviour depends on it.",
        maximum=SHARE_ALL,
    ),
    Attribute(
        name="DEFAULT_TRANSPORT",
        env="HYPERACTOR_MESH_DEFAULT_TRANSPORT",
        python_name="default_transport",
        default="unix",
        kind="text",
        about="Kind of the addresses that processes serve; the model has no other.",
        choices=("unix",),
    ),
)

#: Attributes with values that would change what the model does, and that it has nothing for: why not.
NOT_MODELLED: dict[str, str] = {
    "MESH_PROC_LAUNCHER_KIND": "only the native launcher is modelled",
    "ENABLE_NATIVE_V1_CASTING": "that path of casts is not modelled; with quirk Q45 off casts go to each rank directly",
}
