"""What a bundle says of its programs beyond their launches: their Graphs, sizes to pad inputs to, and text generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class GraphText:
    """A program's Graph, printed. `constants` names those tensors of the text that the bundle holds under another name."""

    text: str
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Buckets:
    """A dimension that the user lets a session pad: along `symbol`, inputs are filled up with zeros to the next of `sizes`, and
    what is added is cut off the outputs. Right only for a model that masks its padding by an input along the same dimension.

    `inputs` and `outputs` hold the axes of each port that extend along the symbol."""

    symbol: str
    sizes: tuple[int, ...]
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Generation:
    """A causal language model whose key-value cache is a state.

    Each program takes `ids` int64 [1, n], `start` int64 [1] (how many tokens the cache holds) and `last` int64 [1] (the index in
    `ids` of the last token that counts), and gives `token` int64 [1], the likeliest next one. `lengths` are the programs' n,
    ascending; 1 is among them. The cache holds `max_length` tokens."""

    lengths: tuple[int, ...]
    max_length: int
    vocabulary: int


@dataclass(frozen=True)
class Step:
    """A step of a model whose programs run one after another: a program, once, or where `condition` names a state (bool, one
    element) as often as that state is true before it. The first program takes the model's inputs, the last gives its outputs."""

    program: str
    condition: str | None = None


def buckets_from_json(tree: Mapping[str, Any]) -> Buckets:
    """What `dataclasses.asdict` made of a `Buckets`, after JSON. Raises KeyError or TypeError on a tree of another shape."""
    axes = {side: {name: tuple(map(int, found)) for name, found in tree[side].items()} for side in ("inputs", "outputs")}
    return Buckets(str(tree["symbol"]), tuple(map(int, tree["sizes"])), **axes)


def generation_from_json(tree: Mapping[str, Any]) -> Generation:
    """What `dataclasses.asdict` made of a `Generation`, after JSON."""
    return Generation(tuple(map(int, tree["lengths"])), int(tree["max_length"]), int(tree["vocabulary"]))
