"""Which versions made a run."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from platform import python_version

#: What a run's outcome can depend on.
PACKAGES = ("meshsim", "simpy", "msgspec", "dill", "multiprocess")


def version_of(package: str) -> str:
    """Its version; `source` when it is imported from a checkout that was not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "source"


def versions() -> dict[str, str]:
    """Python and the packages of `PACKAGES`, by name."""
    return {"python": python_version(), **{package: version_of(package) for package in PACKAGES}}
