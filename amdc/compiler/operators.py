"""Which ONNX operators compile: those that the frontend reads and the lowering has kernels for."""

from __future__ import annotations

# Operators that the frontend reads, for the Graph in PyTorch, but that no kernel computes, by title. A test holds this table
# against what really lowers.
WITHOUT_KERNELS: dict[str, str] = {
    "NonMaxSuppression": "the number of its results depends on values",
    "Unique": "the number of its results depends on values",
}
# Operators that compile except in some forms.
PARTLY: dict[str, str] = {
    "NonZero": "of constants; else the number of its results depends on values",
}


def operator_title(domain: str, name: str) -> str:
    """How the tables and `amdc ops` call an operator: with its domain, where that is not the default one."""
    return f"{domain}:{name}" if domain else name


def compiled_operators() -> list[tuple[str, str, tuple[int, ...]]]:
    """(domain, operator, opset versions that changed it) of every operator that compiles."""
    from amdc.frontends.onnx import supported_operators

    every = [(domain, name, tuple(since)) for domain, name, since in supported_operators()]
    return [row for row in every if operator_title(*row[:2]) not in WITHOUT_KERNELS]
