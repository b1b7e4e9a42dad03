"""Translation of gfx803 machine code to C."""

from amdc.sim.translate.program import Options, kernel_source

__all__ = ["Options", "kernel_source"]
