"""Every kind of broken scenario file gives one clear line: file, key path, what was expected, what came."""

from pathlib import Path

import pytest

from meshsim.scenario import ScenarioError, load_scenarios

#: Ends a message whose list of what is allowed belongs to another module.
LONG_LIST = " (allowed: …"

HEAD = 'name = "x"\nhorizon = "20s"\n'
WORLD = (
    HEAD
    + """
[topology]
hosts = 2
clients = ["client", "observer"]
procs = [{ name = "workers", per_host = { gpus = 2 } }]
actors = [
    { name = "trainer", procs = "workers" },
    { name = "sleeper", procs = "workers", actor = "SleepActor" },
    { name = "logger", procs = "workers", system = true },
]
"""
)


def faults(text: str) -> str:
    return f"{WORLD}\n[[faults]]\n{text}\n"


def decisions(text: str) -> str:
    return f"{WORLD}\n[[decisions]]\n{text}\n"


def expect(text: str) -> str:
    return f'{WORLD}\n[[faults]]\nkind = "exit"\ntarget = "workers[1]"\nat = "2s"\n[[expect]]\n{text}\n'


def topology(text: str) -> str:
    return f"{HEAD}[topology]\n{text}\n"


def operations(text: str) -> str:
    return f"{WORLD}\n[[operations]]\n{text}\n"


TOP_KEYS = (
    "name, about, seeds, horizon, backends, profile, quirks, choices, config, topology, network, clocks, "
    "clock_drifts, operations, "
    "faults, decisions, expect, known, relax, caught_by, matrix"
)

BROKEN: dict[str, tuple[str, str]] = {
    # --- decisions
    "decision-behind-the-horizon": (
        decisions('kind = "fate"\nat = "21s"\nfrom = "client"\nto = "host0"\nmessage = "get_state"\nlost = true'),
        'decisions[0].at: expected at most the horizon, 20s, got "21s"',
    ),
    "decisions-on-live": (
        decisions('kind = "takes"\nnode = "a"\nactor = "b[0]"\nqueue = "work"').replace(
            HEAD, f'{HEAD}backends = ["sim", "live"]\n'
        ),
        "backends: leave live out: nobody decides there, and the scenario has decisions",
    ),
    "decision-before-itself": (
        decisions('kind = "first"\nat = "2s"\nwhat = "a"\nbefore = "a"'),
        'decisions[0].before: expected something else than what, got "a"',
    ),
    "lost-and-late": (
        decisions('kind = "fate"\nat = "2s"\nfrom = "a"\nto = "b"\nmessage = "c"\nlost = true\ndelay = "1s"'),
        "decisions[0].lost: a message that is lost has no delay, overtakes or copies",
    ),
    "decided-twice": (
        decisions('kind = "takes"\nnode = "a"\nactor = "b[0]"\nqueue = "work"')
        + '[[decisions]]\nkind = "takes"\nnode = "a"\nactor = "b[0]"\nqueue = "work"\n',
        "decisions[1]: given twice",
    ),
    # --- allocations
    "hosts-for-a-local-alloc": (
        operations('do = "allocate"\nname = "a"\nallocator = "local"\nhosts = ["host0"]'),
        "operations[0].hosts: belongs to the remote allocator",
    ),
    "host-level-of-processes": (
        operations('do = "allocate"\nname = "a"\nhost_level = true'),
        "operations[0].host_level: belongs to the remote allocator",
    ),
    "remote-alloc-on-a-client": (
        operations('do = "allocate"\nname = "a"\nallocator = "remote"\nhosts = ["client"]'),
        'operations[0].hosts[0]: expected a host, "client" is a client, got "client" (allowed: host0, host1)',
    ),
    "two-hosts-in-one-process": (
        operations('do = "allocate_hosts"\nname = "a"\nallocator = "local"\nextent = { hosts = 2 }'),
        "operations[0].extent: expected one rank: a process has one host",
    ),
    "labels-of-no-host": (
        topology('host_labels = { host7 = { pool = "a" } }'),
        'topology.host_labels.host7: no such host, got "host7"; did you mean "host0"? (allowed: host0)',
    ),
    "python-name-in-2025-11": (
        f'{HEAD}profile = "2025-11"\nconfig = {{ tail_log_lines = 3 }}',
        f'config.tail_log_lines: no such configuration attribute; did you mean "mesh_tail_log_lines"?{LONG_LIST}',
    ),
    # --- not a scenario at all
    "empty": ("", "empty: expected at least name and horizon"),
    "blank": (" \n\t\n", "empty: expected at least name and horizon"),
    "comment-only": ("# nothing\n", "name: required, but not given"),
    "not-toml": ("name = \n", "not TOML: line 1, column 8: Invalid value"),
    "toml-cut-short": ("name = [1,", "not TOML: end of document: Invalid value"),
    "json": ('{"name": "x"}', "not TOML: line 1, column 1: Invalid statement"),
    "key-twice": ('name = "x"\nname = "y"\n', "not TOML: line 2, column 11: Cannot overwrite a value"),
    "nul-byte": ("name = \0", "not TOML: line 1, column 8: Invalid value"),
    "huge-number": (
        f"name = {'9' * 5000}",
        "not TOML: a number with too many digits",
    ),
    "huge-number-in-hex": (f"{HEAD}seeds = [0x{'f' * 5000}]", "not TOML: a number with too many digits"),
    "endless-key-name": (
        f"{HEAD}[clocks]\n{'k' * 1000} = 1",
        f'clocks.{"k" * 100}…: expected a duration such as "1.5s" or "-200ms", got 1',
    ),
    "deeply-nested": (f"name = {'[' * 5000}{']' * 5000}", "not a scenario: nested too deeply"),
    "endless-key": (f"{'a.' * 5000}a = 1", "not a scenario: keys with thousands of dots"),
    # --- keys and types
    "no-horizon": ('name = "x"\n', "horizon: required, but not given"),
    "unknown-key": (
        HEAD + "horizn = 1\n",
        f'unknown key "horizn"; did you mean "horizon"? (allowed: {TOP_KEYS})',
    ),
    "unknown-key-with-line-break": (HEAD + '"a\\nb" = 1\n', f'unknown key "a\\nb" (allowed: {TOP_KEYS})'),
    "name-of-another-file": ('name = "y"\nhorizon = "1s"\n', 'name: expected the name of the file, "x", got "y"'),
    "name-with-spaces": (
        'name = "X y"\nhorizon = "1s"\n',
        'name: expected a name of lower-case letters, digits, dashes and underscores, got "X y"',
    ),
    "name-is-a-number": ('name = 3\nhorizon = "1s"\n', "name: expected text, got 3"),
    "seeds-empty": (HEAD + "seeds = []", "seeds: expected at least 1 value, got an empty array"),
    "seed-negative": (HEAD + "seeds = [1, -1]", "seeds[1]: expected a whole number of at least 0, got -1"),
    "seed-twice": (HEAD + "seeds = [1, 1]", "seeds[1]: given twice, got 1"),
    "seed-huge": (
        HEAD + "seeds = [99999999999999999999]",
        "seeds[0]: expected a whole number of at most 9223372036854775807, got 99999999999999999999",
    ),
    "backend-unknown": (
        HEAD + 'backends = ["sin"]',
        'backends[0]: expected one of the allowed values, got "sin"; did you mean "sim"? '
        "(allowed: live, lockstep, sim)",
    ),
    "profile-unknown": (
        HEAD + 'profile = "1999"',
        'profile: expected one of the allowed values, got "1999" (allowed: 2025-11, 2026-03, fixed)',
    ),
    "quirk-unknown": (HEAD + "quirks = { Q81 = false }", 'quirks.Q81: no such quirk; did you mean "Q8"? (allowed: …'),
    "quirk-neither-on-nor-off": (
        HEAD + 'quirks = { Q18 = "off" }',
        'quirks.Q18: expected true or false, got "off"',
    ),
    "faults-is-a-table": (HEAD + "[faults]\n", "faults: expected an array, got a table"),
    # --- durations
    "horizon-zero": ('name = "x"\nhorizon = "0s"', 'horizon: expected more than 0s and at most 100 years, got "0s"'),
    "horizon-without-unit": ('name = "x"\nhorizon = 20', 'horizon: expected a duration such as "1.5s", got 20'),
    "horizon-text-without-unit": (
        'name = "x"\nhorizon = "20"',
        'horizon: expected a duration such as "1.5s", got "20"',
    ),
    "horizon-negative": ('name = "x"\nhorizon = "-5s"', 'horizon: expected a duration such as "1.5s", got "-5s"'),
    "horizon-huge": (
        'name = "x"\nhorizon = "101 years"',
        'horizon: expected a duration such as "1.5s", got "101 years"',
    ),
    "horizon-longer-than-a-century": (
        'name = "x"\nhorizon = "40000d"',
        'horizon: expected at most 100 years, got "40000d"',
    ),
    "horizon-finer-than-a-nanosecond": (
        'name = "x"\nhorizon = "0.5ns"',
        'horizon: expected a whole number of nanoseconds, got "0.5ns"',
    ),
    "horizon-is-a-date": (
        'name = "x"\nhorizon = 2026-01-01',
        'horizon: expected a duration such as "1.5s", got 2026-01-01',
    ),
    # --- config
    "config-unknown": (
        HEAD + '[config]\nsupervision_pol_frequency = "1s"',
        "config.supervision_pol_frequency: no such configuration attribute; did you mean "
        '"supervision_poll_frequency"? (allowed: …',
    ),
    "config-wrong-type": (
        HEAD + "[config]\nsupervision_poll_frequency = 1",
        'config.supervision_poll_frequency: expected a duration such as "1.5s", got 1',
    ),
    "config-twice": (
        HEAD + '[config]\nmesh_orphan_timeout = "1s"\nHYPERACTOR_MESH_ORPHAN_TIMEOUT = "1s"',
        'config.HYPERACTOR_MESH_ORPHAN_TIMEOUT: sets MESH_ORPHAN_TIMEOUT a second time, got "1s"',
    ),
    "config-launcher-that-is-not-there": (
        HEAD + '[config]\nproc_launcher_kind = "systemd"',
        'config.proc_launcher_kind: only the native launcher is modelled, got "systemd"',
    ),
    "config-casts-that-are-not-there": (
        HEAD + "[config]\nenable_native_v1_casting = true",
        "config.enable_native_v1_casting: that path of casts is not modelled; with quirk Q45 off casts go to each rank "
        "directly, got true",
    ),
    "config-float": (
        HEAD + "[config]\nmesh_terminate_concurrency = 1.5",
        "config.mesh_terminate_concurrency: expected true or false or a whole number or text, got 1.5",
    ),
    # --- topology
    "no-hosts": (topology("hosts = 0"), "topology.hosts: expected a whole number of at least 1, got 0"),
    "too-many-hosts": (
        topology("hosts = 99999"),
        "topology.hosts: expected a whole number of at most 10000, got 99999",
    ),
    "in-process-host-unknown": (
        topology('in_process = ["host7"]'),
        'topology.in_process[0]: no such host, got "host7"; did you mean "host0"? (allowed: host0)',
    ),
    "in-process-host-twice": (
        topology('in_process = ["host0", "host0"]'),
        'topology.in_process[1]: given twice, got "host0"',
    ),
    "no-clients": (topology("clients = []"), "topology.clients: expected at least 1 client"),
    "client-twice": (
        topology('clients = ["client", "client"]'),
        'topology.clients[1]: the name of a client already (topology.clients[0]), got "client"',
    ),
    "client-called-like-a-host": (
        topology('clients = ["host0"]'),
        'topology.clients[0]: the name of a host already (topology.hosts), got "host0"',
    ),
    "label-with-a-dash": (
        topology('procs = [{ name = "my-procs" }]'),
        "topology.procs[0].name: expected a name of letters, digits and underscores that does not begin with a digit, "
        'got "my-procs"',
    ),
    "procs-twice": (
        topology('procs = [{ name = "p" }, { name = "p" }]'),
        'topology.procs[1].name: the name of a proc mesh already (topology.procs[0]), got "p"',
    ),
    "procs-on-unknown-host": (
        topology('hosts = 2\nprocs = [{ name = "p", hosts = ["host2"] }]'),
        'topology.procs[0].hosts[0]: no such host, got "host2"; did you mean "host1"? (allowed: host0, host1)',
    ),
    "procs-on-a-host-twice": (
        topology('procs = [{ name = "p", hosts = ["host0", "host0"] }]'),
        'topology.procs[0].hosts[1]: given twice, got "host0"',
    ),
    "procs-by-unknown-client": (
        topology('procs = [{ name = "p", by = "clent" }]'),
        'topology.procs[0].by: no such client, got "clent"; did you mean "client"? (allowed: client)',
    ),
    "empty-mesh": (
        topology('procs = [{ name = "p", per_host = { gpus = 0 } }]'),
        "topology.procs[0].per_host.gpus: expected a whole number of at least 1, got 0",
    ),
    "dimension-called-hosts": (
        topology('procs = [{ name = "p", per_host = { hosts = 2 } }]'),
        'topology.procs[0].per_host: expected a dimension other than "hosts", got "hosts"',
    ),
    "a-billion-procs": (
        topology('procs = [{ name = "p", per_host = { a = 100000, b = 10000 } }]'),
        "topology.procs[0]: expected at most 1000000 procs in all meshes together, got 1000000000",
    ),
    "actors-on-unknown-procs": (
        topology('actors = [{ name = "a", procs = "p" }]'),
        'topology.actors[0].procs: no such proc mesh, got "p"',
    ),
    "actors-of-unknown-type": (
        topology('procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", actor = "Tets" }]'),
        'topology.actors[0].actor: expected an actor type or module:Class, got "Tets" (allowed: …',
    ),
    "owner-unknown": (
        topology('procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", owner = "nobody" }]'),
        'topology.actors[0].owner: no such client or actor mesh, got "nobody" (allowed: client)',
    ),
    "owner-declared-later": (
        topology(
            'procs = [{ name = "p" }]\n'
            'actors = [{ name = "a", procs = "p", owner = "b[0]" }, { name = "b", procs = "p" }]'
        ),
        'topology.actors[0].owner: used before it is there, topology.actors[1] comes later, got "b[0]"',
    ),
    "owners-in-a-circle": (
        topology(
            'procs = [{ name = "p" }]\n'
            'actors = [{ name = "a", procs = "p", owner = "b[0]" }, { name = "b", procs = "p", owner = "a[0]" }]'
        ),
        "topology.actors[0].owner: owns itself: a is owned by b is owned by a",
    ),
    "owner-is-itself": (
        topology('procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", owner = "a[0]" }]'),
        "topology.actors[0].owner: owns itself: a is owned by a",
    ),
    "owner-without-rank": (
        topology(
            'procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p" }, { name = "b", procs = "p", owner = "a" }]'
        ),
        'topology.actors[1].owner: expected one rank, a has ranks 0..0, got "a"',
    ),
    "owner-that-cannot-own": (
        topology(
            'procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", actor = "SleepActor" }, '
            '{ name = "b", procs = "p", owner = "a[0]" }]'
        ),
        "topology.actors[1].owner: expected a client or an actor that can own meshes, which SleepActor cannot, "
        'got "a[0]"',
    ),
    "parameters-for-a-type-that-has-none": (
        topology('procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", params = { depth = 2 } }]'),
        "topology.actors[0].params.depth: TestActor takes no parameters; they are for types of your own (module:Class)",
    ),
    "huge-parameter": (
        topology(
            'procs = [{ name = "p" }]\n'
            'actors = [{ name = "a", procs = "p", actor = "own:Type", params = { n = 9223372036854775808 } }]'
        ),
        "topology.actors[0].params.n: expected a number of at most 64 bits, got 9223372036854775808",
    ),
    "streaming-controller-of-a-system-mesh": (
        topology(
            'procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", system = true, controller = "streaming" }]'
        ),
        'topology.actors[0].controller: a system mesh has no controller, got "streaming"',
    ),
    "controller-of-an-unknown-kind": (
        topology('procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", controller = "pulling" }]'),
        'topology.actors[0].controller: expected a kind of controller or module:Class, got "pulling"; '
        'did you mean "polling"? (allowed: …',
    ),
    "own-controller-of-a-system-mesh": (
        topology(
            'procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", system = true, controller = "own:Type" }]'
        ),
        'topology.actors[0].controller: a system mesh has no controller, got "own:Type"',
    ),
    "parameters-for-a-controller-that-has-none": (
        topology('procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", controller_params = { depth = 2 } }]'),
        "topology.actors[0].controller_params.depth: a polling controller takes no parameters; "
        "they are for one of your own (module:Class)",
    ),
    "huge-parameter-of-a-controller": (
        topology(
            'procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", controller = "own:Type", '
            "controller_params = { n = 9223372036854775808 } }]"
        ),
        "topology.actors[0].controller_params.n: expected a number of at most 64 bits, got 9223372036854775808",
    ),
    "subscriber-of-a-system-mesh": (
        WORLD + 'subscribers = [{ mesh = "logger", by = "observer" }]',
        'topology.subscribers[0].mesh: expected a mesh with a controller, system meshes have none, got "logger"',
    ),
    "subscriber-of-procs": (
        WORLD + 'subscribers = [{ mesh = "workers", by = "observer" }]',
        'topology.subscribers[0].mesh: expected an actor mesh, "workers" is a proc mesh, got "workers" '
        "(allowed: trainer, sleeper, logger)",
    ),
    "slice-of-nothing": (
        WORLD + 'slices = [{ name = "part", mesh = "workers" }]',
        "topology.slices[0]: expected range or index: nothing is chosen",
    ),
    "slice-beyond-its-mesh": (
        WORLD + 'slices = [{ name = "part", mesh = "trainer", range = { gpus = "2.." } }]',
        "topology.slices[0]: empty range: 2::1 for dimension gpus of size 2",
    ),
    "slice-of-a-host": (
        WORLD + 'slices = [{ name = "part", mesh = "host0", index = { hosts = 0 } }]',
        'topology.slices[0].mesh: expected a proc mesh or actor mesh, "host0" is a host, got "host0" '
        "(allowed: workers, trainer, sleeper, logger)",
    ),
    "slice-as-a-target": (
        WORLD
        + 'slices = [{ name = "part", mesh = "trainer", index = { gpus = 1 } }]\n'
        + '[[faults]]\nkind = "raise"\nat = "1s"\ntarget = "part[0]"',
        'faults[0].target: expected a rank of trainer, part is a reference to it, got "part[0]"',
    ),
    # --- network and clocks
    "loss-above-one": (HEAD + "[network]\nloss = 1.5", "network.loss: expected a number of at most 1, got 1.5"),
    "loss-not-a-number": (HEAD + "[network]\nloss = nan", "network.loss: expected a number of at least 0, got nan"),
    "latency-negative": (
        HEAD + '[network]\nlatency = "-1ms"',
        'network.latency: expected a duration such as "1.5s", got "-1ms"',
    ),
    "link-from-nowhere": (
        HEAD + '[network]\nlinks = [{ src = "host3", loss = 0.5 }]',
        'network.links[0].src: no such host, client, proc mesh or actor mesh, got "host3"; '
        'did you mean "host0"? (allowed: host0, client)',
    ),
    "link-without-quality": (
        HEAD + '[network]\nlinks = [{ src = "host0" }]',
        "network.links[0]: expected latency, jitter or loss",
    ),
    "clock-of-nobody": (
        HEAD + '[clocks]\nhost1 = "1s"',
        'clocks.host1: no such host or client, got "host1"; did you mean "host0"? (allowed: host0, client)',
    ),
    "clock-with-a-strange-name": (
        HEAD + '[clocks]\nhost0 = "1s"\n"a b" = "soon"',
        'clocks."a b": expected a duration such as "1.5s" or "-200ms", got "soon"',
    ),
    "drift-of-nobody": (
        HEAD + '[clock_drifts]\nhost1 = "1us/s"',
        'clock_drifts.host1: no such host or client, got "host1"; did you mean "host0"? (allowed: host0, client)',
    ),
    "drift-without-a-unit": (
        HEAD + '[clock_drifts]\nhost0 = "200us"',
        'clock_drifts.host0: expected a drift such as "200us/s" or "-50ppm", at most 1s/s, got "200us"',
    ),
    "drift-faster-than-time": (
        faults('kind = "clock_drift"\ntarget = "host0"\nat = "1s"\ndrift = "2s/s"'),
        'faults[0].drift: expected a drift such as "200us/s" or "-50ppm", at most 1s/s, got "2s/s"',
    ),
    "jump-of-a-proc": (
        faults('kind = "clock_jump"\ntarget = "workers[0]"\nat = "1s"\nby = "-1s"'),
        'faults[0].target: expected a host or client, "workers" is a proc mesh, got "workers[0]"'
        " (allowed: host0, host1, client, observer)",
    ),
    "jump-to-where-it-is": (
        faults('kind = "clock_jump"\ntarget = "host0"\nat = "1s"\nby = "0s"'),
        'faults[0].by: expected a jump, forward or back, got "0s"',
    ),
    "link-fault-to-nowhere": (
        faults('kind = "loss"\ntarget = "host0"\nto = ["host2"]\nat = "1s"'),
        'faults[0].to[0]: no such host, client, proc mesh or actor mesh, got "host2"; did you mean "host1"?'
        + LONG_LIST,
    ),
    "link-fault-with-a-rank-that-is-not": (
        faults('kind = "loss"\ntarget = "host0"\nwith = ["workers[9]"]\nat = "1s"'),
        'faults[0].with[0]: rank out of range, workers has ranks 0..3, got "workers[9]"',
    ),
    "everybody-and-somebody": (
        faults('kind = "loss"\ntarget = "host0"\nto = ["host1", "*"]\nat = "1s"'),
        'faults[0].to[1]: expected * alone on its side, got "*"',
    ),
    "cut-from-itself": (
        faults('kind = "partition"\ntarget = "host0"\nto = ["host0"]\nat = "1s"'),
        'faults[0].to[0]: expected another one than on the side of the target, got "host0"',
    ),
    "cut-for-no-time": (
        faults('kind = "partition"\ntarget = "host0"\nat = "1s"\nfor = "0s"'),
        'faults[0].for: expected more than 0s, got "0s"',
    ),
    "cut-behind-the-front-end": (
        faults('kind = "partition"\ntarget = "client"\nto = ["workers[1]"]\nat = "1s"'),
        "faults[0].to[0]: messages to it pass the front end of host0, name that on the other side, or in its place, "
        'got "workers[1]"',
    ),
    "latency-of-nothing": (
        faults('kind = "latency"\ntarget = "host0"\nat = "1s"\nby = "0s"'),
        'faults[0].by: expected more than 0s, got "0s"',
    ),
    "window-of-nothing": (
        faults('kind = "reordering"\ntarget = "host0"\nat = "1s"\nwindow = "0s"'),
        'faults[0].window: expected more than 0s, got "0s"',
    ),
    "share-above-one": (
        faults('kind = "loss"\ntarget = "host0"\nat = "1s"\nshare = 1.5'),
        "faults[0].share: expected a number of at most 1, got 1.5",
    ),
    "message-that-nobody-sends": (
        faults('kind = "loss"\ntarget = "host0"\nat = "1s"\nmessage = "get_stat"'),
        'faults[0].message: no such message, got "get_stat"; did you mean "get_state"?' + LONG_LIST,
    ),
    "copies-at-no-layer": (
        faults('kind = "duplication"\ntarget = "host0"\nat = "1s"\nlayer = "packet"'),
        'faults[0].layer: expected one of the allowed values, got "packet" (allowed: frame, message)',
    ),
    "shout-of-two-lines-in-one": (
        faults('kind = "shout"\ntarget = "workers[0]"\nat = "1s"\nlines = ["a", "b\\nc"]'),
        'faults[0].lines[1]: expected one line, got "b\\nc"',
    ),
    "flood-of-no-size": (
        faults('kind = "shout"\ntarget = "workers[0]"\nat = "1s"\nflood = "1GB"'),
        'faults[0].flood: expected text that matches ^[1-9][0-9]{0,3}(KiB|MiB)$, got "1GB"',
    ),
    "core-dump-by-a-signal-without": (
        faults('kind = "core_dump"\ntarget = "workers[0]"\nat = "1s"\nsignal = "SIGTERM"'),
        'faults[0].signal: expected a signal that dumps core, got "SIGTERM"; did you mean "SIGTRAP"? '
        "(allowed: SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS)",
    ),
    "start-fails-by-a-harmless-signal": (
        faults('kind = "start_fails"\ntarget = "workers[0]"\nsignal = "SIGCHLD"'),
        'faults[0].signal: expected a signal that ends the process, got "SIGCHLD"',
    ),
    "slow-start-of-no-time": (
        faults('kind = "slow_start"\ntarget = "workers[0]"\nafter = "0s"'),
        'faults[0].after: expected more than 0s, got "0s"',
    ),
    "start-of-a-proc-with-two-faults": (
        faults(
            'kind = "never_ready"\ntarget = "workers[0]"\n[[faults]]\nkind = "spawn_refused"\ntarget = "workers[0]"'
        ),
        'faults[1].target: expected one fault of its spawn, faults[0] is another, got "workers[0]"',
    ),
    "spawn-refused-of-an-alloc": (
        topology(
            'procs = [{ name = "p", allocator = "process" }]\n[[faults]]\nkind = "spawn_refused"\ntarget = "p[0]"'
        ),
        'faults[0].target: expected a proc that a host starts, not an allocator, got "p[0]"',
    ),
    "spawn-refused-with-another-error": (
        faults('kind = "spawn_refused"\ntarget = "workers[0]"\nerrno = "ENOMEM"'),
        'faults[0].errno: expected one of the allowed values, got "ENOMEM" (allowed: EAGAIN, EMFILE)',
    ),
    "spawn-refused-at-a-time": (
        faults('kind = "spawn_refused"\ntarget = "workers[0]"\nat = "1s"'),
        "faults[0].at: spawn_refused strikes when its target is spawned, leave it out",
    ),
    "power-of-a-host-that-a-client-starts": (
        operations('do = "spawn_hosts"\nname = "h"\n[[faults]]\nkind = "power_cycle"\ntarget = "h0"\nat = "1s"'),
        'faults[0].target: expected a host of the topology, got "h0" (allowed: host0, host1)',
    ),
    "processes-of-a-proc": (
        faults('kind = "processes_exhausted"\ntarget = "workers[0]"\nat = "1s"'),
        'faults[0].target: expected a host, "workers" is a proc mesh, got "workers[0]" (allowed: host0, host1)',
    ),
    "descriptors-of-a-host-that-starts-no-process": (
        topology('in_process = ["host0"]\n[[faults]]\nkind = "descriptors_exhausted"\ntarget = "host0"\nat = "1s"'),
        'faults[0].target: expected a host that starts processes, its procs live in its own, got "host0"',
    ),
    "descriptors-of-a-host-with-an-allocator": (
        topology(
            'procs = [{ name = "p", allocator = "remote", extent = { a = 1 } }]\n'
            '[[faults]]\nkind = "descriptors_exhausted"\ntarget = "host0"\nat = "1s"'
        ),
        'faults[0].target: expected a host without an allocator, p uses it, got "host0"',
    ),
    "agent-of-a-client": (
        faults('kind = "agent_crash"\ntarget = "client"\nat = "1s"'),
        'faults[0].target: expected a host or proc mesh, "client" is a client, got "client" '
        "(allowed: host0, host1, workers)",
    ),
    "late-polls-of-a-system-mesh": (
        faults('kind = "late_polls"\ntarget = "logger"\nat = "1s"\nby = "1s"'),
        'faults[0].target: expected a mesh with a controller, system meshes have none, got "logger"',
    ),
    "late-polls-by-nothing": (
        faults('kind = "late_polls"\ntarget = "trainer"\nat = "1s"\nby = "0s"'),
        'faults[0].by: expected more than 0s, got "0s"',
    ),
    "stall-of-a-controller-for-nothing": (
        faults('kind = "controller_stall"\ntarget = "trainer"\nat = "1s"\nfor = "0s"'),
        'faults[0].for: expected more than 0s, got "0s"',
    ),
    "cleanup-of-an-actor-for-drills": (
        topology(
            'procs = [{ name = "p" }]\nactors = [{ name = "a", procs = "p", actor = "RuntimeTestActor" }]\n'
            '[[faults]]\nkind = "cleanup_fails"\ntarget = "a[0]"\nat = "1s"'
        ),
        'faults[0].target: expected an actor that does more than drills, got "a[0]"',
    ),
    "shout-of-nothing": (
        faults('kind = "shout"\ntarget = "workers[0]"\nat = "1s"\nlines = []'),
        "faults[0].lines: expected a line at least, or a flood",
    ),
    "start-that-fails-at-a-time": (
        faults('kind = "start_fails"\ntarget = "workers[0]"\nat = "1s"'),
        "faults[0].at: start_fails strikes when its target is spawned, leave it out",
    ),
    "start-that-fails-in-a-process-that-runs": (
        topology('in_process = ["host0"]\nprocs = [{ name = "p" }]\n[[faults]]\nkind = "start_fails"\ntarget = "p[0]"'),
        'faults[0].target: expected a proc with a process of its own, it lives in that of host0, got "p[0]"',
    ),
    # --- operations
    "operation-unknown": (
        operations('do = "stop_actorss"'),
        'operations[0].do: expected one of the allowed values, got "stop_actorss"; did you mean "stop_actors"?'
        f"{LONG_LIST}",
    ),
    "operation-without-do": (
        operations('mesh = "trainer"'),
        f"operations[0].do: required, but not given{LONG_LIST}",
    ),
    "operation-after-the-horizon": (
        operations('do = "stop_actors"\nmesh = "trainer"\nat = "21s"'),
        'operations[0].at: expected at most the horizon, 20s, got "21s"',
    ),
    "operation-on-what-comes-later": (
        operations('do = "stop_procs"\nprocs = "more"\n[[operations]]\ndo = "spawn_procs"\nname = "more"'),
        'operations[0].procs: used before it is there, operations[1] comes later, got "more"',
    ),
    "operation-by-an-actor-without-context": (
        operations('do = "end"\nby = "sleeper[0]"'),
        "operations[0].by: expected a client or an actor that can own meshes, which SleepActor cannot, "
        'got "sleeper[0]"',
    ),
    "query-of-a-system-mesh": (
        operations('do = "query"\nmesh = "logger"'),
        'operations[0].mesh: expected a mesh with a controller, system meshes have none, got "logger"',
    ),
    "shutdown-of-an-unknown-host": (
        operations('do = "shutdown_hosts"\nhosts = ["workers"]'),
        'operations[0].hosts[0]: expected a host, "workers" is a proc mesh, got "workers" (allowed: host0, host1)',
    ),
    "stop-all-of-an-actor": (
        operations('do = "stop_all"\ntarget = "trainer[0]"'),
        'operations[0].target: expected a proc mesh, "trainer" is an actor mesh, got "trainer[0]" (allowed: workers)',
    ),
    "wait-of-no-time": (
        operations('do = "next_event"\nmesh = "trainer"\nlimit = "0s"'),
        'operations[0].limit: expected more than 0s, got "0s"',
    ),
    "stop-all-of-a-rank-that-is-not-there": (
        operations('do = "stop_all"\ntarget = "workers[4]"'),
        'operations[0].target: rank out of range, workers has ranks 0..3, got "workers[4]"',
    ),
    "list-of-procs-that-are-no-host": (
        operations('do = "list_procs"\nhost = "workers"'),
        'operations[0].host: expected a host, "workers" is a proc mesh, got "workers" (allowed: host0, host1)',
    ),
    "client-that-is-a-host-twice": (
        operations('do = "local_host"\n[[operations]]\ndo = "local_host"\nin_process = true'),
        'operations[1].by: expected a client that is no host yet, got "client"',
    ),
    "host-in-the-process-of-an-actor": (
        operations('do = "local_host"\nby = "trainer[0]"'),
        'operations[0].by: expected a client, "trainer" is an actor mesh, got "trainer[0]" (allowed: client, observer)',
    ),
    "client-that-is-no-host": (
        operations('do = "list_procs"\nhost = "client"'),
        'operations[0].host: expected a host, "client" is a client, got "client" (allowed: host0, host1)',
    ),
    "started-host-with-a-name-that-is-taken": (
        operations('do = "spawn_hosts"\nname = "host"'),
        'operations[0].name: the name of a host already (topology.hosts), got "host0"',
    ),
    "drop-of-a-host-that-comes-later": (
        operations('do = "drop_hosts"\nhosts = ["more0"]\n[[operations]]\ndo = "spawn_hosts"\nname = "more"'),
        'operations[0].hosts[0]: used before it is there, operations[1] comes later, got "more0"',
    ),
    # --- faults
    "fault-without-kind": (
        faults('target = "host0"'),
        f"faults[0].kind: required, but not given{LONG_LIST}",
    ),
    "fault-of-unknown-kind": (
        faults('kind = "exti"'),
        f'faults[0].kind: expected one of the allowed values, got "exti"; did you mean "exit"?{LONG_LIST}',
    ),
    "fault-with-unknown-key": (
        faults('kind = "signal"\ntarget = "host0"\nsginal = "SIGKILL"'),
        'faults[0]: unknown key "sginal"; did you mean "signal"? '
        "(allowed: kind, target, targets, choose, at, within, when, repeat, signal, group)",
    ),
    "fault-without-target": (faults('kind = "exit"'), "faults[0].target: required, but not given"),
    "fault-at-a-negative-time": (
        faults('kind = "exit"\ntarget = "host0"\nat = "-1"'),
        'faults[0].at: expected a duration such as "1.5s", got "-1"',
    ),
    "fault-after-the-horizon": (
        faults('kind = "exit"\ntarget = "host0"\nat = "1m"'),
        'faults[0].at: expected at most the horizon, 20s, got "1m"',
    ),
    "fault-without-time": (
        faults('kind = "exit"\ntarget = "host0"'),
        "faults[0]: expected at or when: the time or the record at which it strikes",
    ),
    "fault-with-two-times": (
        faults('kind = "exit"\ntarget = "host0"\nat = "1s"\nwhen = { record = "heard" }'),
        "faults[0].when: expected at or when, not both",
    ),
    "init-fault-with-a-time": (
        faults('kind = "init_fails"\ntarget = "trainer[0]"\nat = "1s"'),
        "faults[0].at: init_fails strikes when its target is spawned, leave it out",
    ),
    "misreport-by-an-actor": (
        faults('kind = "misreport"\ntarget = "trainer[0]"\nmesh = "trainer"\nstatus = "Stopped"\nat = "1s"'),
        'faults[0].target: expected a proc mesh, "trainer" is an actor mesh, got "trainer[0]" (allowed: workers)',
    ),
    "misreport-of-procs": (
        faults('kind = "misreport"\ntarget = "workers[0]"\nmesh = "workers"\nstatus = "Stopped"\nat = "1s"'),
        'faults[0].mesh: expected an actor mesh, "workers" is a proc mesh, got "workers" '
        "(allowed: trainer, sleeper, logger)",
    ),
    "misreport-of-no-ranks": (
        faults(
            'kind = "misreport"\ntarget = "workers[0]"\nmesh = "trainer"\nstatus = "Running"\nranks = [2, 2]\nat = "1s"'
        ),
        'faults[0].ranks: expected two ranks, start < end, got "2..2"',
    ),
    "exit-code-too-large": (
        faults('kind = "exit"\ntarget = "host0"\nat = "1s"\ncode = 256'),
        "faults[0].code: expected a whole number of at most 255, got 256",
    ),
    "fault-on-an-unknown-target": (
        faults('kind = "exit"\ntarget = "trainr[1]"\nat = "1s"'),
        'faults[0].target: no such host, client, proc mesh or actor mesh, got "trainr[1]"; did you mean "trainer"? '
        "(allowed: host0, host1, client, observer, workers, trainer, sleeper, logger)",
    ),
    "fault-on-no-target": (
        faults('kind = "exit"\ntarget = "host0/proc1"\nat = "1s"'),
        'faults[0].target: expected a target such as "host0" or "trainer[1]", got "host0/proc1"',
    ),
    "rank-out-of-range": (
        faults('kind = "panic"\ntarget = "trainer[7]"\nat = "1s"'),
        'faults[0].target: rank out of range, trainer has ranks 0..3, got "trainer[7]"',
    ),
    "rank-of-a-host": (
        faults('kind = "exit"\ntarget = "host0[0]"\nat = "1s"'),
        'faults[0].target: rank out of range, host0 has no ranks, got "host0[0]"',
    ),
    "rank-missing": (
        faults('kind = "exit"\ntarget = "workers"\nat = "1s"'),
        'faults[0].target: expected one rank, workers has ranks 0..3, got "workers"',
    ),
    "panic-of-a-proc": (
        faults('kind = "panic"\ntarget = "workers[0]"\nat = "1s"'),
        'faults[0].target: expected an actor mesh, "workers" is a proc mesh, got "workers[0]" '
        "(allowed: trainer, sleeper, logger)",
    ),
    "host-crash-of-a-client": (
        faults('kind = "host_crash"\ntarget = "client"\nat = "1s"'),
        'faults[0].target: expected a host, "client" is a client, got "client" (allowed: host0, host1)',
    ),
    "controller-of-a-system-mesh": (
        faults('kind = "controller_kill"\ntarget = "logger"\nat = "1s"'),
        'faults[0].target: expected a mesh with a controller, system meshes have none, got "logger"',
    ),
    "signal-unknown": (
        faults('kind = "signal"\ntarget = "host0"\nat = "1s"\nsignal = "SIGKIL"'),
        'faults[0].signal: expected a signal such as "SIGKILL" or "9", got "SIGKIL"; '
        'did you mean "SIGKILL"? (allowed: …',
    ),
    "signal-zero": (
        faults('kind = "signal"\ntarget = "host0"\nat = "1s"\nsignal = "0"'),
        'faults[0].signal: expected a signal such as "SIGKILL" or "9", got "0" (allowed: …',
    ),
    "drill-of-an-actor-that-does-not-drill": (
        operations('do = "drill"\nactor = "trainer[0]"\norder = "noop"'),
        'operations[0].actor: expected a RuntimeTestActor, this is a TestActor, got "trainer[0]"',
    ),
    "question-about-no-attribute": (
        operations('do = "ask"\nmesh = "trainer"\nwhat = "config"\nkey = "colour"'),
        'operations[0].key: no such configuration attribute, got "colour"',
    ),
    "question-with-a-value-that-the-attribute-cannot-have": (
        operations('do = "ask"\nmesh = "trainer"\nwhat = "config"\nkey = "cleanup_timeout"\nvalue = 5'),
        'operations[0].value: expected a duration such as "1.5s", got 5',
    ),
    "question-with-a-value-for-nothing": (
        operations('do = "ask"\nmesh = "trainer"\nvalue = 5'),
        'operations[0].value: only with what = "config", got 5',
    ),
    "question-to-more-meshes-that-they-do-not-take": (
        operations('do = "ask"\nmesh = "trainer"\nmore = ["trainer"]'),
        'operations[0].more: only with what = "forward_pairs"',
    ),
    "question-to-a-mesh-that-is-not-there": (
        operations('do = "ask"\nmesh = "trainer"\nwhat = "forward_pairs"\nmore = ["nobody"]'),
        'operations[0].more[0]: no such actor mesh, got "nobody" (allowed: trainer, sleeper, logger)',
    ),
    "question-about-children-that-are-not-there": (
        operations('do = "ask"\nmesh = "trainer"\nwhat = "next_failure"'),
        'operations[0].mesh: expected WrapperActors with parameters, other actors have no children, got "trainer"',
    ),
    "unregistered-type-that-is-registered": (
        operations('do = "spawn_actors"\nname = "late"\nprocs = "workers"\nunregistered = true'),
        'operations[0].actor: expected a type that is not registered, got "TestActor"',
    ),
    "kill-that-does-not-kill": (
        faults('kind = "kill_pid"\ntarget = "trainer[0]"\nat = "1s"\nsignal = "SIGSTOP"'),
        'faults[0].signal: expected a signal that ends the process, got "SIGSTOP"',
    ),
    "children-of-an-actor-that-has-none": (
        faults('kind = "sigsegv"\ntarget = "trainer[0]"\nat = "1s"\nsend_to_children = true'),
        'faults[0].target: expected a WrapperActor with parameters, other actors have no children, got "trainer[0]"',
    ),
    "stall-for-no-time": (
        faults('kind = "stall"\ntarget = "host0"\nat = "1s"\nfor = "0s"'),
        'faults[0].for: expected more than 0s, got "0s"',
    ),
    "when-is-text": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = "later"'),
        'faults[0].when: expected a table, got "later"',
    ),
    "when-an-unknown-record": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "poll_startd" }'),
        'faults[0].when.record: no such record, got "poll_startd"; did you mean "poll_started"? (allowed: …',
    ),
    "when-a-field-that-is-not-there": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "poll_started", where = { rank = 1 } }'),
        'faults[0].when.where.rank: poll_started has no "rank" (allowed: node, controller, mesh, count, type)',
    ),
    "when-a-deep-field-that-is-not-there": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "process_reaped", where = { "status.sig" = 9 } }'),
        'faults[0].when.where."status.sig": status has no "sig"; did you mean "signal"? '
        "(allowed: code, signal, core_dumped)",
    ),
    "when-a-rank-out-of-range": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", where = { actor = "trainer[4]" } }'),
        'faults[0].when.where.actor: rank out of range, trainer has ranks 0..3, got "trainer[4]"',
    ),
    "when-count-zero": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", count = 0 }'),
        "faults[0].when.count: expected a whole number of at least 1, got 0",
    ),
    # --- whom and when, further
    "target-and-targets": (
        faults('kind = "exit"\ntarget = "host0"\ntargets = ["host1"]\nat = "1s"'),
        "faults[0].targets: expected target or targets, not both",
    ),
    "no-targets": (
        faults('kind = "exit"\ntargets = []\nat = "1s"'),
        "faults[0].targets: expected at least 1 target",
    ),
    "targets-twice": (
        faults('kind = "exit"\ntargets = ["host0", "host0"]\nat = "1s"'),
        'faults[0].targets[1]: given twice, got "host0"',
    ),
    "targets-with-a-mistake": (
        faults('kind = "exit"\ntargets = ["host0", "host7"]\nat = "1s"'),
        'faults[0].targets[1]: no such host, client, proc mesh or actor mesh, got "host7"; did you mean "host1"? '
        "(allowed: host0, host1, client, observer, workers, trainer, sleeper, logger)",
    ),
    "choose-without-targets": (
        faults('kind = "exit"\ntarget = "host0"\nchoose = 1\nat = "1s"'),
        "faults[0].choose: expected targets to choose from",
    ),
    "choose-more-than-there-are": (
        faults('kind = "exit"\ntargets = ["host0", "host1"]\nchoose = 3\nat = "1s"'),
        "faults[0].choose: expected at most 2, all targets, got 3",
    ),
    "within-behind-the-horizon": (
        faults('kind = "exit"\ntarget = "host0"\nat = "19s"\nwithin = "2s"'),
        "faults[0].within: may strike at 21s, behind the horizon, 20s",
    ),
    "within-nothing": (
        faults('kind = "exit"\ntarget = "host0"\nat = "1s"\nwithin = "0s"'),
        'faults[0].within: expected more than 0s, got "0s"',
    ),
    "within-of-a-spawn": (
        faults('kind = "start_fails"\ntarget = "workers[0]"\nwithin = "1s"'),
        "faults[0].within: start_fails strikes when its target is spawned, leave it out",
    ),
    "repeat-behind-the-horizon": (
        faults('kind = "resume"\ntarget = "host0"\nat = "1s"\nrepeat = { times = 3, every = "10s" }'),
        "faults[0].repeat: strikes at 21s at last, behind the horizon, 20s",
    ),
    "repeat-without-a-period": (
        faults('kind = "resume"\ntarget = "host0"\nat = "1s"\nrepeat = { times = 3, every = "0s" }'),
        'faults[0].repeat.every: expected more than 0s, got "0s"',
    ),
    "repeat-once": (
        faults('kind = "resume"\ntarget = "host0"\nat = "1s"\nrepeat = { times = 1, every = "1s" }'),
        "faults[0].repeat.times: expected a whole number of at least 2, got 1",
    ),
    "repeat-a-stall-that-lasts": (
        faults('kind = "stall"\ntarget = "host0"\nfor = "2s"\nat = "1s"\nrepeat = { times = 2, every = "2s" }'),
        'faults[0].repeat.every: expected more than for, 2s: it still lasts then, got "2s"',
    ),
    "when-nothing": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { after = "1s" }'),
        "faults[0].when: expected record or fault: what it waits for",
    ),
    "when-a-record-and-a-fault": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", fault = 0 }'),
        "faults[0].when.record: expected a record or a fault to wait for, not both",
    ),
    "when-no-such-fault": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { fault = 1 }'),
        "faults[0].when.fault: expected the number of a fault, 0..0, got 1",
    ),
    "when-it-strikes-itself": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { fault = 0 }'),
        "faults[0].when: waits for itself: 0 waits for 0",
    ),
    "when-faults-wait-in-a-circle": (
        faults(
            'kind = "exit"\ntarget = "host0"\nwhen = { fault = 1 }\n[[faults]]\nkind = "exit"\ntarget = "host1"\n'
            'when = { record = "heard", after_fault = 0 }'
        ),
        "faults[0].when: waits for itself: 0 waits for 1 waits for 0",
    ),
    "when-behind-a-fault-without-record": (
        faults(
            'kind = "exit"\ntarget = "host0"\nwhen = { fault = 1 }\n'
            '[[faults]]\nkind = "init_fails"\ntarget = "trainer[0]"'
        ),
        "faults[0].when.fault: a failing init leaves no record of its own, name the actor_status, got 1",
    ),
    "when-from-behind-the-horizon": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", from = "21s" }'),
        'faults[0].when.from: expected at most the horizon, 20s, got "21s"',
    ),
    "target-of-a-record-without-when": (
        faults('kind = "exit"\ntarget = "{node}"\nat = "1s"'),
        'faults[0].target: expected when: a target in braces is taken from the record of it, got "{node}"',
    ),
    "target-that-the-record-does-not-have": (
        faults('kind = "raise"\ntarget = "trainer[{rnk}]"\nwhen = { record = "heard" }'),
        'faults[0].target: {rnk}: heard has no "rnk", got "trainer[{rnk}]"; did you mean "rank"? '
        "(allowed: node, listener, role, mesh, rank, status, text, actor, failure, ref)",
    ),
    "target-that-is-no-name": (
        faults('kind = "exit"\ntarget = "{failure}"\nwhen = { record = "heard" }'),
        'faults[0].target: {failure} is neither a name nor a number in heard, got "{failure}"',
    ),
    "target-of-a-record-in-no-mesh": (
        faults('kind = "raise"\ntarget = "trianer[{rank}]"\nwhen = { record = "heard" }'),
        'faults[0].target: no such actor mesh, got "trianer[{rank}]" (allowed: trainer, sleeper, logger)',
    ),
    "target-of-a-record-with-a-wrong-parameter": (
        faults('kind = "signal"\nsignal = "9x"\ntarget = "{node}"\nwhen = { record = "process_stopped" }'),
        f'faults[0].signal: expected a signal such as "SIGKILL" or "9", got "9x"{LONG_LIST}',
    ),
    "target-of-a-record-half-in-braces": (
        faults('kind = "exit"\ntarget = "x{node}"\nwhen = { record = "heard" }'),
        'faults[0].target: nobody here can be the target of exit, got "x{node}" '
        "(allowed: host0, host1, client, observer, workers, trainer, sleeper, logger)",
    ),
    "condition-that-says-nothing": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", where = { rank = {} } }'),
        "faults[0].when.where.rank: expected a condition, such as { ge = 3 } "
        "(allowed: ge, gt, le, lt, matches, one_of, given, not)",
    ),
    "condition-of-a-number-on-text": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", where = { text = { ge = 3 } } }'),
        'faults[0].when.where.text.ge: text is never a number, got "3"',
    ),
    "condition-of-a-text-on-a-number": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", where = { rank = { matches = "3" } } }'),
        'faults[0].when.where.rank.matches: rank is never a text, got "3"',
    ),
    "condition-with-a-broken-pattern": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", where = { text = { matches = "(" } } }'),
        "faults[0].when.where.text.matches: expected a regular expression: "
        'missing ), unterminated subpattern at position 0, got "("',
    ),
    "condition-with-no-choice": (
        faults('kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", where = { rank = { one_of = [] } } }'),
        "faults[0].when.where.rank.one_of: expected at least 1 value",
    ),
    "condition-in-a-negation": (
        faults(
            'kind = "exit"\ntarget = "host0"\nwhen = { record = "heard", where = { rank = { not = { lt = "a" } } } }'
        ),
        'faults[0].when.where.rank.not.lt: expected a whole number, got "a"',
    ),
    "count-of-records-of-nobody": (
        expect('kind = "record"\nrecord = "heard"\nwhere = { mesh = "trianer" }\ntimes = 0'),
        'expect[0].where.mesh: nobody has this name, got "trianer"; did you mean "trainer"? '
        "(allowed: host0, host1, client, observer, workers, trainer, sleeper, logger)",
    ),
    "count-of-records-of-none-of-those": (
        expect('kind = "record"\nrecord = "heard"\nwhere = { actor = { not = "tranier[0]" } }\ntimes = 0'),
        'expect[0].where.actor: nobody has this name, got "tranier[0]"; did you mean "trainer"? '
        "(allowed: host0, host1, client, observer, workers, trainer, sleeper, logger)",
    ),
    # --- order, windows, messages, states of meshes
    "silence-of-who-would-never-be-told": (
        expect('kind = "never_hears"\nlistener = "observer"\nmesh = "trainer"'),
        'expect[0].listener: nobody would tell it: it does not own trainer, subscribe to it, or use it, got "observer"',
    ),
    "silence-about-any-mesh-of-who-would-never-be-told": (
        expect('kind = "hears"\nlistener = "observer"\ntimes = 0'),
        "expect[0].listener: nobody would tell it: it does not own any mesh, subscribe to it, or use it, "
        'got "observer"',
    ),
    "hears-a-broken-pattern": (
        expect('kind = "hears"\nlistener = "client"\ntext_matches = "["'),
        'expect[0].text_matches: expected a regular expression: unterminated character set at position 0, got "["',
    ),
    "window-between-nothing": (
        expect('kind = "hears"\nlistener = "client"\nwindow = {}'),
        "expect[0].window: expected what it begins or ends with "
        "(allowed: from, until, after_fault, before_fault, after, before, within)",
    ),
    "window-that-begins-twice": (
        expect('kind = "hears"\nlistener = "client"\nwindow = { after_fault = 0, after = { fault = 0 } }'),
        "expect[0].window.after: expected after_fault or after, not both",
    ),
    "window-behind-no-fault": (
        expect('kind = "record"\nrecord = "heard"\nwindow = { before_fault = 1 }'),
        "expect[0].window.before_fault: expected the number of a fault, 0..0, got 1",
    ),
    "window-that-ends-before-it-begins": (
        expect('kind = "hears"\nlistener = "client"\nwindow = { from = "5s", until = "4s" }'),
        'expect[0].window.until: expected at least from, 5s, got "4s"',
    ),
    "window-behind-the-horizon": (
        expect('kind = "hears"\nlistener = "client"\nwindow = { from = "21s" }'),
        'expect[0].window.from: expected at most the horizon, 20s, got "21s"',
    ),
    "window-within-of-nothing": (
        expect('kind = "hears"\nlistener = "client"\nwindow = { within = "4s" }'),
        "expect[0].window.within: expected after, after_fault or from: what it counts from",
    ),
    "moment-of-two-things": (
        expect('kind = "order"\nmoments = [{ fault = 0 }, { fault = 0, record = "heard" }]'),
        "expect[0].moments[1]: expected one of fault, record and listener: what it is",
    ),
    "moment-of-a-fault-with-a-rank": (
        expect('kind = "order"\nmoments = [{ fault = 0 }, { fault = 0, rank = 1 }]'),
        "expect[0].moments[1].rank: belongs to listener",
    ),
    "moment-of-a-record-that-is-none": (
        expect('kind = "order"\nmoments = [{ fault = 0 }, { record = "heard", where = { rnk = 1 } }]'),
        'expect[0].moments[1].where.rnk: heard has no "rnk"; did you mean "rank"? '
        "(allowed: node, listener, role, mesh, rank, status, text, actor, failure, ref, type)",
    ),
    "order-of-one": (
        expect('kind = "order"\nmoments = [{ fault = 0 }]'),
        "expect[0].moments: expected at least 2 values, got an array",
    ),
    "messages-of-no-type": (
        expect('kind = "messages"\ntype = "get_stat"'),
        f'expect[0].type: no such message, got "get_stat"; did you mean "get_state"?{LONG_LIST}',
    ),
    "messages-from-nobody": (
        expect('kind = "messages"\nsrc = "trianer.controller"'),
        "expect[0].src: no such host, client, proc mesh or actor mesh, "
        'got "trianer"; did you mean "trainer"? '
        "(allowed: host0, host1, client, observer, workers, trainer, sleeper, logger)",
    ),
    "messages-times-and-limits": (
        expect('kind = "messages"\ntimes = 1\nat_most = 1'),
        "expect[0].times: expected times or at_least and at_most, not both",
    ),
    "operation-limits-crossed": (
        expect('kind = "operation"\ndo = "spawn_procs"\nat_least = 2\nat_most = 1'),
        "expect[0].at_least: expected at most at_most, 1, got 2",
    ),
    "final-of-the-controller-of-none": (
        expect('kind = "final"\ntarget = "logger"\ncontroller = "done"'),
        'expect[0].target: expected a mesh with a controller, system meshes have none, got "logger"',
    ),
    "final-of-health-for-nobody": (
        expect('kind = "final"\ntarget = "trainer"\nhealth = "failed"'),
        "expect[0].by: required: who hears of the mesh, or subscribes to it",
    ),
    "final-of-a-process-by-somebody": (
        expect('kind = "final"\ntarget = "host0"\nprocess = "running"\nby = "client"'),
        "expect[0].by: belongs to health and subscription",
    ),
    "final-of-a-mesh-and-of-an-actor": (
        expect('kind = "final"\ntarget = "trainer"\ncontroller = "done"\nactor = "idle"'),
        "expect[0]: expected nothing of an actor or a process beside what is asked of a mesh",
    ),
    # --- expectations
    "listener-unknown": (
        expect('kind = "hears"\nlistener = "obsever"'),
        'expect[0].listener: no such client or actor mesh, got "obsever"; did you mean "observer"? '
        "(allowed: client, observer, trainer, sleeper, logger)",
    ),
    "hears-of-an-unknown-mesh": (
        expect('kind = "hears"\nlistener = "client"\nmesh = "trianer"'),
        'expect[0].mesh: no such actor mesh, got "trianer"; did you mean "trainer"? '
        "(allowed: trainer, sleeper, logger)",
    ),
    "hears-of-a-rank-that-no-mesh-has": (
        expect('kind = "never_hears"\nlistener = "client"\nrank = 4'),
        "expect[0].rank: expected a rank of some mesh, 0..3, got 4",
    ),
    "hears-of-a-rank-out-of-range": (
        expect('kind = "never_hears"\nlistener = "client"\nmesh = "trainer"\nrank = 4'),
        "expect[0].rank: expected a rank of trainer, 0..3, got 4",
    ),
    "hears-times-and-limits": (
        expect('kind = "hears"\nlistener = "client"\ntimes = 1\nat_least = 1'),
        "expect[0].times: expected times or at_least and at_most, not both",
    ),
    "hears-limits-crossed": (
        expect('kind = "hears"\nlistener = "client"\nat_least = 3\nat_most = 2'),
        "expect[0].at_least: expected at most at_most, 2, got 3",
    ),
    "hears-within-of-no-fault": (
        expect('kind = "hears"\nlistener = "client"\nwithin = "1s"\nfault = 1'),
        "expect[0].fault: expected the number of a fault, 0..0, got 1",
    ),
    "hears-within-without-faults": (
        WORLD + '[[expect]]\nkind = "hears"\nlistener = "client"\nwithin = "1s"',
        "expect[0].fault: there are no faults to count from, got 0",
    ),
    "final-asks-nothing": (
        expect('kind = "final"\ntarget = "trainer[0]"'),
        "expect[0]: nothing is asked of its target "
        "(allowed: actor, proc, process, text, text_is, text_matches, controller, health, subscription)",
    ),
    "final-proc-of-a-host": (
        expect('kind = "final"\ntarget = "host0"\nproc = "Ready"'),
        'expect[0].target: expected a proc mesh or actor mesh, "host0" is a host, got "host0" '
        "(allowed: workers, trainer, sleeper, logger)",
    ),
    "final-process-in-other-words": (
        expect('kind = "final"\ntarget = "host0"\nprocess = "killed SIGKILL"'),
        'expect[0].process: expected "running", "stopped", "exited CODE" or "killed SIGNAL", got "killed SIGKILL"',
    ),
    "final-actor-in-other-words": (
        expect('kind = "final"\ntarget = "trainer[0]"\nactor = "stoped"'),
        'expect[0].actor: expected one of the allowed values, got "stoped"; did you mean "stopped"? '
        "(allowed: dead, failed, idle, stopped, stopping)",
    ),
    "result-of-no-operation": (
        expect('kind = "operation"\ndo = "stop_actors"'),
        'expect[0].do: no such operation in this scenario, got "stop_actors"; did you mean "spawn_actors"? '
        "(allowed: spawn_procs, spawn_actors)",
    ),
    "result-of-another-name": (
        expect('kind = "operation"\ndo = "spawn_procs"\nname = "trainer"'),
        'expect[0].name: no spawn_procs of this name, got "trainer" (allowed: workers)',
    ),
    "error-of-an-endless-operation": (
        expect('kind = "operation"\ndo = "spawn_procs"\nends = false\nerror = "x"'),
        'expect[0].error: an operation that does not end has none, got "x"',
    ),
    "nothing-left-of-an-unknown-target": (
        expect('kind = "nothing_left"\ntargets = ["workers", "workers[4]"]'),
        'expect[0].targets[1]: rank out of range, workers has ranks 0..3, got "workers[4]"',
    ),
    "count-of-unknown-records": (
        expect('kind = "record"\nrecord = "hear"'),
        'expect[0].record: no such record, got "hear"; did you mean "heard"? (allowed: …',
    ),
    "expected-if-unknown-quirk": (
        expect('kind = "never_hears"\nlistener = "client"\nif_quirk = "q18"'),
        'expect[0].if_quirk: no such quirk, got "q18"; did you mean "Q18"? (allowed: …',
    ),
    "expected-unless-unknown-quirk": (
        expect('kind = "nothing_left"\nunless_quirk = "Q64"'),
        'expect[0].unless_quirk: no such quirk, got "Q64"; did you mean "Q6"? (allowed: …',
    ),
    "expected-with-and-without-a-quirk": (
        expect('kind = "nothing_left"\nif_quirk = "Q18"\nunless_quirk = "Q18"'),
        'expect[0].unless_quirk: expected another quirk than if_quirk: this can never be expected, got "Q18"',
    ),
    # --- findings
    "relaxed-invariant-unknown": (
        HEAD + '[[relax]]\ninvariant = "at-most-one"\nreason = "x"',
        'relax[0].invariant: no such invariant, got "at-most-one"; did you mean "at-most-once"? (allowed: …',
    ),
    "relaxed-without-reason": (
        HEAD + '[[relax]]\ninvariant = "at-most-once"\nreason = " "',
        'relax[0].reason: expected a reason, got " "',
    ),
    "relaxed-twice": (
        HEAD + '[[relax]]\ninvariant = "accuracy"\nreason = "x"\n[[relax]]\ninvariant = "accuracy"\nreason = "x"',
        'relax[1].invariant: relaxed already, got "accuracy"',
    ),
    "known-quirk-unknown": (
        HEAD + '[[known]]\ninvariant = "at-most-once"\nquirk = "Q99"\nreason = "x"',
        'known[0].quirk: no such quirk, got "Q99"; did you mean "Q9"? (allowed: …',
    ),
    "known-and-relaxed": (
        HEAD + '[[relax]]\ninvariant = "accuracy"\nreason = "x"\n'
        '[[known]]\ninvariant = "accuracy"\nquirk = "Q18"\nreason = "x"',
        'known[0].invariant: expected an invariant that is judged, this one is relaxed, got "accuracy"',
    ),
    # --- canaries
    "caught-by-nobody-known": (
        HEAD + 'caught_by = ["at-most-twice"]',
        'caught_by[0]: expected an invariant or one of the expectations, got "at-most-twice"; '
        f'did you mean "at-most-once"?{LONG_LIST}',
    ),
    "caught-by-an-expectation-that-is-not-there": (
        HEAD + 'caught_by = ["expect[0]"]',
        f'caught_by[0]: expected an invariant or one of the expectations, got "expect[0]"{LONG_LIST}',
    ),
    "caught-by-the-same-twice": (
        HEAD + 'caught_by = ["accuracy", "accuracy"]',
        'caught_by[1]: given twice, got "accuracy"',
    ),
    "caught-by-what-is-relaxed": (
        HEAD + 'caught_by = ["accuracy"]\n[[relax]]\ninvariant = "accuracy"\nreason = "x"',
        'caught_by[0]: expected an invariant that is judged, this one is relaxed, got "accuracy"',
    ),
    "caught-by-what-does-not-count": (
        HEAD + 'caught_by = ["expect[0]"]\n[[expect]]\nkind = "nothing_left"\nunless_quirk = "Q18"',
        'caught_by[0]: expected an expectation that counts, this one is for another side, got "expect[0]"',
    ),
    "known-and-caught": (
        HEAD + 'caught_by = ["accuracy"]\n[[known]]\ninvariant = "accuracy"\nquirk = "Q18"\nreason = "x"',
        "known[0].invariant: expected an invariant that is not in caught_by, which takes whatever it finds, "
        'got "accuracy"',
    ),
    # --- matrix
    "matrix-empty": (HEAD + "[matrix]\nhorizon = []", "matrix.horizon: expected at least 1 value, got an empty array"),
    "matrix-same-value-twice": (
        HEAD + '[matrix]\nhorizon = ["1s", "1s"]',
        'matrix.horizon[1]: expected values that differ, got "1s"',
    ),
    "matrix-leads-nowhere": (
        HEAD + '[matrix]\n"faults.0.at" = ["1s"]\n',
        'matrix."faults.0.at": leads nowhere, there is no faults',
    ),
    "matrix-beyond-the-list": (
        faults('kind = "exit"\ntarget = "host0"\nat = "1s"') + '[matrix]\n"faults.1.at" = ["1s"]',
        'matrix."faults.1.at": leads nowhere, faults has 1 items, got "1"',
    ),
    "matrix-into-a-text": (
        HEAD + '[matrix]\n"horizon.x" = ["1s"]',
        'matrix."horizon.x": leads nowhere, horizon is neither a table nor an array, got "20s"',
    ),
    "matrix-within-itself": (
        HEAD + '[matrix]\n"network.links" = [1]\n"network.links.0" = [1]',
        'matrix."network.links.0": leads into another key of the matrix, network.links',
    ),
    "matrix-too-many": (
        HEAD + f"[matrix]\nabout = {list(map(str, range(40)))}\nhorizon = {[f'{n}s' for n in range(1, 41)]}",
        "matrix: expected at most 1000 combinations, got 1600",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gives_one_line_with_file_and_key(name: str, tmp_path: Path) -> None:
    """Somebody wrote a scenario by hand and mistyped: the line has to be enough to fix it."""
    text, expected = BROKEN[name]
    path = tmp_path / "x.toml"
    path.write_text(text)

    with pytest.raises(ScenarioError) as caught:
        load_scenarios(path)

    line = str(caught.value)
    assert line.isprintable()
    if expected.endswith(LONG_LIST):
        line = line[: line.index(LONG_LIST.removesuffix("…"))] + LONG_LIST
    assert line == f"{path}: {expected}"
