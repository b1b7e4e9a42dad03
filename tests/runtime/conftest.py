"""The small model, compiled, and a HIP runtime that records its calls."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from amdc.bundle import MAIN, Bundle
from amdc.codegen.toolchain import find_toolchain
from amdc.errors import ToolchainError
from tests.support.small_model import COUNT, SCALE, SQUARE, WEIGHT, make_program

FAKE_HIP = Path(__file__).with_name("fake_hip.c")


@pytest.fixture(scope="package", autouse=True)
def cache_of_these_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's own cache is left alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMDC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="package")
def compiled(cache_of_these_tests: None) -> dict[str, bytes]:
    """The code objects of SCALE and SQUARE."""
    try:
        return find_toolchain().compile_all([SCALE, SQUARE], "gfx803")
    except ToolchainError as error:
        pytest.skip(str(error))


@pytest.fixture
def bundle(compiled: dict[str, bytes]) -> Bundle:
    return Bundle({MAIN: make_program()}, compiled, {"w": WEIGHT})


@pytest.fixture
def saved(bundle: Bundle, tmp_path: Path) -> Path:
    return bundle.save(tmp_path / "model.amdc")


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(COUNT).astype(np.float32)


def host_compiler() -> list[str]:
    for name in ("cc", "gcc", "clang", "clang-19"):
        if found := shutil.which(name):
            return [found]
    pytest.importorskip("ziglang", reason="no C compiler for the fake HIP runtime")
    return [sys.executable, "-m", "ziglang", "cc"]


@pytest.fixture(scope="module", params=["rocm5", "rocm6"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The fake library, as either release lays out its structures."""
    path = tmp_path_factory.mktemp("hip") / "libamdhip64.so"
    defines = ["-DROCM5"] if request.param == "rocm5" else []
    subprocess.run([*host_compiler(), "-shared", "-fPIC", "-w", *defines, str(FAKE_HIP), "-o", str(path)], check=True)
    return str(path)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAKE_HIP_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("FAKE_HIP_ARCHS", "gfx906,gfx803")
    return tmp_path / "log"


def calls(log: Path, *names: str) -> list[str]:
    return [line.strip() for line in log.read_text().splitlines() if line.split()[0] in names]
