"""Input arrays from .npy and .npz files, and output arrays to a folder or a .npz file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from amdc.errors import InputError, UsageError


def read_inputs(files: tuple[tuple[str, Path], ...]) -> dict[str, np.ndarray]:
    """The arrays of `--input NAME=FILE.npy` and `--input FILE.npz` options. Raises InputError for unreadable files."""
    arrays: dict[str, np.ndarray] = {}
    for name, path in files:
        for found, array in [(name, _read_npy(path))] if name else _read_npz(path):
            if found in arrays:
                raise InputError(f"input '{found}' is given twice")
            arrays[found] = array
    return arrays


def _read_npy(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path}: not a readable .npy file ({error})") from None
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path}: holds several arrays; give it without a name (--input {path}) and with the ending .npz")
    return array


def _read_npz(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Each array of the file under the name it has there, which is the input's."""
    try:
        held = np.load(path, allow_pickle=False)
        if isinstance(held, np.ndarray):
            raise InputError(f"{path}: holds a single array without a name; give it as --input NAME={path.with_suffix('.npy')}")
        with held:
            for name in held.files:
                yield name, held[name]
    except (ValueError, OSError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: not a readable .npz file ({error})") from None


def write_outputs(target: Path, arrays: dict[str, np.ndarray]) -> list[Path]:
    """Write all outputs into one file where `target` ends in .npz, else each as NAME.npy into a folder (`/` and the like become
    `_`). Returns what was written."""
    if target.suffix == ".npz":
        return [_write_npz(target, arrays)]
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file; --output names a folder, or a file that ends in .npz")
    target.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name, array in arrays.items():
        path = target / ("".join(c if c.isalnum() or c in "._-" else "_" for c in name) + ".npy")
        if path in paths:
            raise UsageError(f"two outputs would be written to {path}; name a .npz file as --output")
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, array)
        temporary.replace(path)
        paths.append(path)
    return paths


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    temporary = path.with_suffix(".tmp.npz")
    try:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    return path
