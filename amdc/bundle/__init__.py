"""A bundle: a compiled model in one file, which describes itself and needs nothing but numpy and the HIP runtime to run.

The file is a zip archive, stored (see `archive`):
  manifest.json             schema and amdc versions, the Program, the hash of every other member, the options of the compilation
  code/<arch>/<key>.hsaco   a code object for each distinct kernel source (one each: lld would not merge their metadata)
  weights.safetensors       the constants
  graph.txt                 the Graph behind the Program, printed
  sources/<key>.hip         the kernels' sources, on request
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from amdc import __version__
from amdc.bundle.archive import Archive, Buffers, sha256, write_archive
from amdc.bundle.consistency import problems
from amdc.bundle.weights import StoredWeights, to_buffers
from amdc.errors import BundleError, InternalError
from amdc.program import Program, from_json, to_json

__all__ = ["SCHEMA", "Bundle"]

SCHEMA = 1
FORMAT = "amdc bundle"
MANIFEST, WEIGHTS, GRAPH = "manifest.json", "weights.safetensors", "graph.txt"


@dataclass
class Bundle:
    """A Program with what it needs. `code` and `sources` are keyed by `Kernel.code`, `constants` by buffer name.

    `compile_seconds` is known only where the bundle was just compiled; `path` only where it was opened."""

    program: Program
    code: Mapping[str, bytes]
    constants: Mapping[str, np.ndarray] = field(repr=False)
    graph_text: str | None = field(default=None, repr=False)
    sources: Mapping[str, str] | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    compile_seconds: float = 0.0
    path: Path | None = None

    def check(self) -> list[str]:
        """What does not fit together: a line each; empty for a sound bundle. Reads no constant's values."""
        found = list(problems(self.program, self.code))
        for name, buffer in self.program.buffers.items():
            if buffer.kind != "constant":
                continue
            array = self.constants.get(name)
            if array is None or (array.dtype.name, array.shape) != (buffer.dtype, buffer.shape):
                found.append(f"constant {name} ({buffer.dtype} {list(buffer.shape)}) is not among the weights")
        return found

    def save(self, path: str | Path) -> Path:
        """Write the bundle; the file is whole or absent. Raises `UsageError` where it cannot be written."""
        wrong = self.check()
        if wrong:
            raise InternalError(
                f"the compiled program is inconsistent; this is a bug in amdc, please report it: {'; '.join(wrong)}"
            )
        members: dict[str, Buffers] = {_code_name(self.program.arch, key): [data] for key, data in self.code.items()}
        members[WEIGHTS] = to_buffers(self.constants)
        if self.graph_text is not None:
            members[GRAPH] = [self.graph_text.encode()]
        for key, text in (self.sources or {}).items():
            members[_source_name(key)] = [text.encode()]
        manifest = {
            "format": FORMAT,
            "schema": SCHEMA,
            "amdc": __version__,
            "options": dict(self.options),
            "members": {name: {"sha256": sha256(parts)} for name, parts in members.items()},
            "program": to_json(self.program),
        }
        path = Path(path)
        write_archive(path, {MANIFEST: [json.dumps(manifest, indent=1).encode()]} | members)
        return path

    @staticmethod
    def open(path: str | Path) -> Bundle:
        """Read a bundle; the weights are mapped, and checked when they are first used.

        Raises `BundleError` where it is damaged or of a newer schema, `UsageError` where there is no such file."""
        archive = Archive(Path(path))
        manifest = _read_manifest(archive)
        try:
            program = from_json(manifest["program"])
            members = {name: str(entry["sha256"]) for name, entry in manifest["members"].items()}
            keys = {kernel.code for kernel in program.kernels.values()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise archive.error(f"its {MANIFEST} holds no valid program ({error!r})") from None

        def read(name: str) -> bytes:
            data = archive.read(name)
            if sha256([data]) != members.get(name):
                raise archive.error(f"its member {name} does not match its hash in {MANIFEST}")
            return data

        sources = {key: read(_source_name(key)).decode() for key in sorted(keys) if _source_name(key) in members}
        archive.span(WEIGHTS)
        bundle = Bundle(
            program=program,
            code={key: read(_code_name(program.arch, key)) for key in sorted(keys)},
            constants=StoredWeights(archive, WEIGHTS, members.get(WEIGHTS, "")),
            graph_text=read(GRAPH).decode() if GRAPH in members else None,
            sources=sources or None,
            options=manifest.get("options", {}),
            path=Path(path),
        )
        for problem in problems(program, bundle.code):
            raise archive.error(problem)
        return bundle


def _code_name(arch: str, key: str) -> str:
    return f"code/{arch}/{key}.hsaco"


def _source_name(key: str) -> str:
    return f"sources/{key}.hip"


def _read_manifest(archive: Archive) -> dict[str, Any]:
    """The manifest of a bundle that this version can read: checked before anything else is looked at."""
    if MANIFEST not in archive:
        raise BundleError(
            f"{archive.path} is a zip file but not an amdc bundle (it has no {MANIFEST}); make one with `amdc compile`"
        )
    try:
        manifest = json.loads(archive.read(MANIFEST))
        schema, writer, kind = manifest["schema"], manifest["amdc"], manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise archive.error(f"its {MANIFEST} is malformed ({error!r})") from None
    if kind != FORMAT or not isinstance(schema, int):
        raise archive.error(f"its {MANIFEST} is of the format {kind!r}, schema {schema!r}; expected {FORMAT!r}")
    if schema > SCHEMA:
        raise BundleError(
            f"bundle {archive.path}: it has schema {schema}, written by amdc {writer}, but this amdc {__version__} reads up to "
            f"schema {SCHEMA}; install amdc {writer} or newer, or compile the model again with this one"
        )
    return dict(manifest)
