"""Writes a Graph node by node: inputs, shared constants, and calls whose results' types are inferred at once."""

from __future__ import annotations

import keyword
import re
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import GraphModule, Node

from amdc.ir.graph import Graph


def identifier(name: str) -> str:
    """A Python identifier that resembles a user's name."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"v_{plain}" if not plain or plain[0].isdigit() or keyword.iskeyword(plain) else plain


class GraphBuilder:
    """A Graph under construction. Tensors are static and dense; constants share the memory of the tensors given."""

    def __init__(self) -> None:
        self.graph = torch.fx.Graph()
        self.fake_mode = FakeTensorMode()
        self._root = torch.nn.Module()
        self._reserved = GraphModule(torch.nn.Module(), torch.fx.Graph())
        self._names: dict[str, str] = {}  # attribute -> the user's name
        self._held: dict[Any, Node] = {}  # what identifies a tensor in memory -> its node
        self._alive: list[Tensor] = []  # so that no address in `_held` is used again

    def input(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Node:
        """A new placeholder."""
        return self._described(self.graph.placeholder(identifier(name)), self._empty(shape, dtype), (), name)

    def constant(self, tensor: Tensor, name: str) -> Node:
        """The node of a constant that the user calls `name`; the same memory seen the same way is one constant (tied weights)."""
        key = _memory(tensor)
        if key not in self._held:
            attribute = self._unique(identifier(name))
            self._root.register_buffer(attribute, tensor.detach().contiguous())
            self._names[attribute] = name
            fake = self._empty(tuple(tensor.shape), tensor.dtype)
            self._held[key] = self._described(self.graph.get_attr(attribute), fake, (), name)
            self._alive.append(tensor)
        return self._held[key]

    def call(self, target: Any, args: Any, kwargs: Any, source: tuple[str, ...], value: str | None) -> Node:
        """A call of an operator on nodes and plain values. Raises what the operator raises on such arguments."""
        fakes, keywords = torch.fx.map_arg((args, kwargs), lambda node: node.meta["val"])
        with self.fake_mode:
            result = target(*fakes, **keywords)
        node = self.graph.call_function(target, tuple(args), dict(kwargs))
        return self._described(node, tuple(result) if isinstance(result, (tuple, list)) else result, source, value)

    def finish(self, results: list[Node], meta: dict[str, Any]) -> Graph:
        """The Graph with these outputs; nodes and constants that they do not need are dropped."""
        output = self.graph.output(tuple(results))
        output.meta.update(source=(), value=None)
        self.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        graph = GraphModule(self._root, self.graph)
        used = {str(node.target) for node in graph.graph.nodes if node.op == "get_attr"}
        graph.meta = {**meta, "constants": {attribute: name for attribute, name in self._names.items() if attribute in used}}
        return graph

    def _described(self, node: Node, val: Any, source: tuple[str, ...], value: str | None) -> Node:
        node.meta.update(val=val, source=source, value=value)
        return node

    def _empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        with self.fake_mode:
            return torch.empty(shape, dtype=dtype)

    def _unique(self, name: str) -> str:
        unique, count = name, 0
        while hasattr(self._root, unique) or hasattr(self._reserved, unique):
            count += 1
            unique = f"{name}_{count}"
        return unique


def _memory(tensor: Tensor) -> Any:
    """What identifies a tensor: where it lies and how it is read. One without elements is identified by itself."""
    if tensor.numel() == 0:
        return id(tensor)
    return tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype
