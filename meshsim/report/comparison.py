"""Runs beside each other: cells of a table, the numbers of each, and what changed from one to another, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

import msgspec

from meshsim.run.choosing import BACKENDS
from meshsim.run.measure import Numbers
from meshsim.run.table import Row
from meshsim.scenario.matrix import Value, variant_label
from meshsim.units import MS, US, S


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one setting, whatever their seeds."""

    scenario: str
    setting: dict[str, Value]
    rows: tuple[Row, ...]
    #: How tables name it: its setting, after its scenario where there are several.
    name: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared as one: all runs of a table, or of a folder, with one profile and one backend."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> list[Row]:
        return [row for cell in self.cells for row in cell.rows]


#: Columns of tables beside the name.
COLUMNS = (
    *("runs", "verdicts", "detect", "worst", "report", "unheard", "notices", "false", "orphans"),
    *("messages/s", "beats/s", "polls"),
)


def cells_of(rows: Iterable[Row]) -> tuple[Cell, ...]:
    """Rows by scenario and setting, in the order in which they come; seeds in order."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.scenario, row.label), []).append(row)
    several = len({scenario for scenario, _ in found}) > 1
    return tuple(
        Cell(
            scenario=scenario,
            setting=cell[0].setting,
            rows=tuple(sorted(cell, key=lambda row: row.seed)),
            name=f"{scenario} {label}".strip() if several or not label else label,
        )
        for (scenario, label), cell in found.items()
    )


def parts_of(name: str, rows: Sequence[Row]) -> list[Part]:
    """The runs of one source, apart by profile and backend where it has several; simulation first."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        # A profile that is part of the setting is compared as one.
        groups.setdefault(("" if "profile" in row.setting else row.profile, row.backend), []).append(row)
    parts = []
    profiles, known = (
        list(dict.fromkeys(profile for profile, _ in groups)),
        {name: i for i, name in enumerate(BACKENDS)},
    )

    def place(key: tuple[str, str]) -> tuple[int, int]:
        return profiles.index(key[0]), known.get(key[1], len(known))

    for profile, backend in sorted(groups, key=place):
        chosen = groups[profile, backend]
        words = [word for word, index in ((profile, 0), (backend, 1)) if len({key[index] for key in groups}) > 1]
        parts.append(Part(name=f"{name} ({', '.join(words)})" if words else name, cells=cells_of(chosen)))
    return parts


# --- numbers -------------------------------------------------------------------------------------------------


def numbers_of(rows: Iterable[Row]) -> list[Numbers]:
    """The numbers of the runs that have some: all that are not inconclusive."""
    return [row.numbers for row in rows if row.numbers is not None]


def detections(rows: Iterable[Row]) -> list[int]:
    return [took for numbers in numbers_of(rows) for took in numbers.detect_ns]


def reports(rows: Iterable[Row]) -> list[int]:
    return [took for numbers in numbers_of(rows) for took in numbers.report_ns]


def total(rows: Iterable[Row], field: str) -> int:
    """The sum of a count over all runs."""
    return sum(getattr(numbers, field) for numbers in numbers_of(rows))


def per_second(rows: Iterable[Row], field: str) -> float | None:
    """A count per second of the runs' own time; None when no time has passed."""
    numbers = numbers_of(rows)
    span_ns = sum(each.span_ns for each in numbers)
    return sum(getattr(each, field) for each in numbers) * S / span_ns if span_ns else None


def per_run(rows: Sequence[Row], field: str) -> float | None:
    numbers = numbers_of(rows)
    return sum(getattr(each, field) for each in numbers) / len(numbers) if numbers else None


def time_text(duration_ns: float) -> str:
    """A time as people compare it: three digits, `4.92s`, `12.3ms`; `0s` for none."""
    for unit, name in ((S, "s"), (MS, "ms"), (US, "us")):
        if duration_ns >= unit:
            return f"{duration_ns / unit:.3g}{name}"
    return f"{duration_ns:.0f}ns" if duration_ns else "0s"


def rate_text(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.3g}"


def verdicts_text(rows: Sequence[Row]) -> str:
    """`100 passed`, `97 passed 3 violated`."""
    counts = {name: sum(row.verdict == name for row in rows) for name in ("passed", "violated", "inconclusive")}
    return " ".join(f"{count} {name}" for name, count in counts.items() if count)


def column_texts(rows: Sequence[Row]) -> tuple[str, ...]:
    """The cells of a table row, in the order of `COLUMNS`."""
    found, told = detections(rows), reports(rows)
    return (
        str(len(rows)),
        verdicts_text(rows),
        time_text(median(found)) if found else "–",
        time_text(max(found)) if found else "–",
        time_text(median(told)) if told else "–",
        str(total(rows, "unheard")),
        str(total(rows, "notices")),
        str(total(rows, "false_alarms")),
        str(total(rows, "orphans")),
        rate_text(per_second(rows, "messages")),
        rate_text(per_second(rows, "heartbeats")),
        str(total(rows, "polls")),
    )


# --- what changed --------------------------------------------------------------------------------------------


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is different in `name` beside what it is compared with."""

    name: str
    against: str
    sentences: tuple[str, ...]


def changes(parts: Sequence[Part]) -> list[Change]:
    """Each part beside the first, over the settings that both have; of a single part each value of a key beside its
    first, whatever the other keys are.
    """
    if len(parts) > 1:
        return [_between_parts(parts[0], other) for other in parts[1:]]
    return [
        Change(name=f"{key}={_text(value)}", against=f"{key}={_text(first)}", sentences=tuple(sentences(one, other)))
        for key, by_value in _by_value(parts[0]).items()
        for (first, one), *others in [list(by_value.items())]
        for value, other in others
    ]


def _between_parts(first: Part, other: Part) -> Change:
    """Over the settings that both have."""
    varied = _varied(first) | _varied(other)
    keys = [{_key(cell, varied) for cell in part.cells} for part in (first, other)]
    shared = keys[0] & keys[1]
    one, two = (
        [row for cell in part.cells if _key(cell, varied) in shared for row in cell.rows] for part in (first, other)
    )
    said = tuple(sentences(one, two)) if shared else ("There is no setting that both have.",)
    left = len(keys[0] ^ keys[1])
    if shared and left:
        said += (f"Left out: {left} settings that only one of the two has.",)
    return Change(name=other.name, against=first.name, sentences=said)


def _varied(part: Part) -> set[str]:
    """Keys that tell its cells apart. What another says holds for all of a part, and may be what is compared."""
    keys = dict.fromkeys(key for cell in part.cells for key in cell.setting)
    return {key for key in keys if len({cell.setting.get(key) for cell in part.cells}) > 1}


def _key(cell: Cell, varied: set[str]) -> tuple[str, str]:
    """What a cell is found by in another part; the order of keys does not matter."""
    return cell.scenario, variant_label({key: cell.setting[key] for key in sorted(cell.setting) if key in varied})


def _by_value(part: Part) -> dict[str, dict[Value, list[Row]]]:
    """Of each key that takes several values, the rows of each value, whatever the other keys are."""
    found: dict[str, dict[Value, list[Row]]] = {}
    for cell in part.cells:
        for key, value in cell.setting.items():
            found.setdefault(short_key(key), {}).setdefault(value, []).extend(cell.rows)
    return {key: values for key, values in found.items() if len(values) > 1}


def short_key(key: str) -> str:
    """A dotted key as sentences and axes name it."""
    last = key.rpartition(".")[2]
    return key if last.isdigit() else last


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sentences(before: Sequence[Row], after: Sequence[Row]) -> Iterator[str]:
    """What changed, with numbers; what did not is said once, at the end."""
    same: list[str] = []
    for word, of in (("Detection", detections), ("The first notice", reports)):
        one, two = of(before), of(after)
        if one and two:
            yield from _times(word, one, two, same)
        elif one or two:
            here = "before" if one else "after"
            yield f"{word}: only {here}, {len(one or two)} times, median {time_text(median(one or two))}."
    for word, field in (("Messages", "messages"), ("Heartbeats", "heartbeats"), ("Polls", "polls")):
        yield from _rates(word, per_second(before, field), per_second(after, field), same)
    for word, field in _COUNTS.items():
        yield from _counts(word, field, before, after, same)
    for verdict in ("violated", "inconclusive"):
        ones, twos = (sum(row.verdict == verdict for row in rows) for rows in (before, after))
        if ones / len(before) != twos / len(after):
            yield f"{verdict.capitalize()}: {ones} of {len(before)} runs, then {twos} of {len(after)}."
    if same:
        yield f"Unchanged: {', '.join(same)}."


_COUNTS = {
    "Failures that nobody heard of": "unheard",
    "Notices": "notices",
    "False alarms": "false_alarms",
    "Orphans": "orphans",
    "Healthy actors stopped as orphans": "healthy_orphans",
}


def _times(word: str, one: list[int], two: list[int], same: list[str]) -> Iterator[str]:
    before, after = median(one), median(two)
    if before == after and max(one) == max(two):
        same.append(f"{_lower(word)} (median {time_text(before)}, worst {time_text(max(one))})")
        return
    yield (
        f"{word} takes {time_text(after)} instead of {time_text(before)} in the median{_factor(before, after)}, "
        f"{time_text(max(two))} instead of {time_text(max(one))} at worst ({len(one)} and {len(two)} failures)."
    )


def _rates(word: str, one: float | None, two: float | None, same: list[str]) -> Iterator[str]:
    if one is None or two is None:
        return
    if rate_text(one) == rate_text(two):
        same.append(f"{_lower(word)} ({rate_text(one)} a second)")
        return
    yield f"{word}: {rate_text(two)} instead of {rate_text(one)} a second{_factor(one, two)}."


def _counts(word: str, field: str, before: Sequence[Row], after: Sequence[Row], same: list[str]) -> Iterator[str]:
    one, two = per_run(before, field), per_run(after, field)
    if one == two or one is None or two is None:
        same.append(f"{_lower(word)} ({total(before, field) or 'none'})")
        return
    yield f"{word}: {_spread(before, field)}, then {_spread(after, field)}."


def _spread(rows: Sequence[Row], field: str) -> str:
    """A count, and how many of the runs have any of it."""
    count = total(rows, field)
    return f"{count} in {_runs_with(rows, field)} of {len(rows)} runs" if count else f"none in {len(rows)} runs"


def _runs_with(rows: Sequence[Row], field: str) -> int:
    return sum(getattr(numbers, field) > 0 for numbers in numbers_of(rows))


def _factor(before: float, after: float) -> str:
    """How many times as much, what part of it, or by how many percent less or more."""
    if not before or not after:
        return ""
    ratio = after / before
    if ratio >= 2:
        return f", {ratio:.3g} times as much"
    if ratio <= 0.1:
        return f", 1/{1 / ratio:.3g} of it"
    return f" ({ratio - 1:+.0%})".replace("%", " %")


def _lower(word: str) -> str:
    return word[0].lower() + word[1:]
