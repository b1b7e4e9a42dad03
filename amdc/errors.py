"""Every error that amdc raises on purpose, and the exit status that the command line gives it.

Three kinds (see README, "Exit status"): the user's (a bad model, bundle, option or input), the environment's (no compiler, no
card, the wrong chip), and ours (a bug). A message names the file, node or kernel, says what was expected, and what to do.
"""

from __future__ import annotations


class AmdcError(Exception):
    """Base of all. `exit_status` is what `amdc` exits with."""

    exit_status = 70


class ModelError(AmdcError):
    """The model cannot be compiled: unreadable, invalid, or it holds operators that the target has no kernels for."""

    exit_status = 1


class BundleError(AmdcError):
    """A bundle is damaged, truncated, or of a schema that this version cannot read."""

    exit_status = 1


class UsageError(AmdcError):
    """An option, a file name or an argument is wrong."""

    exit_status = 2


class InputError(UsageError):
    """A run-time input has the wrong name, shape or dtype."""


class ToolchainError(AmdcError):
    """No compiler was found, or the one found is too old or failed to start."""

    exit_status = 3


class DeviceError(AmdcError):
    """No card, no HIP runtime, or a card of another architecture than the bundle's."""

    exit_status = 3


class KernelFault(AmdcError):
    """The simulated GPU stopped a kernel: a memory, LDS, register or barrier check failed.

    The message names the kernel, the instruction, the source line where known, the work-group and the lane.
    """

    exit_status = 1


class InternalError(AmdcError):
    """A bug in amdc. The message says so and names the reproducer that was written."""

    exit_status = 70
