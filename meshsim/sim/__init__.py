"""Backend in virtual time on objects."""

from meshsim.sim.backend import SimBackend

__all__ = ["SimBackend"]
