"""A Graph on disk: `graph.txt` (amdc.ir.printer) and its constants in `constants.safetensors`."""

from __future__ import annotations

from pathlib import Path

import torch

from amdc.errors import ModelError
from amdc.ir.graph import Graph, constant
from amdc.ir.parser import parse
from amdc.ir.printer import INLINE_ELEMENTS, to_text

__all__ = ["constants", "load", "parse", "save", "save_text", "to_text"]

TEXT, CONSTANTS = "graph.txt", "constants.safetensors"


def constants(graph: Graph) -> dict[str, torch.Tensor]:
    """The tensors of the graph's get_attr nodes, by attribute name."""
    return {str(node.target): constant(graph, node) for node in graph.graph.nodes if node.op == "get_attr"}


def save_text(text: str, tensors: dict[str, torch.Tensor], directory: Path) -> None:
    """Write a graph's text and those of its constants that the text does not show."""
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    (directory / TEXT).write_text(text)
    large = {name: tensor.contiguous() for name, tensor in tensors.items() if tensor.numel() > INLINE_ELEMENTS}
    owned: dict[int, str] = {}
    for name, tensor in large.items():  # safetensors refuses tensors that share memory
        if owned.setdefault(tensor.untyped_storage().data_ptr(), name) != name:
            large[name] = tensor.clone()
    save_file(large, directory / CONSTANTS)


def save(graph: Graph, directory: Path) -> None:
    """Write a Graph into a directory, which is made."""
    save_text(to_text(graph), constants(graph), directory)


def load(directory: Path) -> Graph:
    """Read what `save` wrote. Raises `ModelError` where the directory holds no such thing."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return parse((directory / TEXT).read_text(), load_file(directory / CONSTANTS))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{directory} holds no readable graph ({TEXT} and {CONSTANTS}): {error}") from None
