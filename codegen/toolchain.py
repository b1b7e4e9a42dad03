"""The compiler of kernels."""

from __future__ import annotations

from amdc.codegen.kernel_source import KernelSource

__all__ = ["KernelSource"]
