"""Timing: what a launch would take on a card, predicted from what its work-groups did on the simulated one.

The functional simulator records sampled work-groups (native/trace.h); `engine` replays them on a model of the card (`machine`).
"""

from amdc.sim.timing.report import InstructionTiming, LaunchTiming

__all__ = ["InstructionTiming", "LaunchTiming"]
