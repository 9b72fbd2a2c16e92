"""The page about faults: what each kind did in a run on each backend, and the menu."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from meshsim.faults.kinds import Fault
from meshsim.faults.menu import MENU, WRITTEN
from meshsim.faults.parameters import moment_of, parameters_of, words_of
from meshsim.model.tags import tag_of
from meshsim.report.fault_matrix import Cell, said_of
from meshsim.run.choosing import BACKENDS

#: Where the menu begins on the page.
MENU_TITLE = "## The menu"
_SAME = "as in `sim`, a message to a machine or a matter of the conductor"


def fault_page(cells: Iterable[Cell], command: str) -> str:
    """The whole page, in Markdown; `command` wrote it."""
    backends, rows = matrix(list(cells))
    lines = [
        "# Faults",
        "",
        f"*Written by `{command}`, one run for each cell. A test compares the menu with the code.*",
        "",
        "Each kind of fault has a scenario of its name in [scenarios/faults](../scenarios/faults). `passed`: it",
        "struck, and everything that the scenario expects followed. The last column is what the kernel said of the",
        "processes that were struck, as the diary of that run has it; where something has to be real and the diary",
        "has nothing of it, the cell is red. What a backend or the machine cannot do says why. `meshsim faults KIND`",
        "prints one entry of the menu.",
        "",
        f"| Kind | On | {' | '.join(f'`{name}`' for name in backends)} | Struck | The kernel |",
        f"|{'---|' * (4 + len(backends))}",
        *(f"| {' | '.join([f'[`{row[0]}`](#{row[0]})', *map(_cell, row[1:])])} |" for row in rows),
        "",
        *menu_lines(),
    ]
    return "\n".join(lines) + "\n"


def matrix(cells: Sequence[Cell]) -> tuple[list[str], list[tuple[str, ...]]]:
    """The backends that ran, and a row for each kind: its outcomes by backend, whom it struck, what the kernel said."""
    backends = [name for name in BACKENDS if any(each.backend == name for each in cells)]
    rows = []
    for kind, of_kind in groupby(cells, lambda each: each.kind):
        found = {each.backend: each for each in of_kind}
        outcomes = [found[name].outcome if name in found else "-" for name in backends]
        rows.append((kind, next(iter(found.values())).on, *outcomes, *said_of(list(found.values()))))
    return backends, rows


def menu_lines() -> list[str]:
    """Everything that is said of each kind, as the code says it."""
    lines = [MENU_TITLE]
    for kind, entry in MENU.items():
        lines += ["", f"### {tag_of(kind)}", "", words_of(kind), ""]
        lines += [f"- On {entry.on}: {WRITTEN[entry.on]}.", f"- Strikes {moment_of(kind)}."]
        lines += [f"- On real processes: {really(kind)}."]
        lines += [f"- Not on `{backend}`: {why}." for backend, why in entry.cannot.items()]
        if parameters_of(kind):
            lines += ["", "| Key | May be | Default | Meaning |", "|---|---|---|---|"]
            lines += [f"| {' | '.join([f'`{name}`', *map(_cell, rest)])} |" for name, *rest in parameter_rows(kind)]
        lines += ["", "```toml", *entry.block, "```"]
    return lines


def really(kind: type[Fault]) -> str:
    """What happens in `lockstep` and in `live`."""
    return MENU[kind].real or _SAME


def parameter_rows(kind: type[Fault]) -> list[tuple[str, str, str, str]]:
    """Each key of a kind, what it may be, its default, and what it means."""
    return [
        (each.name, each.type, "required" if each.default is None else each.default or "-", each.meaning)
        for each in parameters_of(kind)
    ]


def short_parameters(kind: type[Fault]) -> str:
    """The keys of a kind in a few words: `code = 1, lines, after*`; a star marks what must be given."""
    words = []
    for each in parameters_of(kind):
        default = "*" if each.default is None else f" = {each.default}" if each.default else ""
        words.append(f"{each.name}{default}")
    return ", ".join(words)


def _cell(text: str) -> str:
    """As a cell of a table can have it."""
    return text.replace("|", "\\|").replace("*", "\\*")
