"""Configuration of the modelled system: values of its attributes, layers, and the typed value machines read.

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

import msgspec

from meshsim.model.attributes import ATTRIBUTES, NOT_MODELLED, SHARE_ALL, UNLIMITED, Attribute, Value
from meshsim.model.quirks import DEFAULT_PROFILE, PROFILES
from meshsim.model.revision import R2026_03, REVISIONS, Revision
from meshsim.units import MS, DurationError, S, format_duration, parse_duration

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

_WHOLE = re.compile(r"[0-9]{1,20}\Z")


class ConfigError(ValueError):
    """A value that an attribute cannot have. `str()` says what is allowed and what came."""


class Layer(Enum):
    """Where a value may come from, strongest first."""

    TEST_OVERRIDE = "TestOverride"
    ENV = "Env"
    RUNTIME = "Runtime"
    FILE = "File"
    #: What a child proc receives from its spawner.
    CLIENT_OVERRIDE = "ClientOverride"


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
