"""Refuses Graphs whose shapes depend on values (NonZero and its kin): a Program's buffers have one size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amdc.errors import ModelError

if TYPE_CHECKING:
    from torch.fx import Node

    from amdc.ir.graph import Graph

SHOWN = 8  # nodes


def require_static_shapes(graph: Graph, arch: str) -> None:
    """Raises ModelError naming the nodes that first make a size which only a run can tell."""
    makers = [node for node in graph.graph.nodes if _is_open(node) and not any(map(_is_open, node.all_input_nodes))]
    if not makers:
        return
    named = [f"  {(node.meta.get('source') or (node.name,))[0]}  ({node.target})" for node in makers[:SHOWN]]
    more = [f"  and {len(makers) - SHOWN} more"] if len(makers) > SHOWN else []
    head = f"{len(makers)} node{'s make' if len(makers) > 1 else ' makes'} tensors whose shape depends on values"
    raise ModelError(
        "\n".join(
            [f"{head}, which cannot be compiled for {arch}", *named, *more, "  Cut the model before them, or run it on the host"]
        )
    )


def _is_open(node: Node) -> bool:
    """Whether a node's value has an extent that is no number, or is such an extent."""
    val = node.meta.get("val")
    if val is None:
        return node.op == "call_function"
    parts = val if isinstance(val, (tuple, list)) else (val,)
    return any(not isinstance(extent, int) for part in parts for extent in part.shape)
