"""The predicted time of launches, from their code objects and arguments alone."""

from __future__ import annotations

import math

from amdc.code_object import CodeObject
from amdc.cost.facts import KernelFacts
from amdc.cost.predict import CostEstimate, estimate
from amdc.cost.trips import Tracer
from amdc.sim.kernarg import LaunchShape
from amdc.target import Card, Target


class Predictor:
    """Keeps each kernel's facts, so that a further launch takes little: following its scalar instructions, and the sums."""

    def __init__(self, hardware: Target, card: Card | None = None) -> None:
        self.hardware, self.card = hardware, card or hardware.card()
        self._kernels: dict[tuple[bytes, str, int], tuple[KernelFacts, Tracer]] = {}

    def launch(self, code: CodeObject, name: str, shape: LaunchShape, kernarg: bytes, nbytes: float) -> CostEstimate:
        """One launch of the kernel `name`; `kernarg` is its packed argument segment, `nbytes` what it must read and write. Raises
        `ModelError` where unknown opcodes can be reached."""
        key = code.text, name, math.prod(shape.block)
        if key not in self._kernels:
            self._kernels[key] = KernelFacts.read(code, name, key[2]), Tracer(code, name)
        facts, tracer = self._kernels[key]
        wave = facts.of_group(tracer.group(kernarg, shape, facts.shape.group_waves))
        return estimate(wave, facts.shape, math.prod(shape.grid), nbytes, self.hardware, self.card)
