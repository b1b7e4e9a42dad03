"""Translation of gfx803 machine code to C."""

from amdc.sim.translate.common import common_source
from amdc.sim.translate.program import Options, kernel_source

__all__ = ["Options", "common_source", "kernel_source"]
