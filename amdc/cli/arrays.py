"""Input arrays from .npy files or at random, and output arrays to a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from amdc.errors import InputError, UsageError


def read_inputs(files: tuple[tuple[str, Path], ...]) -> dict[str, np.ndarray]:
    """The arrays of `--input NAME=FILE` options. Raises InputError for a file that is no .npy array."""
    arrays: dict[str, np.ndarray] = {}
    for name, path in files:
        if name in arrays:
            raise InputError(f"input '{name}' is given twice")
        try:
            array = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise InputError(f"{path}: not a readable .npy file ({error})") from None
        if not isinstance(array, np.ndarray):
            raise InputError(f"{path}: holds several arrays; save the input alone with numpy.save")
        arrays[name] = array
    return arrays


def write_outputs(folder: Path, arrays: dict[str, np.ndarray]) -> list[Path]:
    """Write each output as NAME.npy (`/` and the like become `_`)."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; --output names a folder")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, array in arrays.items():
        path = folder / ("".join(c if c.isalnum() or c in "._-" else "_" for c in name) + ".npy")
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, array)
        temporary.replace(path)
        paths.append(path)
    return paths
