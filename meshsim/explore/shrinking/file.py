"""A finding as an ordinary scenario file: events and decisions, what must catch it, and in words what happens.

The file passes as long as the invariant finds something in it (`caught_by`). What else its run shows is said there as
well, so that nothing but the finding can make it red: invariants that break beside it are relaxed, operations that end
with an error or wait for ever are expected to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from meshsim.explore.finding import Signature
from meshsim.model.notes import OperationEnded, OperationStarted
from meshsim.model.tags import tag_of
from meshsim.oracle.expectations import Expectation, OperationResult
from meshsim.oracle.fault_words import fault_time, fault_words
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.verdict import CODE_RETURNS, Violation
from meshsim.run.execute import RunResult, run_plan
from meshsim.scenario.decisions import decision_words
from meshsim.scenario.load import Loaded
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import OperationSpec, Relaxed, Scenario
from meshsim.scenario.subjects import subject_of
from meshsim.scenario.text import scenario_text, wrapped
from meshsim.trace.story import time_text
from meshsim.units import format_duration

#: Of what a violation says. Source: chosen here.
_LETTERS_MAX = 300


class FindingFile(msgspec.Struct, frozen=True, kw_only=True):
    """What is written for a finding."""

    #: Name of the scenario, and of the file without `.toml`.
    name: str
    scenario: Scenario
    text: str
    #: Why it would not pass; empty when it does.
    trouble: str


def file_of(
    signature: Signature, scenario: Scenario, *, folder: str = "", before: str = "", way: int = 1
) -> FindingFile:
    """The file of a scenario that has a finding with this signature.

    Args:
        signature: what the file is about.
        scenario: what shows it, as shrinking leaves it: it expects nothing and knows nothing.
        folder: where the file is going to be, for the line that runs it again.
        before: what it was made of, for a comment: `12 faults, seed 7`.
        way: which of the ways to this finding it is; those after the first have its number in their names.

    Raises:
        ScenarioError: the scenario is wrong.
        ValueError: its run does not violate the invariant.
    """
    name = name_of(signature) + (f"-{way}" if way > 1 else "")
    scenario = msgspec.structs.replace(scenario, name=name, about="")
    result = _run(scenario)
    shown = [each for each in result.verdict.violations if each.invariant == signature.invariant]
    if not shown:
        raise ValueError(f"{name}: the run does not violate {signature.invariant}")
    scenario = msgspec.structs.replace(
        scenario,
        about=_about(scenario, shown[0]),
        caught_by=[signature.invariant],
        relax=list(_relaxed(signature, result)),
        expect=[] if signature.invariant == CODE_RETURNS else list(_expected(result)),
    )
    verdict = _run(scenario).verdict
    path = f"{folder}/{name}.toml" if folder else f"{name}.toml"
    comments = [
        *wrapped(f"Found by exploring{f' ({before})' if before else ''}, and shrunk: {signature}."),
        f"Again: meshsim run {path} --backend both",
        f"Why:   meshsim why {path}",
    ]
    return FindingFile(
        name=name,
        scenario=scenario,
        text=scenario_text(scenario, comments).replace("\nname = ", "\n\nname = ", 1),
        trouble="" if verdict.outcome == "passed" else verdict.reason,
    )


def name_of(signature: Signature) -> str:
    """A name for files: the invariant, the machine, and a few letters for the cause."""
    cause = hashlib.sha256("\n".join(signature.cause).encode()).hexdigest()[:6]
    return f"{signature.invariant}-{signature.machine.replace('_', '-')}-{cause}".lower()


def _about(scenario: Scenario, violation: Violation) -> str:
    """What is done, what goes wrong, what breaks, and what must hold: a sentence for each."""
    done = [f"{tag_of(operation)}{_when(operation)}" for operation in scenario.operations]
    wrong = [f"{fault_words(fault)} {fault_time(fault)}" for fault in scenario.faults]
    wrong += [decision_words(decision) for decision in scenario.decisions]
    sentences = [
        *([f"Done: {'; '.join(done)}."] if done else []),
        f"Wrong: {'; '.join(wrong) or 'nothing'}.",
        f"Then at {time_text(violation.at)}: {_in_short(violation)}.",
    ]
    if violation.invariant in INVARIANTS:
        sentences.append(f"Must hold: {INVARIANTS[violation.invariant].sentence}")
    sentences.append("If this fails, that is not found any more, or does not happen.")
    return "\n".join(line for sentence in sentences for line in wrapped(sentence)) + "\n"


def _in_short(violation: Violation) -> str:
    """What a violation says: of code that raised, the error alone; of an error with messages in it, the beginning."""
    said = violation.message
    if violation.invariant == CODE_RETURNS:
        said = f"{violation.subject} ended with {said.rstrip().rpartition(chr(10))[2]}"
    return said if len(said) <= _LETTERS_MAX else f"{said[:_LETTERS_MAX].rstrip()}…"


def _when(operation: OperationSpec) -> str:
    subject = subject_of(operation)
    return f"{f' {subject}' if subject else ''}{'' if operation.at is None else f' at {format_duration(operation.at)}'}"


def _relaxed(signature: Signature, result: RunResult) -> Iterator[Relaxed]:
    """The other invariants that break."""
    others = dict.fromkeys(each.invariant for each in result.verdict.violations)
    for invariant in others:
        if invariant != signature.invariant and invariant in INVARIANTS:
            yield Relaxed(invariant=invariant, reason=f"it breaks here too, and this is about {signature.invariant}")


def _expected(result: RunResult) -> Iterator[Expectation]:
    """The operations that end with an error, or never, in the order in which they were asked for."""
    ended = {record.what.index: record.what for record in result.records if isinstance(record.what, OperationEnded)}
    begun = {record.what.index for record in result.records if isinstance(record.what, OperationStarted)}
    told: set[tuple[str, str, bool]] = set()
    for step in result.plan.steps:
        end = ended.get(step.index)
        do, name = tag_of(step.operation), subject_of(step.operation)
        if step.index not in begun or (end is not None and end.error is None) or (do, name, end is None) in told:
            continue
        told.add((do, name, end is None))
        if end is None or end.error is None:
            yield OperationResult(do=do, name=name or None, ends=False)
        else:
            yield OperationResult(do=do, name=name or None, error=_said(end.error))


def _said(error: str) -> str:
    """What an error says before it comes to names and numbers, which other runs have others of."""
    words = error.split()
    plain = [word for word in words if word.isascii() and word.strip(".,;:").isalpha()]
    count = next((at for at, word in enumerate(words) if word not in plain), len(words))
    return " ".join(words[:count]).rstrip(":,;") or error


def _run(scenario: Scenario) -> RunResult:
    return run_plan(plan(Loaded(scenario=scenario, source=""), scenario.seeds[0]), "sim")
