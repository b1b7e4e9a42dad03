"""Compiles an ONNX model for gfx803 with Apache TVM and writes what it would launch, as a folder (launch_folder.py).

    PYTHON-WITH-TVM benchmarks/peers/tvm_compile.py MODEL.onnx FOLDER [--bitcode FOLDER]

TVM's own ROCm pipeline and dlight's default GPU schedules, nothing tuned. No GPU and no ROCm runtime is needed; README.md says
what is.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tvm
from launch_folder import Folder, Port
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx
from tvm.target import Target
from tvm_recorder import Recorder

TARGET = {
    "kind": "rocm",
    "mtriple": "amdgcn-amd-amdhsa-hcc",
    "mcpu": "gfx803",
    "max_shared_memory_per_block": 65536,
    "max_threads_per_block": 256,  # what TVM's code generator allows a work-group where it finds no card to ask
    "thread_warp_size": 64,
}
BITCODE = Path("/usr/lib/x86_64-linux-gnu/amdgcn/bitcode")  # where Debian's rocm-device-libs lie


def imported(model: onnx.ModelProto) -> Any:
    """TVM's module of the model: weights as constants, so that it can fold what depends on them alone, batch norms into
    convolutions among it."""
    module = from_onnx(model, keep_params_in_input=False)
    passes = [relax.transform.FoldBatchnormToConv2D(), relax.transform.DecomposeOpsForInference(), relax.transform.FoldConstant()]
    return tvm.transform.Sequential(passes)(module)


def record(path: Path, bitcode: Path) -> Folder:
    """Compile, run TVM's own host code with kernels that only note their launch, and describe what was noted."""
    recorder, model = Recorder(bitcode), onnx.load(path)
    started = time.perf_counter()
    module = imported(model)
    target = Target(TARGET, host="llvm")
    # The host code would refuse tensors that do not lie on a ROCm device; the kernels are the same without those assertions.
    with tvm.transform.PassContext(opt_level=3, config={"tirx.disable_assert": True}), target:
        executable = tvm.compile(module, target=target)
    compile_s = time.perf_counter() - started
    recorder.lend_workspaces()
    machine = relax.VirtualMachine(executable, tvm.cpu())
    machine.set_instrument(recorder.observe)
    tensors = [_zeros(parameter) for parameter in module["main"].params]
    result = machine["main"](*tensors)
    results = [result] if isinstance(result, tvm.runtime.Tensor) else list(result)
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [port.name for port in model.graph.input if port.name not in constants]
    outputs = [port.name for port in model.graph.output]
    ports = [_ports(recorder, names, group) for names, group in ((inputs, tensors), (outputs, results))]
    return recorder.folder(f"TVM {tvm.__version__}", *ports, compile_s)


def _zeros(parameter: Any) -> Any:
    extents = [int(extent) for extent in parameter.ty.shape]
    return tvm.runtime.tensor(np.zeros(extents, str(parameter.ty.dtype.dtype)))


def _ports(recorder: Recorder, names: list[str], tensors: list[Any]) -> tuple[Port, ...]:
    """The model's own names for TVM's tensors, which stand in the same order."""
    return tuple(
        Port(name, recorder.buffer(tensor.data_ptr()), str(tensor.dtype), tuple(map(int, tensor.shape)))
        for name, tensor in zip(names, tensors, strict=True)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--bitcode", type=Path, default=BITCODE, help="ROCm's device libraries, *.bc")
    arguments = parser.parse_args()
    record(arguments.model, arguments.bitcode).save(arguments.folder)


if __name__ == "__main__":
    main()
