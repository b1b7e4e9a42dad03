"""A bundle: a compiled model in one file, which describes itself and needs nothing but numpy and the HIP runtime to run.

The file is a zip archive, stored (see `archive`):
  manifest.json             schema and amdc versions, the Programs, the hash of every other member, the options of the compilation
  code/<arch>/<key>.hsaco   a code object for each distinct kernel source (one each: lld would not merge their metadata)
  weights.safetensors       the constants of all programs, each content once
  graphs/<number>.txt       the Graph behind each Program, printed
  sources/<key>.hip         the kernels' sources, on request
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from amdc import __version__
from amdc.bundle.archive import Archive, Buffers, sha256, write_archive
from amdc.bundle.consistency import all_problems, misplaced_constants, schedule_problems
from amdc.bundle.manifest import FORMAT, MANIFEST, SCHEMA, WEIGHTS, code_name, graph_name, read_manifest, source_name
from amdc.bundle.uses import Buckets, Generation, GraphText, Step, buckets_from_json, generation_from_json
from amdc.bundle.weights import StoredWeights, to_buffers
from amdc.errors import InternalError, UsageError
from amdc.program import Port, Program, from_json, to_json

__all__ = ["MAIN", "SCHEMA", "Buckets", "Bundle", "Generation", "GraphText", "Step"]

MAIN = "main"  # the key of a bundle's only program


@dataclass
class Bundle:
    """One or more Programs with what they need. A program's key names what it is for, such as "N=1, S=32"; they take the same
    inputs in different shapes, and share constants, states and code objects. Or, with `schedule`, they are the parts of one model
    with a loop, which run one after another.

    `code` and `sources` are keyed by `Kernel.code`, `constants` by buffer name (and as GraphText and State name them), `graphs`
    by program. `compile_seconds` is known only where the bundle was just compiled; `path` only where it was opened."""

    programs: Mapping[str, Program]
    code: Mapping[str, bytes]
    constants: Mapping[str, np.ndarray] = field(repr=False)
    graphs: Mapping[str, GraphText] = field(default_factory=dict, repr=False)
    sources: Mapping[str, str] | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    buckets: tuple[Buckets, ...] = ()
    generation: Generation | None = None
    schedule: tuple[Step, ...] = ()
    compile_seconds: float = 0.0
    path: Path | None = None

    @property
    def program(self) -> Program:
        """The only program. Raises `UsageError` where there are several."""
        if len(self.programs) != 1:
            raise UsageError(f"{self.name} holds several programs ({', '.join(self.programs)}): name one of `programs`")
        return next(iter(self.programs.values()))

    @property
    def inputs(self) -> tuple[Port, ...]:
        """Of the only program, or of the first: the others have the same names and dtypes, or continue it."""
        return next(iter(self.programs.values())).inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """Of the only program, or of the last: the others have the same names and dtypes, or come before it."""
        return next(reversed(list(self.programs.values()))).outputs

    @property
    def arch(self) -> str:
        """Of every program."""
        return next(iter(self.programs.values())).arch

    @property
    def name(self) -> str:
        """For messages."""
        return f"bundle {self.path or '(in memory)'}"

    def check(self) -> list[str]:
        """What does not fit together: a line each; empty for a sound bundle. Reads no constant's values."""
        programs = self.programs
        return [
            *all_problems(programs, self.code),
            *schedule_problems(self.schedule, programs),
            *misplaced_constants(programs, self.constants),
        ]

    def save(self, path: str | Path) -> Path:
        """Write the bundle; the file is whole or absent. Raises `UsageError` where it cannot be written."""
        wrong = self.check()
        if wrong:
            raise InternalError(
                f"the compiled program is inconsistent; this is a bug in amdc, please report it: {'; '.join(wrong)}"
            )
        members: dict[str, Buffers] = {code_name(self.arch, key): [data] for key, data in self.code.items()}
        members[WEIGHTS] = to_buffers(self.constants)
        for index, key in enumerate(self.programs):
            if key in self.graphs:
                members[graph_name(index)] = [self.graphs[key].text.encode()]
        for key, text in (self.sources or {}).items():
            members[source_name(key)] = [text.encode()]
        manifest = {
            "format": FORMAT,
            "schema": SCHEMA,
            "amdc": __version__,
            "options": dict(self.options),
            "buckets": [dataclasses.asdict(buckets) for buckets in self.buckets],
            "generation": self.generation and dataclasses.asdict(self.generation),
            "schedule": [dataclasses.asdict(step) for step in self.schedule],
            "members": {name: {"sha256": sha256(parts)} for name, parts in members.items()},
            "programs": {key: self._entry(key) for key in self.programs},
        }
        path = Path(path)
        write_archive(path, {MANIFEST: [json.dumps(manifest, indent=1).encode()]} | members)
        return path

    def _entry(self, key: str) -> dict[str, Any]:
        graph = self.graphs.get(key)
        return {"graph_constants": dict(graph.constants) if graph else {}, "program": to_json(self.programs[key])}

    @staticmethod
    def open(path: str | Path) -> Bundle:
        """Read a bundle; the weights are mapped, and checked when they are first used.

        Raises `BundleError` where it is damaged or of another schema, `UsageError` where there is no such file."""
        archive = Archive(Path(path))
        manifest = read_manifest(archive)
        try:
            bundle = _read(archive, manifest)
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
            raise archive.error(f"its {MANIFEST} holds no valid program ({error!r})") from None
        for problem in (*all_problems(bundle.programs, bundle.code), *schedule_problems(bundle.schedule, bundle.programs)):
            raise archive.error(problem)
        return bundle


def _read(archive: Archive, manifest: dict[str, Any]) -> Bundle:
    """What a manifest describes. Raises KeyError and its like on a manifest of another form, BundleError on damaged members."""
    entries = manifest["programs"]
    programs = {str(key): from_json(entry["program"]) for key, entry in entries.items()}
    members = {name: str(entry["sha256"]) for name, entry in manifest["members"].items()}
    arch = next(iter(programs.values())).arch
    keys = sorted({kernel.code for program in programs.values() for kernel in program.kernels.values()})
    buckets = tuple(buckets_from_json(tree) for tree in manifest["buckets"])
    generation = manifest["generation"] and generation_from_json(manifest["generation"])

    def read(name: str) -> bytes:
        data = archive.read(name)
        if sha256([data]) != members.get(name):
            raise archive.error(f"its member {name} does not match its hash in {MANIFEST}")
        return data

    graphs = {
        key: GraphText(read(graph_name(index)).decode(), dict(entries[key]["graph_constants"]))
        for index, key in enumerate(programs)
        if graph_name(index) in members
    }
    sources = {key: read(source_name(key)).decode() for key in keys if source_name(key) in members}
    archive.span(WEIGHTS)
    return Bundle(
        programs=programs,
        code={key: read(code_name(arch, key)) for key in keys},
        constants=StoredWeights(archive, WEIGHTS, members.get(WEIGHTS, "")),
        graphs=graphs,
        sources=sources or None,
        options=manifest.get("options", {}),
        buckets=buckets,
        generation=generation or None,
        schedule=tuple(Step(**step) for step in manifest["schedule"]),
        path=archive.path,
    )
