"""What kernels cost, in predicted microseconds: before there are any (`kernel_work`, for fusion), from one's formula (`Mix`,
`Shape`, `estimate`), and from compiled code (`KernelFacts`, `Tracer`, `predict`; `Predictor` for whole launches).

For decisions between ways to compute the same thing, in microseconds of CPU time; the simulator's timing layer is finer."""

from amdc.cost.channels import Camping, camping, camping_of_rows
from amdc.cost.facts import KernelFacts, Shape
from amdc.cost.kernel import Work, kernel_work, microseconds
from amdc.cost.mix import Mix
from amdc.cost.predict import CostEstimate, estimate, predict
from amdc.cost.predictor import Predictor
from amdc.cost.trips import Counts, Tracer

__all__ = [
    "Camping", "CostEstimate", "Counts", "KernelFacts", "Mix", "Predictor", "Shape", "Tracer", "Work", "camping",
    "camping_of_rows", "estimate", "kernel_work", "microseconds", "predict",
]  # fmt: skip
