"""An example of every invariant, for tests and for docs/invariants.md; one module for each family."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from examples.example import Example

__all__ = ["EXAMPLES", "Example"]

#: By id of the invariant: what the tuples `EXAMPLES` of the modules beside this one hold.
EXAMPLES: dict[str, Example] = {
    example.id: example
    for name in sorted(module.name for module in iter_modules(__path__) if module.name != "example")
    for example in import_module(f"{__name__}.{name}").EXAMPLES
}
