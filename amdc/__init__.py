"""amdc: compiles neural networks into bundles of GPU kernels for AMD gfx803 cards, and runs them on a simulated one.

`import amdc` is light (no torch, no numpy); the functions below import what they need when they are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amdc.bundle import Bundle
    from amdc.compiler.host_session import HostSession
    from amdc.runtime.session import Session

__version__ = "0.1.0"
__all__ = ["__version__", "compile", "compile_causal", "load"]

# In a checkout, `passes/`, `codegen/` and `kernels/` stand beside this folder, not below it: setup.py maps them when amdc is
# installed, and these lines map them when it is imported from a bare checkout or an editable install.
_CHECKOUT = Path(__file__).resolve().parent.parent
if (_CHECKOUT / "setup.py").is_file() and (_CHECKOUT / "passes").is_dir():
    __path__.append(str(_CHECKOUT))


def compile(model: Any, arch: str = "gfx803", opt_level: int = 2, **options: Any) -> Bundle:
    """Compile a model into a `Bundle`: an ONNX model (a path, bytes, or an `onnx.ModelProto`), a PyTorch module in evaluation
    mode (with `example_inputs=`: a tuple, a dict of keyword arguments, or a tensor), an `ExportedProgram` or its file (.pt2).

    `options` are the fields of `amdc.compiler.CompileOptions`. Raises `ModelError`, `UsageError` or `ToolchainError`.
    """
    from amdc.compiler import CompileOptions, compile_model

    return compile_model(model, CompileOptions(arch=arch, opt_level=opt_level, **options))


def compile_causal(
    model: Any,
    max_length: int,
    prompt_lengths: Sequence[int] = (16, 64),
    arch: str = "gfx803",
    opt_level: int = 2,
    **options: Any,
) -> Bundle:
    """Compile a causal language model of transformers into a `Bundle` whose sessions `generate`: its key-value cache of
    `max_length` tokens stays in the arena. `prompt_lengths` are the numbers of tokens that are read at once, besides one.

    `options` as for `compile`. Raises `ModelError`, `UsageError` or `ToolchainError`.
    """
    from amdc.compiler import CompileOptions
    from amdc.compiler.causal import compile_causal

    return compile_causal(model, max_length, prompt_lengths, CompileOptions(arch=arch, opt_level=opt_level, **options))


def load(bundle: Bundle | str | Path, device: str | None = None, **options: Any) -> Session | HostSession:
    """Open a bundle (or its file) on a device ("sim", "hip" or "host"; by default hip where a card is found, else sim)."""
    if device == "host":
        from amdc.compiler.host_session import open_host_session

        return open_host_session(bundle, **options)
    from amdc.runtime.session import open_session

    return open_session(bundle, device, **options)


def __getattr__(name: str) -> Any:
    """`amdc.sim`, the simulated GPU, is imported on first use."""
    if name == "sim":
        import importlib

        return importlib.import_module("amdc.sim")
    raise AttributeError(f"module 'amdc' has no attribute '{name}'")
