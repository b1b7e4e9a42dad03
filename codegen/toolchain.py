"""The compiler of kernels: what it takes (`KernelSource`), how it is found (`find_toolchain`), what it does (`Toolchain`)."""

from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.toolchain_compile import Progress, Toolchain
from amdc.codegen.toolchain_search import find_toolchain

__all__ = ["KernelSource", "Progress", "Toolchain", "find_toolchain"]
