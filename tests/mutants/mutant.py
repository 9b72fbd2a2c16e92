"""One mutant: which lines of the model it changes, and how the changed module comes to be imported."""

from __future__ import annotations

import sys
import tomllib
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path

import msgspec

import meshsim

MODEL = Path(meshsim.__file__).parent / "model"


class Mutant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One change of one module, as `mutants.toml` says it."""

    id: str
    #: Path below meshsim/model.
    module: str
    #: What is broken, in a sentence.
    about: str
    #: Text that is in the module exactly once.
    before: str
    after: str
    #: Why nothing notices, for one that is known to live.
    survives: str = ""
    #: The invariant that this is the canary of, as no scenario of an unbroken model breaks it; it must notice.
    canary: str = ""
    #: The scenario of the fast suite in which it does.
    canary_in: str = ""

    @property
    def name(self) -> str:
        """The module as Python imports it."""
        return ".".join(("meshsim", "model", *Path(self.module).with_suffix("").parts))

    def source(self) -> str:
        """The module as it is."""
        return (MODEL / self.module).read_text(encoding="utf-8")

    def mutated(self) -> str:
        """The changed source.

        Raises:
            ValueError: the text is not there, or more than once: the module has changed, and so must the mutant.
        """
        source = self.source()
        count = source.count(self.before)
        if count != 1:
            raise ValueError(f"{self.id}: expected its text once in {self.module}, found it {count} times")
        return source.replace(self.before, self.after)


def load_mutants() -> dict[str, Mutant]:
    """All of them by id, in the order of the file."""
    data = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text(encoding="utf-8"))
    mutants = msgspec.convert(data["mutants"], list[Mutant])
    by_id = {mutant.id: mutant for mutant in mutants}
    assert len(by_id) == len(mutants), "two mutants have one id"
    return by_id


class _Loader(SourceFileLoader):
    def __init__(self, mutant: Mutant, path: str) -> None:
        super().__init__(mutant.name, path)
        self._source = mutant.mutated().encode()

    def get_data(self, path: str) -> bytes:
        return self._source if path == self.path else super().get_data(path)

    def get_code(self, fullname: str) -> object:
        """Never from or into a cache: the file on disk is another program."""
        return self.source_to_code(self._source, self.path)


class _Finder(MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self._mutant.name:
            return None
        spec = PathFinder.find_spec(fullname, path)  # type: ignore[arg-type]  # as it was given
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(self._mutant, spec.origin)
        return spec


def install(mutant: Mutant) -> None:
    """From now on the module is imported as the mutant has it. Nothing may have imported it before."""
    assert mutant.name not in sys.modules, f"{mutant.name} is imported already"
    sys.meta_path.insert(0, _Finder(mutant))
