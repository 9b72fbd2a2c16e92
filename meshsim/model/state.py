"""Copy and fingerprint of machine states, for exploring and for tests."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

_T = TypeVar("_T")
_ENCODER = msgspec.msgpack.Encoder()


def copied(machine: _T, shared: Sequence[object] = ()) -> _T:
    """An independent copy: changing one does not change the other. What is `shared` never changes: it is in both."""
    return copy.deepcopy(machine, {id(each): each for each in shared})


def fingerprint(machine: msgspec.Struct) -> str:
    """A digest of the whole state; equal states have equal fingerprints, in every process.

    Two steps, because an encoder alone does not sort dictionaries whose keys are no texts.
    """
    plain = msgspec.to_builtins(machine, str_keys=True, order="deterministic")
    return hashlib.blake2b(_ENCODER.encode(plain), digest_size=16).hexdigest()
