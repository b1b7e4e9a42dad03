"""The table of operators that a Graph spells differently than PyTorch does: small functions, keyed by the operator.

Each takes `emit(target, *args, **kwargs)`, which records a call and gives its node, then the operator's own arguments. Tensors
among these are nodes; with `known`, those whose values are known arrive as real tensors. Real tensors given to `emit` become
constants. The function gives the node that stands for the operator's result, a known tensor, or a tuple for several results. It
raises `NotSupported` for a form that cannot be taken over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch.fx import Node

Emit = Callable[..., Node]
Rewrite = TypeVar("Rewrite", bound=Callable[..., Any])

REWRITES: dict[Any, Callable[..., Any]] = {}
WHOLE: list[Any] = []  # those of them that PyTorch is kept from breaking down before
KNOWN: set[Any] = set()  # those of them that look at values


def rewrites(*targets: Any, whole: bool = False, known: bool = False) -> Callable[[Rewrite], Rewrite]:
    """Register a function for some operators; `whole`: PyTorch has a decomposition of them that is not wanted."""

    def register(function: Rewrite) -> Rewrite:
        REWRITES.update(dict.fromkeys(targets, function))
        WHOLE.extend(targets if whole else ())
        KNOWN.update(targets if known else ())
        return function

    return register
