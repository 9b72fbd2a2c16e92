import ast
from pathlib import Path

import pytest

import meshsim
from meshsim.model.attributes import ATTRIBUTES, NOT_MODELLED, UNLIMITED
from meshsim.model.config import (
    Config,
    ConfigError,
    Layer,
    attribute_by_key,
    clamped_concurrency,
    defaults,
    overrides,
    parse_value,
    resolve,
    value_text,
)
from meshsim.units import MINUTE, MS, S

#: supervision.md 13, mesh_model.md 10: attribute, environment variable after HYPERACTOR_, Python name, default.
TABLE = [
    ("SUPERVISION_POLL_FREQUENCY", "MESH_SUPERVISION_POLL_FREQUENCY", None, 10 * S),
    ("SUPERVISION_WATCHDOG_TIMEOUT", "MESH_SUPERVISION_WATCHDOG_TIMEOUT", "supervision_watchdog_timeout", 2 * MINUTE),
    ("MESH_ORPHAN_TIMEOUT", "MESH_ORPHAN_TIMEOUT", "mesh_orphan_timeout", 60 * S),
    ("GET_ACTOR_STATE_MAX_IDLE", "MESH_GET_ACTOR_STATE_MAX_IDLE", "get_actor_state_max_idle", 30 * S),
    ("GET_PROC_STATE_MAX_IDLE", "MESH_GET_PROC_STATE_MAX_IDLE", "get_proc_state_max_idle", 60 * S),
    ("ACTOR_SPAWN_MAX_IDLE", "MESH_ACTOR_SPAWN_MAX_IDLE", "actor_spawn_max_idle", 30 * S),
    ("PROC_SPAWN_MAX_IDLE", "MESH_PROC_SPAWN_MAX_IDLE", "mesh_proc_spawn_max_idle", 30 * S),
    ("PROC_STOP_MAX_IDLE", "MESH_PROC_STOP_MAX_IDLE", "proc_stop_max_idle", 30 * S),
    ("HOST_SPAWN_READY_TIMEOUT", "HOST_SPAWN_READY_TIMEOUT", "host_spawn_ready_timeout", 30 * S),
    ("STOP_ACTOR_TIMEOUT", "STOP_ACTOR_TIMEOUT", "stop_actor_timeout", 10 * S),
    ("CLEANUP_TIMEOUT", "CLEANUP_TIMEOUT", "cleanup_timeout", 3 * S),
    ("PROCESS_EXIT_TIMEOUT", "PROCESS_EXIT_TIMEOUT", "process_exit_timeout", 10 * S),
    ("MESH_TERMINATE_TIMEOUT", "MESH_TERMINATE_TIMEOUT", "mesh_terminate_timeout", 10 * S),
    ("MESH_TERMINATE_CONCURRENCY", "MESH_TERMINATE_CONCURRENCY", "mesh_terminate_concurrency", 16),
    ("MESH_BOOTSTRAP_ENABLE_PDEATHSIG", "MESH_BOOTSTRAP_ENABLE_PDEATHSIG", "mesh_bootstrap_enable_pdeathsig", True),
    ("MESH_TAIL_LOG_LINES", "MESH_TAIL_LOG_LINES", "tail_log_lines", 0),
    ("MESH_ENABLE_LOG_FORWARDING", "MESH_ENABLE_LOG_FORWARDING", "enable_log_forwarding", False),
    ("MESH_ENABLE_FILE_CAPTURE", "MESH_ENABLE_FILE_CAPTURE", "enable_file_capture", False),
    ("MESH_PROC_LAUNCHER_KIND", "MESH_PROC_LAUNCHER_KIND", "proc_launcher_kind", ""),
    ("MESH_ATTACH_CONFIG_TIMEOUT", "MESH_ATTACH_CONFIG_TIMEOUT", "mesh_attach_config_timeout", 10 * S),
    ("MAX_CAST_DIMENSION_SIZE", "MESH_MAX_CAST_DIMENSION_SIZE", "max_cast_dimension_size", UNLIMITED),
    ("ENABLE_NATIVE_V1_CASTING", "MESH_ENABLE_NATIVE_V1_CASTING", "enable_native_v1_casting", False),
    ("MESSAGE_DELIVERY_TIMEOUT", "MESSAGE_DELIVERY_TIMEOUT", "message_delivery_timeout", 30 * S),
    ("MESSAGE_ACK_TIME_INTERVAL", "MESSAGE_ACK_TIME_INTERVAL", "message_ack_time_interval", 500 * MS),
    ("MESSAGE_ACK_EVERY_N_MESSAGES", "MESSAGE_ACK_EVERY_N_MESSAGES", "message_ack_every_n_messages", 1000),
    ("MESSAGE_TTL_DEFAULT", "MESSAGE_TTL_DEFAULT", "message_ttl_default", 64),
    ("CODEC_MAX_FRAME_LENGTH", "CODEC_MAX_FRAME_LENGTH", "codec_max_frame_length", 10 << 30),
    ("SPLIT_MAX_BUFFER_SIZE", "SPLIT_MAX_BUFFER_SIZE", "split_max_buffer_size", 5),
    ("SPLIT_MAX_BUFFER_AGE", "SPLIT_MAX_BUFFER_AGE", "split_max_buffer_age", 50 * MS),
    ("TERMINATED_SNAPSHOT_RETENTION", "TERMINATED_SNAPSHOT_RETENTION", "terminated_snapshot_retention", 100),
]

#: What mesh_model.md 10 has beyond that, by the lower-case rest of the name: all can be set from Python.
MORE = [
    ("ENABLE_DEST_ACTOR_REORDERING_BUFFER", "", False),
    ("REMOTE_ALLOCATOR_HEARTBEAT_INTERVAL", "", 5 * MINUTE),
    ("SERVER_HEARTBEAT_INTERVAL", "", 1 * S),
    ("CHANNEL_NET_RX_BUFFER_FULL_CHECK_INTERVAL", "", 5 * S),
    ("MESSAGE_LATENCY_SAMPLING_RATE", "", 10_000),
    ("DEFAULT_TRANSPORT", "MESH_", "unix"),
]


def test_the_attributes_are_those_of_the_specification():
    """Names, environment names, Python names and defaults, row by row."""
    ours = [(a.name, a.env.removeprefix("HYPERACTOR_"), a.python_name, a.default) for a in ATTRIBUTES]

    assert ours == TABLE + [(name, f"{prefix}{name}", name.lower(), default) for name, prefix, default in MORE]
    assert all(attribute.env.startswith("HYPERACTOR_") for attribute in ATTRIBUTES)


def read_somewhere() -> set[str]:
    """Every name that a module of meshsim but the table itself takes from an object or writes as a text."""
    found: set[str] = set()
    for path in Path(meshsim.__file__).parent.rglob("*.py"):
        if path.name == "config.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value.lower())
    return found


#: Attributes that no machine reads, though behaviour of the reference depends on them.
MISSING = {"REMOTE_ALLOCATOR_HEARTBEAT_INTERVAL", "DEFAULT_TRANSPORT", *NOT_MODELLED}


def test_every_attribute_is_read_or_says_that_it_does_not_matter():
    """An attribute that nobody reads would be set in a scenario and change nothing, without a word."""
    read = read_somewhere()
    unread = {a.name for a in ATTRIBUTES if a.name.lower() not in read and "no behaviour depends on it" not in a.about}

    assert unread <= MISSING


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda attribute: attribute.name)
def test_every_name_of_an_attribute_leads_to_it(attribute):
    """Name, environment variable and Python name, in any case; scenario files write the name in lower case."""
    keys = [attribute.name, attribute.env, attribute.python_name or attribute.name]

    found = [attribute_by_key(key) for name in keys for key in (name, name.lower(), name.upper())]

    assert found == [attribute] * 9


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("cleanup_timeout", 1_500 * MS, "1.5s"),
        ("message_latency_sampling_rate", 10_000, "0.01"),
        ("message_ttl_default", 7, "7"),
        ("enable_file_capture", True, "True"),
    ],
)
def test_values_are_printed_as_they_are_written(key, value, text):
    assert value_text(attribute_by_key(key), value) == text


def test_an_unknown_key_is_a_key_error():
    with pytest.raises(KeyError):
        attribute_by_key("supervision_poll_frequence")


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("supervision_poll_frequency", "1.5s", 1_500 * MS),
        ("mesh_orphan_timeout", "0", 0),
        ("message_ttl_default", 7, 7),
        ("message_ttl_default", "7", 7),
        ("max_cast_dimension_size", "unlimited", UNLIMITED),
        ("max_cast_dimension_size", 8, 8),
        ("enable_file_capture", True, True),
        ("enable_file_capture", "false", False),
        ("enable_file_capture", "1", True),
        ("proc_launcher_kind", "systemd", "systemd"),
        ("message_latency_sampling_rate", 0.25, 250_000),
        ("message_latency_sampling_rate", "0.1", 100_000),
        ("message_latency_sampling_rate", 1, 1_000_000),
    ],
)
def test_values_are_read_as_their_kind(key, written, value):
    """Files have numbers and truths, the environment only text."""
    assert parse_value(attribute_by_key(key), written) == value


@pytest.mark.parametrize(
    ("key", "written", "message"),
    [
        ("mesh_orphan_timeout", 5, 'expected a duration such as "1.5s", got 5'),
        ("mesh_orphan_timeout", "5", "expected a duration such as \"1.5s\", got '5'"),
        ("mesh_orphan_timeout", "-1s", "expected a duration such as \"1.5s\", got '-1s'"),
        ("supervision_poll_frequency", "0s", "expected at least 1ms, got '0s'"),
        ("message_ttl_default", 256, "expected a number from 0 to 255, got 256"),
        ("message_ttl_default", "many", "expected a whole number, got 'many'"),
        ("message_ttl_default", "unlimited", "expected a whole number, got 'unlimited'"),
        ("message_ttl_default", True, "expected a whole number, got True"),
        ("max_cast_dimension_size", 1.5, 'expected a whole number or "unlimited", got 1.5'),
        ("enable_file_capture", 1, "expected true or false, got 1"),
        ("enable_file_capture", "yes", "expected true or false, got 'yes'"),
        ("message_latency_sampling_rate", 1.5, "expected a number from 0 to 1, got 1.5"),
        ("message_latency_sampling_rate", "often", "expected a number from 0 to 1, got 'often'"),
        ("message_latency_sampling_rate", True, "expected a number from 0 to 1, got True"),
        ("proc_launcher_kind", "docker", 'expected one of "", "native", "systemd", got \'docker\''),
        ("proc_launcher_kind", 1, 'expected one of "", "native", "systemd", got 1'),
    ],
)
def test_values_of_another_kind_are_refused_with_what_is_allowed(key, written, message):
    """One line that the author of a scenario file can act on."""
    with pytest.raises(ConfigError) as caught:
        parse_value(attribute_by_key(key), written)

    assert str(caught.value) == message


@pytest.mark.parametrize("strongest", list(Layer))
def test_the_first_layer_that_has_a_value_wins(strongest):
    """TestOverride, Env, Runtime, File, ClientOverride, and then the default."""
    order = [Layer.TEST_OVERRIDE, Layer.ENV, Layer.RUNTIME, Layer.FILE, Layer.CLIENT_OVERRIDE]
    present = order[order.index(strongest) :]
    layers = {layer: {"cleanup_timeout": order.index(layer)} for layer in present}

    resolved = resolve(layers)

    assert resolved == {**defaults(), "CLEANUP_TIMEOUT": order.index(strongest)}


def test_without_layers_every_attribute_has_its_default():
    """And a layer with an unknown key is a mistake of the caller."""
    assert resolve({}) == defaults()
    with pytest.raises(KeyError):
        resolve({Layer.FILE: {"colour": 1}})


def test_a_config_has_a_field_for_each_attribute():
    """The typed value that machines read, and the dictionary that plans carry, say the same."""
    config = Config.of({"supervision_poll_frequency": 1 * S, "TAIL_LOG_LINES": 3})

    assert list(Config.__struct_fields__) == [
        *(attribute.name.lower() for attribute in ATTRIBUTES),
        "quirks_off",
        "revision",
    ]
    assert (config.supervision_poll_frequency, config.mesh_tail_log_lines, config.cleanup_timeout) == (1 * S, 3, 3 * S)
    assert Config.of(config.values()) == config
    assert Config.of({}).values() == defaults()


def test_a_config_refuses_a_value_of_another_type():
    """A plan that was edited by hand may hold anything."""
    with pytest.raises(ConfigError, match="Expected `int`, got `str`"):
        Config.of({"cleanup_timeout": "3s"})


def test_overrides_are_what_differs_from_the_defaults():
    """A spawner passes these on; its children resolve to the same configuration."""
    config = Config.of({"cleanup_timeout": 1 * S, "mesh_orphan_timeout": 60 * S})

    assert overrides(config) == {"CLEANUP_TIMEOUT": 1 * S}
    assert Config.of(overrides(config)) == config


@pytest.mark.parametrize(("asked", "used"), [(0, 1), (1, 1), (16, 16), (256, 256), (9_999, 256)])
def test_terminate_concurrency_is_clamped_where_it_is_used(asked, used):
    """supervision.md 9.3: 1 to 256."""
    assert clamped_concurrency(asked) == used
