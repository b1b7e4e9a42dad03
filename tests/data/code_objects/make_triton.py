"""Makes triton_*.hsaco: Triton's own compiler, whose LLVM IR for gfx906 is retargeted to gfx803 (Triton refuses that name).

Run with an interpreter that has Triton 3.9: `python make_triton.py`. No GPU is needed.
"""

import tempfile
from pathlib import Path

import triton
import triton_kernels
from triton.backends.amd.compiler import HIPBackend
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

KERNELS = {
    "add_relu": ({"x": "*fp32", "y": "*fp32", "out": "*fp32", "n": "i32"}, {"BLOCK": 512}, 4),
    "softmax": ({"x": "*fp32", "out": "*fp32", "columns": "i32", "stride": "i32"}, {"BLOCK": 1024}, 4),
    "matmul": (
        {"a": "*fp32", "b": "*fp32", "c": "*fp32", "m": "i32", "n": "i32", "k": "i32"},
        {"TILE_M": 64, "TILE_N": 64, "TILE_K": 16},
        4,
    ),
}
SOURCE_TARGET, TARGET = GPUTarget("hip", "gfx906", 64), GPUTarget("hip", "gfx803", 64)


def build(name: str) -> tuple[bytes, int]:
    """The code object of one kernel for gfx803, and the bytes of LDS that a launch must give it."""
    types, constants, warps = KERNELS[name]
    types = types | dict.fromkeys(constants, "constexpr")
    source = ASTSource(getattr(triton_kernels, name), types, constexprs=constants)
    options = {"num_warps": warps, "allow_flush_denorm": True}
    compiled = triton.compile(source, target=SOURCE_TARGET, options=options)
    llvm_ir = compiled.asm["llir"].replace("gfx906", "gfx803")
    backend = HIPBackend(TARGET)
    target_options = backend.parse_options(options)
    metadata: dict[str, object] = {}
    assembly = backend.make_amdgcn(llvm_ir, metadata, target_options)
    return backend.make_hsaco(assembly, metadata, target_options), compiled.metadata.shared


def main() -> None:
    folder = Path(__file__).parent
    with tempfile.TemporaryDirectory() as cache:
        triton.knobs.cache.dir = cache
        for name in KERNELS:
            path = folder / f"triton_{name}.hsaco"
            code, lds = build(name)
            path.write_bytes(code)
            print(f"{path.name}: {len(code)} bytes, {lds} bytes of LDS, Triton {triton.__version__}")


if __name__ == "__main__":
    main()
