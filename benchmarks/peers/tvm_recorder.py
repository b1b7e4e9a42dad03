"""Notes what TVM's host code launches, without a GPU.

TVM's build splits a model into kernels and host code. Here the kernels are linked to a code object and kept, but not imported
into the executable; under each kernel's name a global function is registered instead, which the host code then finds and calls
with the very pointers and extents of the launch. Tensors lie in host memory, so that their addresses tell the buffers apart.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from launch_folder import Argument, Extents, Folder, Launch, Port
from linker import link

# The order in which TVM's own callback names them; of the pairs on/off the first that defines a symbol wins.
LIBRARIES = (
    "oclc_daz_opt_on",
    "ocml",
    "oclc_correctly_rounded_sqrt_off",
    "oclc_finite_only_off",
    "oclc_isa_version_803",
    "oclc_unsafe_math_off",
    "oclc_wavefrontsize64_on",
    "oclc_abi_version_400",
)
SHARED = "tirx.use_dyn_shared_memory"
ALLOCATION = "vm.builtin.alloc_tensor"
HARMLESS = "vm.builtin."  # memory, shapes, tuples: nothing that computes on a tensor's elements
COMPUTING = ("vm.builtin.copy", "vm.builtin.read_if_cond", "vm.builtin.to_device", "vm.builtin.tensor_to_shape")
USABLE_SIZE = ctypes.CDLL(None).malloc_usable_size
USABLE_SIZE.restype, USABLE_SIZE.argtypes = ctypes.c_size_t, [ctypes.c_void_p]


class Recorder:
    """Hooks into TVM on construction; one per process."""

    def __init__(self, bitcode: Path) -> None:
        self.bitcode = bitcode
        self.code: list[bytes] = []
        self.launches: list[Launch] = []
        self.sizes: dict[int, int] = {}  # bytes of each buffer by its address, in the order of first sight
        self.scratch: set[int] = set()
        self._before = 0
        build = tvm.get_global_func("target.build.rocm")
        hooks = {
            "tvm_callback_rocm_link": self._link,
            "tvm_callback_rocm_bitcode_path": lambda _=None: self._libraries(),
            "target.build.rocm": lambda module, target: self._build(build, module, target),
            "__tvm_set_device": lambda *_: None,
        }
        for name, hook in hooks.items():
            tvm.register_global_func(name, hook, override=True)

    def lend_workspaces(self) -> None:
        """Let host code take what its kernels share from the CPU's workspace, as there is no ROCm device. Only when all is
        compiled: the code generator would ask the CPU how large a work-group may be."""
        tvm.register_global_func("device_api.rocm", tvm.get_global_func("device_api.cpu"), override=True)

    def _link(self, relocatable: bytes) -> bytearray:
        self.code.append(link(bytes(relocatable)))
        return bytearray(self.code[-1])

    def _libraries(self) -> list[str]:
        paths = [self.bitcode / f"{name}.bc" for name in LIBRARIES]
        missing = [path.name for path in paths if not path.exists()]
        if missing:
            raise SystemExit(f"{self.bitcode} lacks {', '.join(missing)}: name ROCm's device libraries with --bitcode")
        return [str(path) for path in paths]

    def _build(self, build: Any, module: Any, target: Any) -> None:
        """Compile and keep the kernels; giving no module back leaves their names to the global functions."""
        build(module, target)
        for variable, function in module.functions.items():
            name, tags = str(variable.name_hint), [str(tag) for tag in function.attrs["tirx.kernel_launch_params"]]
            types = [str(parameter.ty) for parameter in function.params]
            tvm.register_global_func(name, self._stub(len(self.code) - 1, name, tags, types), override=True)

    def _stub(self, code: int, name: str, tags: list[str], types: list[str]) -> Any:
        def note(*values: Any) -> None:
            count = len(values) - len(tags)
            extents = dict(zip(tags, map(int, values[count:]), strict=True))
            arguments = tuple(self._argument(value, kind) for value, kind in zip(values[:count], types, strict=True))
            grid, block = _extents(extents, "blockIdx"), _extents(extents, "threadIdx")
            self.launches.append(Launch(code, name, grid, block, arguments, extents.get(SHARED, 0)))

        return note

    def _argument(self, value: Any, kind: str) -> Argument:
        if isinstance(value, ctypes.c_void_p):
            address = value.value or 0
            if address not in self.sizes:  # no tensor: a workspace, whose block malloc knows
                self.sizes[address] = USABLE_SIZE(value)
                self.scratch.add(address)
            return Argument(self.buffer(address))
        return Argument(value=value, dtype=kind)

    def buffer(self, address: int) -> int:
        """The number of the buffer at `address`."""
        return list(self.sizes).index(address)

    def observe(self, _: Any, name: str, before: bool, result: Any, *arguments: Any) -> None:
        """TVM's virtual machine calls this before and after each of its calls."""
        if name in COMPUTING:
            raise SystemExit(f"the model computes on the host ({name}), which a replay of launches leaves out")
        tensors = arguments if before else (result,)
        for tensor in tensors:
            if isinstance(tensor, tvm.runtime.Tensor):
                address, nbytes = tensor.data_ptr(), int(np.prod(tensor.shape)) * np.dtype(str(tensor.dtype)).itemsize
                self.sizes[address] = max(nbytes, self.sizes.get(address, 0))
                if name == ALLOCATION:
                    self.scratch.add(address)
        if before:
            self._before = len(self.launches)
        elif not name.startswith(HARMLESS) and len(self.launches) == self._before:
            raise SystemExit(f"{name} launches no kernel: the model computes on the host, which a replay leaves out")

    def folder(self, producer: str, inputs: tuple[Port, ...], outputs: tuple[Port, ...], compile_s: float) -> Folder:
        """All that was noted. Buffers that are neither allocated by TVM nor inputs are its constants."""
        given = {port.buffer for port in inputs}
        weights = {
            number: np.frombuffer(ctypes.string_at(address, nbytes), np.uint8)
            for number, (address, nbytes) in enumerate(self.sizes.items())
            if address not in self.scratch and number not in given
        }
        code, launches, sizes = tuple(self.code), tuple(self.launches), tuple(self.sizes.values())
        return Folder(producer, code, launches, sizes, weights, inputs, outputs, round(compile_s, 2))


def _extents(extents: dict[str, int], axis: str) -> Extents:
    x, y, z = (extents.get(f"{axis}.{name}", 1) for name in "xyz")
    return x, y, z
