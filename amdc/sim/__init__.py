"""The simulated GPU: runs gfx803 code objects on this CPU. A tool of its own for anyone who writes kernels; see `Device`."""

from amdc.sim.array import DeviceArray
from amdc.sim.device import Device
from amdc.sim.module import Module

__all__ = ["Device", "DeviceArray", "Module"]
