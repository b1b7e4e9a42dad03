"""amdc as a backend of the ONNX backend suite (`onnx.backend.test`), and a runner of that suite that survives crashes.

`HostBackend` runs the imported Graph in PyTorch, `SimBackend` the compiled code objects on the simulated GPU:

    from onnx.backend.test import BackendTest
    from amdc.onnx_backend import HostBackend
    globals().update(BackendTest(HostBackend, __name__).test_cases)

`python -m amdc.onnx_backend --device host` runs all of it. The classes are imported on first use: the runner's parent process
loads neither torch nor the compiler, so that forking workers stays safe and cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amdc.onnx_backend.backend import HostBackend, SimBackend

__all__ = ["HostBackend", "SimBackend"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        import amdc.onnx_backend.backend as backend

        return getattr(backend, name)
    raise AttributeError(f"module 'amdc.onnx_backend' has no attribute '{name}'")
