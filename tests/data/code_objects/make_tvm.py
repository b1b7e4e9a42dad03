"""Makes tvm_matmul.hsaco: a float32 matrix product scheduled by TVM's dlight for gfx803.

Run with an interpreter that has apache-tvm 0.27, with ld.lld on the path: `python make_tvm.py`. No GPU and no ROCm is needed.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

import tvm
from tvm import te
from tvm.s_tir import dlight
from tvm.target import Target


@tvm.register_global_func("tvm_callback_rocm_link", override=True)
def link(relocatable: bytes) -> bytearray:
    """Link with whichever ld.lld is installed (TVM's own callback wants the version that it was built with)."""
    lld = shutil.which("ld.lld-19") or shutil.which("ld.lld")
    with tempfile.TemporaryDirectory() as folder:
        source, linked = Path(folder) / "kernel.o", Path(folder) / "kernel.hsaco"
        source.write_bytes(bytes(relocatable))
        subprocess.run([lld, "--no-undefined", "-shared", source, "-o", linked], check=True)
        LINKED.append(linked.read_bytes())
        return bytearray(LINKED[-1])


@tvm.register_global_func("tvm_callback_rocm_bitcode_path", override=True)
def no_bitcode(_: object = None) -> list[str]:
    """A matrix product calls no library function."""
    return []


LINKED: list[bytes] = []


def main() -> None:
    m, n, depth = (te.var(name, "int32") for name in ("m", "n", "depth"))
    a = te.placeholder((m, depth), "float32", name="a")
    b = te.placeholder((depth, n), "float32", name="b")
    k = te.reduce_axis((0, depth), name="k")
    c = te.compute((m, n), lambda i, j: te.sum(a[i, k] * b[k, j], axis=k), name="c")
    module = tvm.IRModule({"matmul": te.create_prim_func([a, b, c]).with_attr("global_symbol", "matmul")})
    target = Target(
        {
            "kind": "rocm",
            "mtriple": "amdgcn-amd-amdhsa-hcc",
            "mcpu": "gfx803",
            "max_shared_memory_per_block": 65536,
            "max_threads_per_block": 1024,
            "thread_warp_size": 64,
        },
        host="llvm",
    )
    with target:
        module = dlight.ApplyDefaultSchedule(dlight.gpu.Matmul())(module)
        tvm.compile(module, target=target)
    path = Path(__file__).parent / "tvm_matmul.hsaco"
    path.write_bytes(LINKED[-1])
    print(f"{path.name}: {path.stat().st_size} bytes, TVM {tvm.__version__}")


if __name__ == "__main__":
    main()
