"""Who may import whom (DESIGN.md's folders), how light `import amdc` is, and that chip names stand in target.py alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"amdc": "amdc", "passes": "amdc.passes", "codegen": "amdc.codegen", "kernels": "amdc.kernels"}
BASE = {"errors", "target", "environment"}
RUNTIME_BASE = BASE | {"program", "code_object", "cache", "inputs"}
COMPILER = {"compiler", "cli"}
# part -> the parts it may import besides itself
ALLOWED = {
    "": RUNTIME_BASE | {"runtime", "bundle", "sim", "compiler"},  # amdc/__init__.py, inside functions only
    "errors": set(),
    "environment": set(),
    "target": {"errors"},
    "program": {"errors"},
    "cache": BASE,
    "code_object": BASE,
    "inputs": RUNTIME_BASE,
    "ir": BASE,
    "cost": BASE | {"program", "ir", "code_object", "sim"},  # of sim, the decoder and the control flow
    "frontends": BASE | {"ir"},
    "pass_manager": BASE | {"ir", "passes"},
    "passes": BASE | {"ir", "cost", "pass_manager"},
    "kernels": BASE,
    "codegen": RUNTIME_BASE | {"ir", "kernels", "cost"},
    "bundle": RUNTIME_BASE,
    "runtime": RUNTIME_BASE | {"bundle", "sim"},
    "sim": RUNTIME_BASE,
    "profile": RUNTIME_BASE | {"bundle", "runtime", "sim"},
    "compiler": RUNTIME_BASE
    | {"ir", "frontends", "pass_manager", "passes", "codegen", "kernels", "bundle", "runtime", "sim", "cost"},
}
ALLOWED["cli"] = ALLOWED["compiler"] | COMPILER | {"profile"}
ALLOWED["compiler"] |= {"tune"}
ALLOWED["cli"] |= {"tune"}
ALLOWED["__main__"] = {"cli"}
ALLOWED["tune"] = ALLOWED["onnx_backend"] = ALLOWED["cli"] - {"cli"}
TORCH_FREE = (
    "errors",
    "target",
    "environment",
    "program",
    "cache",
    "code_object",
    "inputs",
    "bundle",
    "runtime",
    "sim",
    "profile",
)
CHIP_FREE_EXCEPT = ("amdc/target.py",)


def source_files() -> list[tuple[str, Path]]:
    """(module name, path) of every source file."""
    found = []
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found.append((".".join((package, *parts)), path))
    return found


def imports(path: Path, module: str) -> set[str]:
    """All modules that a file imports, anywhere in it; relative imports resolved."""
    names: set[str] = set()
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, node.module or ""]).strip(".")
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return names


def part(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else ""


@pytest.mark.parametrize(("module", "path"), source_files(), ids=lambda value: value if isinstance(value, str) else "")
def test_import_direction(module: str, path: Path) -> None:
    mine = part(module)
    assert mine in ALLOWED, f"{path}: a new part '{mine}' needs a row in ALLOWED"
    for name in imports(path, module):
        top = name.split(".")[0]
        assert top not in ("passes", "codegen", "kernels"), f"{path} imports {name}: write amdc.{name}, or there are two copies"
        if mine in TORCH_FREE:
            assert top not in ("torch", "onnx", "onnxruntime"), (
                f"{path}: '{mine}' runs on the card's machine and must not need {top}"
            )
        parts = {p for p in ALLOWED if p}
        if top == "amdc" and part(name) in parts:
            assert part(name) in ALLOWED[mine] | {mine}, f"{path}: '{mine}' must not import {name}"


def test_import_is_light() -> None:
    """`import amdc` takes under 0.2 s and pulls in neither torch, numpy nor onnx. The best of five, as machines are noisy."""
    code = (
        "import sys, time; start = time.perf_counter(); import amdc; seconds = time.perf_counter() - start;"
        "print(seconds, [m for m in ('torch', 'numpy', 'onnx', 'rich') if m in sys.modules])"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT) for _ in range(5)]
    assert all(run.stdout.split(" ", 1)[1].strip() == "[]" for run in runs)
    assert min(float(run.stdout.split()[0]) for run in runs) < 0.2


def test_runtime_needs_no_torch() -> None:
    """The runtime, the bundle and the simulator import without torch and onnx installed."""
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['onnx'] = None;"
        "import amdc.runtime.session, amdc.bundle, amdc.sim, amdc.profile; print('fine')"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout == "fine\n"
