"""Finding and reading scenario files: what is there, what is not, and what a matrix makes of one file."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim.faults.kinds import Exit, Signal, When
from meshsim.scenario import Scenario, ScenarioError, discover, load_scenarios, variant_label
from meshsim.scenario.decode import decode
from meshsim.scenario.load import FILE_BYTES_MAX
from meshsim.units import MS, Duration, S

GOOD = """
name = "good"
about = "A worker exits while the controller polls."
horizon = "1m 30s"
seeds = [1, 2]
backends = ["sim"]

[config]
supervision_poll_frequency = "1s"
HYPERACTOR_MESH_ORPHAN_TIMEOUT = "20s"

[topology]
hosts = 2
clients = ["client", "observer"]

[[topology.procs]]
name = "workers"
per_host = { gpus = 2 }

[[topology.actors]]
name = "trainer"
procs = "workers"
actor = "WrapperActor"

[[topology.actors]]
name = "child"
procs = "workers"
owner = "trainer[3]"

[[topology.subscribers]]
mesh = "trainer"
by = "observer"

[network]
latency = "2ms"
links = [{ src = "host1", dst = "workers[3]", loss = 0.5 }]

[clocks]
host1 = "3s"

[[operations]]
do = "stop_actors"
mesh = "child"
by = "trainer[3]"
at = "40s"

[[faults]]
kind = "exit"
target = "workers[1]"
at = "2s"
code = 3

[[faults]]
kind = "signal"
target = "trainer[0]"
signal = "SIGSEGV"
when = { record = "message", where = { "message.type" = "mesh_failed", dest = "observer" }, after = "5ms" }

[[expect]]
kind = "hears"
listener = "client"
mesh = "trainer"
rank = 1
text = "code 3"
within = "3s"

[[known]]
invariant = "at-most-once"
quirk = "Q18"
reason = "a dead proc is reported at every poll"
"""


def write(folder: Path, text: str | bytes, name: str = "good.toml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def line(path: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        load_scenarios(path)
    return str(caught.value)


# --- reading -----------------------------------------------------------------------------------------------


def test_a_good_file_is_read_with_exact_times(tmp_path: Path) -> None:
    """What an author writes arrives as typed values: durations in nanoseconds, faults by their kind."""
    path = write(tmp_path, GOOD)

    (loaded,) = load_scenarios(path)

    assert loaded.label == "good"
    assert loaded.variant == {}
    assert loaded.scenario.horizon == 90 * S
    assert loaded.scenario.network.latency == 2 * MS
    assert loaded.scenario.clocks == {"host1": 3 * S}
    assert loaded.scenario.faults == [
        Exit(target="workers[1]", at=Duration(2 * S), code=3),
        Signal(
            target="trainer[0]",
            signal="SIGSEGV",
            when=When(
                record="message",
                where={"message.type": "mesh_failed", "dest": "observer"},
                after=Duration(5 * MS),
            ),
        ),
    ]


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    """A typo in the path on the command line."""
    path = tmp_path / "none.toml"

    assert line(path) == f"{path}: cannot be read: No such file or directory"


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    """`load_scenarios` takes files; folders are for `discover`."""
    assert line(tmp_path) == f"{tmp_path}: is a folder, expected a scenario file"


def test_a_path_that_no_system_accepts_is_refused() -> None:
    """A NUL byte in a path is a ValueError of Python, not an OSError."""
    assert line(Path("a\0b.toml")) == "a\\x00b.toml: cannot be read: embedded null byte"


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    """Reading a named pipe would wait for ever."""
    path = tmp_path / "pipe.toml"
    os.mkfifo(path)

    assert line(path) == f"{path}: is not a file, expected a scenario file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_says_why(tmp_path: Path) -> None:
    """File permissions of a shared checkout."""
    path = write(tmp_path, GOOD)
    path.chmod(0)

    assert line(path) == f"{path}: cannot be read: Permission denied"


def test_a_file_in_another_encoding_names_byte_and_line(tmp_path: Path) -> None:
    """An editor saved Latin-1."""
    path = write(tmp_path, 'name = "good"\nabout = "\xe4"\n'.encode("latin-1"))

    assert line(path) == f"{path}: not UTF-8: byte 0xe4 in line 2"


def test_a_huge_file_is_not_parsed(tmp_path: Path) -> None:
    """A trace given by mistake instead of a scenario."""
    path = write(tmp_path, b"#" * (FILE_BYTES_MAX + 1))

    assert line(path) == f"{path}: larger than 1 MiB"


def test_the_largest_file_is_still_read(tmp_path: Path) -> None:
    """The limit itself is allowed."""
    text = GOOD.encode()

    (loaded,) = load_scenarios(write(tmp_path, text + b"#" * (FILE_BYTES_MAX - len(text))))

    assert loaded.scenario.name == "good"


def test_an_error_survives_the_way_to_another_process() -> None:
    """Campaigns load scenarios in workers; the line must be the same here."""
    error = ScenarioError("faults[0].at", "expected x", value="y", allowed=("x", "z"), file="a.toml")

    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(error) == 'a.toml: faults[0].at: expected x, got "y" (allowed: x, z)'


def test_an_error_without_a_value_survives_too() -> None:
    """`NOT_GIVEN` is a value of its own, in the other process as well."""
    error = ScenarioError("a", "required, but not given")

    assert str(pickle.loads(pickle.dumps(error))) == "a: required, but not given"


# --- finding -----------------------------------------------------------------------------------------------


def test_folders_are_searched_and_files_are_taken_once(tmp_path: Path) -> None:
    """`meshsim run scenarios scenarios/fast/a.toml` runs a.toml once, in an order that never changes."""
    for name in ("b/2.toml", "b/1.toml", "a.toml", "b/notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    found = discover([tmp_path / "b" / "2.toml", tmp_path])

    assert found == [tmp_path / name for name in ("b/2.toml", "a.toml", "b/1.toml")]


def test_a_folder_without_scenarios_is_an_error(tmp_path: Path) -> None:
    """A CI job that runs nothing must not be green."""
    with pytest.raises(ScenarioError, match=r": no scenario file \(\*\.toml\) in this folder$"):
        discover([tmp_path])


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """Before anything else is read."""
    with pytest.raises(ScenarioError, match=r"none: no such file or folder$"):
        discover([tmp_path / "none"])


def test_no_paths_at_all_is_an_error() -> None:
    """An empty shell glob."""
    with pytest.raises(ScenarioError, match=r"^no scenario files given$"):
        discover([])


# --- matrix ------------------------------------------------------------------------------------------------


def test_a_matrix_gives_each_combination_a_label(tmp_path: Path) -> None:
    """One file, four scenarios: what differs is in the name, and in the values."""
    matrix = '[matrix]\n"config.supervision_poll_frequency" = ["1s", "10s"]\n"faults.0.at" = ["1s", "2s"]\n'

    loaded = load_scenarios(write(tmp_path, GOOD + matrix))

    assert [(each.label, each.scenario.faults[0].at) for each in loaded] == [
        ("good[supervision_poll_frequency=1s,at=1s]", 1 * S),
        ("good[supervision_poll_frequency=1s,at=2s]", 2 * S),
        ("good[supervision_poll_frequency=10s,at=1s]", 1 * S),
        ("good[supervision_poll_frequency=10s,at=2s]", 2 * S),
    ]
    assert loaded[2].variant == {"config.supervision_poll_frequency": "10s", "faults.0.at": "1s"}
    assert loaded[2].scenario.config["supervision_poll_frequency"] == "10s"
    assert loaded[2].scenario.matrix == {}


def test_a_matrix_may_give_a_key_that_the_file_leaves_out(tmp_path: Path) -> None:
    """The file has no `[clocks]` for the client and no horizon of its own."""
    text = 'name = "good"\n[matrix]\nhorizon = ["1s", "2s"]\n"clocks.client" = ["5s"]\n'

    loaded = load_scenarios(write(tmp_path, text))

    assert [(each.scenario.horizon, each.scenario.clocks) for each in loaded] == [
        (1 * S, {"client": 5 * S}),
        (2 * S, {"client": 5 * S}),
    ]


def test_a_variant_that_is_wrong_is_named(tmp_path: Path) -> None:
    """The value comes from the matrix, so the line says which one."""
    path = write(tmp_path, GOOD + '[matrix]\n"faults.0.at" = ["1s", "soon"]\n')

    assert line(path) == f'{path}[at=soon]: faults[0].at: expected a duration such as "1.5s", got "soon"'


def test_labels_keep_what_tells_keys_apart() -> None:
    """Two faults have a code each: the short form would be the same."""
    label = variant_label({"faults.0.code": 1, "faults.1.code": 2, "topology.hosts": 3, "seeds.0": 4})

    assert label == "faults.0.code=1,faults.1.code=2,hosts=3,seeds.0=4"


# --- anything ----------------------------------------------------------------------------------------------


#: The same examples every time; how long one takes is nobody's business here.
ANYTHING = settings(deadline=None, derandomize=True, max_examples=300)


def refusal(load: Callable[[], object]) -> ScenarioError | None:
    """Why something is not taken; nothing when it is. Any other exception is a bug of the loader."""
    try:
        load()
    except ScenarioError as error:
        return error
    return None


@ANYTHING
@given(st.binary(max_size=300))
def test_no_bytes_break_the_loader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Whatever is in the file, the answer is a scenario or a line."""
    path = write(tmp_path_factory.getbasetemp(), data)

    error = refusal(lambda: load_scenarios(path))

    assert error is not None
    assert str(error).isprintable()
    assert str(error).startswith(str(path))


JUNK = st.sampled_from(
    ["=", '"', "[", "]", "{", "}", "0", "-1", "1e999", "nan", "true", "\0", "é", "[[faults]]\n", "9" * 30]
) | st.sampled_from(["faults", "matrix", "at", "kind", "client", "trainer[9]", "1979-05-27", "'''", ".", ".x", ""])


@ANYTHING
@given(st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), JUNK), min_size=1, max_size=4))
def test_no_damage_to_a_good_file_breaks_the_loader(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int, str]]
) -> None:
    """Cut something out of a good file and put something else there, a few times."""
    text = GOOD
    for start, length, new in edits:
        text = text[:start] + new + text[start + length :]

    path = write(tmp_path_factory.getbasetemp(), text)

    error = refusal(lambda: load_scenarios(path))

    assert error is None or str(error).startswith(str(path))
    assert error is None or str(error).isprintable()


VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("1s") | st.just("client"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([field.name for field in msgspec.structs.fields(Scenario)])


@ANYTHING
@given(st.dictionaries(KEYS, VALUES), VALUES)
def test_no_plain_data_breaks_the_decoder(data: dict[str, object], value: object) -> None:
    """Right keys with wrong values of every shape: each is refused with a path."""
    raw = {"name": "good", "horizon": "1s", "faults": [{"kind": "exit", "target": value}], **data}

    error = refusal(lambda: decode(raw))

    assert error is None or error.key.partition(".")[0].partition("[")[0] in raw
