"""Which of what was heard an expectation is about."""

from __future__ import annotations

from meshsim.model.notes import Heard
from meshsim.model.supervision import failure_text
from meshsim.oracle.evidence import Evidence
from meshsim.oracle.expectations import Hears, NeverHears
from meshsim.oracle.expecting.texts import text_fits
from meshsim.trace.records import Record


def matching(expectation: Hears | NeverHears, evidence: Evidence) -> list[tuple[Record, Heard]]:
    """What the listener heard in the whole run that has every key which the expectation gives, its window apart."""
    listener = evidence.world.directory.actor(expectation.listener)
    quirks_off = evidence.world.config.quirks_off
    return [
        (record, heard)
        for record, heard in evidence.heard
        if heard.listener == listener
        and expectation.role in (None, heard.role)
        and expectation.mesh in (None, heard.ref or heard.mesh)
        and expectation.rank in (None, heard.rank)
        and expectation.status in (None, heard.status)
        and text_fits(
            (heard.text, failure_text(heard.failure, quirks_off)),
            expectation.text,
            expectation.text_is,
            expectation.text_matches,
        )
    ]
