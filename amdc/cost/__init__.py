"""What kernels cost, before there are any: bytes moved, operations and launches, in microseconds on a target's default card.

A static model for decisions between two ways to compute the same thing; it does not predict a kernel's time."""

from amdc.cost.kernel import Work, kernel_work, microseconds

__all__ = ["Work", "kernel_work", "microseconds"]
