"""Configuration attributes of the modelled system: names, defaults, layers, and the typed value machines read.

Three names lead to one attribute: its own (`SUPERVISION_POLL_FREQUENCY`), its environment variable and, where it
has one, its Python name. Values are resolved layer by layer (`resolve`) into one dictionary by attribute name, which
is what plans and node boots carry; a machine holds it as a `Config`, where every attribute is a typed field.

Source: supervision.md 13, unless an attribute says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Literal

import msgspec

from meshsim.model.quirks import DEFAULT_PROFILE, PROFILES
from meshsim.model.revision import R2026_03, REVISIONS, Revision
from meshsim.units import DURATION_NS_MAX, MINUTE, MS, DurationError, S, format_duration, parse_duration

Value = int | bool | str
Kind = Literal["duration", "int", "bool", "text", "share"]

#: "No limit" of an attribute that counts things; written `unlimited`. The largest signed 64-bit number.
UNLIMITED = (1 << 63) - 1

# Fixed in the modelled system's code, not configurable. Source: supervision.md 13, "Fixed constants". Those of status
# ports are in `meshsim.model.messaging.status_port` and `split_port`. Introspection and the cache of references are not
# modelled, and back-offs have no jitter: nothing that anybody is told depends on them.

#: A stopping parent gives up on its children after this long without a signal.
CHILD_STOP_WAIT_NS = 500 * MS
RECONNECT_BACKOFF_NS_INITIAL = 1 * MS
RECONNECT_BACKOFF_NS_MAX = 1 * S
RECONNECT_BACKOFF_FACTOR = 2
#: Period of the heartbeat of an allocated (V0) child to its allocator.
V0_HEARTBEAT_NS = 5 * S
TERMINATE_CONCURRENCY_MIN = 1
TERMINATE_CONCURRENCY_MAX = 256

_SOURCE = "supervision.md 13"
_COUNT_MAX = UNLIMITED
_WHOLE = re.compile(r"[0-9]{1,20}\Z")


class ConfigError(ValueError):
    """A value that an attribute cannot have. `str()` says what is allowed and what came."""


#: Shares are whole numbers of this: configurations are compared, hashed and carried to processes.
SHARE_ALL = 1_000_000


class Layer(Enum):
    """Where a value may come from, strongest first."""

    TEST_OVERRIDE = "TestOverride"
    ENV = "Env"
    RUNTIME = "Runtime"
    FILE = "File"
    #: What a child proc receives from its spawner.
    CLIENT_OVERRIDE = "ClientOverride"


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

_BY_KEY: dict[str, Attribute] = {
    key.lower(): attribute
    for attribute in ATTRIBUTES
    for key in (attribute.name, attribute.env, attribute.python_name or attribute.name)
}


def attribute_by_key(key: str, *, python_names: bool = True) -> Attribute:
    """The attribute that a name, an environment variable or a Python name means, in upper or lower case.

    Raises:
        KeyError: no attribute has this name, or only a Python name, in a revision without `python_names`.
    """
    attribute = _BY_KEY[key.lower()]
    if not python_names and key.lower() not in (attribute.name.lower(), attribute.env.lower()):
        raise KeyError(key)
    return attribute


def parse_value(attribute: Attribute, value: object) -> Value:
    """A value as written in a scenario file or an environment variable, as nanoseconds, number, truth or text.

    Durations are text with units; numbers and truths may be text too, as the environment has nothing else.

    Raises:
        ConfigError: wrong type or out of range.
    """
    if attribute.kind == "duration":
        return _parse_duration(attribute, value)
    if attribute.kind == "int":
        return _parse_count(attribute, value)
    if attribute.kind == "bool":
        return _parse_switch(value)
    if attribute.kind == "share":
        return _parse_share(value)
    if not isinstance(value, str) or value not in attribute.choices:
        raise ConfigError(f"expected one of {_listed(attribute.choices)}, got {value!r}")
    return value


def not_modelled(attribute: Attribute, value: Value) -> str | None:
    """Why the model cannot do as this value says; none when it can."""
    return None if value in (attribute.default, "native") else NOT_MODELLED.get(attribute.name)


def value_text(attribute: Attribute, value: Value) -> str:
    """A value as a scenario file may have it, without quotes."""
    if attribute.kind == "duration":
        return format_duration(int(value))
    return str(int(value) / SHARE_ALL) if attribute.kind == "share" else str(value)


def _parse_duration(attribute: Attribute, value: object) -> int:
    if not isinstance(value, str):
        raise ConfigError(f'expected a duration such as "1.5s", got {value!r}')
    try:
        duration_ns = parse_duration(value)
    except DurationError as error:
        raise ConfigError(str(error)) from None
    if duration_ns < attribute.minimum:
        raise ConfigError(f"expected at least {format_duration(attribute.minimum)}, got {value!r}")
    return duration_ns


def _parse_count(attribute: Attribute, value: object) -> int:
    if value == "unlimited" and attribute.default == UNLIMITED:
        return UNLIMITED
    number = int(value) if isinstance(value, str) and _WHOLE.match(value) else value
    if isinstance(number, bool) or not isinstance(number, int):
        allowed = ' or "unlimited"' if attribute.default == UNLIMITED else ""
        raise ConfigError(f"expected a whole number{allowed}, got {value!r}")
    if not attribute.minimum <= number <= attribute.maximum:
        raise ConfigError(f"expected a number from {attribute.minimum} to {attribute.maximum}, got {value!r}")
    return number


def _parse_share(value: object) -> int:
    try:
        share = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else -1.0
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"expected a number from 0 to 1, got {value!r}")
    return round(share * SHARE_ALL)


def _parse_switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    raise ConfigError(f"expected true or false, got {value!r}")


def _listed(choices: tuple[str, ...]) -> str:
    return ", ".join(f'"{choice}"' for choice in choices)


def defaults() -> dict[str, Value]:
    return {attribute.name: attribute.default for attribute in ATTRIBUTES}


def resolve(layers: Mapping[Layer, Mapping[str, Value]]) -> dict[str, Value]:
    """Every attribute by name: from the first layer that has it, else its default.

    Layers hold parsed values (durations in nanoseconds) under any key that `attribute_by_key` takes.

    Raises:
        KeyError: a layer has a key that no attribute has.
    """
    resolved = defaults()
    for layer in reversed(Layer):
        for key, value in layers.get(layer, {}).items():
            resolved[attribute_by_key(key).name] = value
    return resolved


def clamped_concurrency(max_in_flight: int) -> int:
    """How many children a host really ends at the same time. Source: supervision.md 9.3, 9.4."""
    return min(max(max_in_flight, TERMINATE_CONCURRENCY_MIN), TERMINATE_CONCURRENCY_MAX)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Resolved configuration of one process: one field for each attribute; durations in nanoseconds."""

    supervision_poll_frequency: int
    supervision_watchdog_timeout: int
    mesh_orphan_timeout: int
    get_actor_state_max_idle: int
    get_proc_state_max_idle: int
    actor_spawn_max_idle: int
    proc_spawn_max_idle: int
    proc_stop_max_idle: int
    host_spawn_ready_timeout: int
    stop_actor_timeout: int
    cleanup_timeout: int
    process_exit_timeout: int
    mesh_terminate_timeout: int
    mesh_terminate_concurrency: int
    mesh_bootstrap_enable_pdeathsig: bool
    mesh_tail_log_lines: int
    mesh_enable_log_forwarding: bool
    mesh_enable_file_capture: bool
    mesh_proc_launcher_kind: str
    mesh_attach_config_timeout: int
    max_cast_dimension_size: int
    enable_native_v1_casting: bool
    message_delivery_timeout: int
    message_ack_time_interval: int
    message_ack_every_n_messages: int
    message_ttl_default: int
    codec_max_frame_length: int
    split_max_buffer_size: int
    split_max_buffer_age: int
    terminated_snapshot_retention: int
    enable_dest_actor_reordering_buffer: bool
    remote_allocator_heartbeat_interval: int
    server_heartbeat_interval: int
    channel_net_rx_buffer_full_check_interval: int
    message_latency_sampling_rate: int
    default_transport: str
    #: Quirks of the modelled system that are turned off; not an attribute of the reference (`meshsim.model.quirks`).
    quirks_off: tuple[str, ...] = PROFILES[DEFAULT_PROFILE]
    #: Which features the modelled system has; not an attribute either.
    revision: Revision = R2026_03

    @classmethod
    def of(
        cls,
        values: Mapping[str, Value],
        quirks_off: tuple[str, ...] = PROFILES[DEFAULT_PROFILE],
        revision: str = R2026_03.name,
    ) -> Config:
        """From parsed values under any key that `attribute_by_key` takes; what is absent has its default.

        An attribute that the revision does not have does nothing, whatever its value.

        Raises:
            KeyError: a key that no attribute has, or a revision that there is not.
            ConfigError: a value of the wrong type.
        """
        return _config_of(tuple((key, value, type(value)) for key, value in values.items()), quirks_off, revision)

    def has(self, quirk: str) -> bool:
        """Whether the modelled system behaves as this quirk says."""
        return quirk not in self.quirks_off

    def values(self) -> dict[str, Value]:
        """Every attribute by name: what plans and node boots carry."""
        return {attribute.name: getattr(self, attribute.name.lower()) for attribute in ATTRIBUTES}


@lru_cache(maxsize=64)
def _config_of(items: tuple[tuple[str, Value, type], ...], quirks_off: tuple[str, ...], name: str) -> Config:
    """Every proc of a run starts from the same values. Types are part of the key, as True and 1 are equal."""
    revision = REVISIONS[name]
    by_name = resolve({Layer.RUNTIME: {**dict(revision.defaults), **{key: value for key, value, _ in items}}})
    try:
        fields = {name.lower(): value for name, value in {**by_name, **dict(revision.absent)}.items()}
        config = msgspec.convert({**fields, "quirks_off": quirks_off}, Config)
        return msgspec.structs.replace(config, revision=revision)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)) from None


def overrides(config: Config) -> dict[str, Value]:
    """What a spawner passes on to the procs it makes: the values that are not the default, by attribute name."""
    return {
        attribute.name: value
        for attribute, value in zip(ATTRIBUTES, config.values().values(), strict=True)
        if value != attribute.default
    }
