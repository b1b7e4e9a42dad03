"""The small model, compiled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from amdc.bundle import MAIN, Bundle
from amdc.codegen.toolchain import find_toolchain
from amdc.errors import ToolchainError
from tests.support.small_model import COUNT, SCALE, SQUARE, WEIGHT, make_program


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
