"""A reproducer: the graph before a pass that failed, the pass with its options, and the error; `amdc opt DIR` runs it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from amdc.errors import InternalError, UsageError
from amdc.ir.graph import Graph
from amdc.ir.serialize import constants, load, save_text
from amdc.ir.verifier import signature, verify
from amdc.pass_manager.base import Pass, PassContext
from amdc.target import target

CASE = "pass.json"


@dataclass(frozen=True)
class Snapshot:
    """A graph as it was: its text, and its constants (shared, for no pass writes into a constant)."""

    text: str
    constants: Mapping[str, torch.Tensor]

    def same_as(self, other: Snapshot) -> bool:
        """Whether both hold the same text and the same constants."""
        return self.text == other.text and all(self.constants[name] is other.constants[name] for name in self.constants)


def write(directory: Path, before: Snapshot, failed: Pass, context: PassContext, error: str) -> Path:
    """Write a reproducer into a new directory below `directory`; returns its path."""
    count = 0
    while (place := directory / f"{failed.name}-{count}").exists():
        count += 1
    save_text(before.text, dict(before.constants), place)
    case = {
        "pass": failed.name,
        "options": failed.options(),
        "arch": context.target.arch,
        "opt_level": context.opt_level,
        "error": error,
        "command": f"amdc opt {place}",
    }
    (place / CASE).write_text(json.dumps(case, indent=2) + "\n")
    return place


def replay(directory: Path, passes: Mapping[str, type[Pass]]) -> tuple[Graph, str]:
    """Run a reproducer's pass on its graph: the graph afterwards and the recorded error.

    `passes` maps names to classes. Raises `UsageError` where the directory is no reproducer, and `InternalError` where the pass
    fails still.
    """
    try:
        case = json.loads((directory / CASE).read_text())
        made = passes[case["pass"]](**case["options"])
    except (OSError, ValueError) as error:
        raise UsageError(f"{directory} is no reproducer: {error}") from None
    except (KeyError, TypeError) as error:
        raise UsageError(f"{directory / CASE} names a pass or an option that this version does not have: {error}") from None
    graph = load(directory)
    expected = signature(graph)
    try:
        made.run(graph, PassContext(target(case["arch"]), case["opt_level"]))
    except Exception as error:
        raise InternalError(f"pass {made} fails on {directory}: {type(error).__name__}: {error}") from error
    verify(graph, expected)
    graph.recompile()
    return graph, case["error"]


def snapshot(graph: Graph, text: str) -> Snapshot:
    return Snapshot(text, constants(graph))
