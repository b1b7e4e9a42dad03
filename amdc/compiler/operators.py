"""Which ONNX operators compile: those that the frontend reads and the lowering has kernels for."""

from __future__ import annotations

# Operators that the frontend reads, for the Graph in PyTorch, but that no kernel computes yet. A test holds this table against
# what really lowers.
WITHOUT_KERNELS = {
    "Col2Im": "adds up overlapping elements, which needs float atomics or a gather form",
    "GridSample": "no kernel samples at computed positions yet",
    "TopK": "no kernel sorts yet",
}
# Operators that compile except in some forms.
PARTLY = {
    "Einsum": "not with a repeated index in one operand",
    "MaxPool": "float32 only",
    "ScatterElements": "not with a reduction",
    "ScatterND": "not with a reduction",
}


def compiled_operators() -> list[tuple[str, str, tuple[int, ...]]]:
    """(domain, operator, opset versions that changed it) of every operator that compiles."""
    from amdc.frontends.onnx import supported_operators

    return [(domain, name, tuple(since)) for domain, name, since in supported_operators() if name not in WITHOUT_KERNELS]
