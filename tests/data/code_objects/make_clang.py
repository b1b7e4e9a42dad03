"""Makes clang_v4.hsaco and clang_v5.hsaco from plain_hip.hip: `python make_clang.py [CLANG]` (clang-19 where none is named).

Code object v4 takes block and grid sizes from the dispatch packet, v5 from hidden arguments.
"""

import subprocess
import sys
from pathlib import Path

OPTIONS = ["-x", "hip", "--cuda-device-only", "--offload-arch=gfx803", "-nogpuinc", "-nogpulib", "-O3", "--no-gpu-bundle-output"]


def main() -> None:
    folder = Path(__file__).parent
    clang = sys.argv[1] if len(sys.argv) > 1 else "clang-19"
    for version in (4, 5):
        path = folder / f"clang_v{version}.hsaco"
        command = [clang, *OPTIONS, f"-mcode-object-version={version}", "-o", str(path), "plain_hip.hip"]
        subprocess.run(command, cwd=folder, check=True)
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
