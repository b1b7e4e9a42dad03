"""Records what torch functions do to FakeTensors as an fx graph of core ATen and amdc:: operators.

No arithmetic is done on traced values, only shape inference. Operators on real tensors alone run at once and leave no node.
"""

from __future__ import annotations

import functools
import keyword
import operator
import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.fx import GraphModule, Node
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from amdc.frontends.onnx.registry import NotSupported

aten = torch.ops.aten
KEEPS_SHAPE = (aten.view.default, aten.expand.default)  # given the shape that their operand has, they say nothing


@functools.cache
def _decompositions() -> dict[Any, Callable[..., Any]]:
    """torch's table of what is not core ATen, in terms of what is."""
    return dict(torch._decomp.core_aten_decompositions().items())


def identifier(name: str) -> str:
    """A Python identifier that resembles a user's name."""
    plain = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"v_{plain}" if not plain or plain[0].isdigit() or keyword.iskeyword(plain) else plain


class Recorder(TorchDispatchMode):
    """While active, records each operator that a FakeTensor of its own takes part in.

    `source` is the user's node whose operators are being recorded. Traced tensors come from `placeholder` and `constant`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.graph = torch.fx.Graph()
        self.fake_mode = FakeTensorMode(shape_env=ShapeEnv())  # sizes that depend on values (NonZero) become symbols
        self.source: tuple[str, ...] = ()
        self.constants: dict[str, str] = {}
        self._root = torch.nn.Module()
        self._reserved = GraphModule(self._root, torch.fx.Graph())
        self._nodes: dict[int, Node] = {}
        self._extents: dict[Any, tuple[Node, int]] = {}  # an extent that values decide -> a tensor that has it, and where
        self._lifted: dict[Any, Tensor] = {}
        self._alive: list[Tensor] = []  # tensors that `_nodes` or `_lifted` know by id

    def placeholder(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """A new input of the graph, behind those that it has."""
        first = next((node for node in self.graph.nodes if node.op != "placeholder"), None)
        with self.graph.inserting_before(first) if first is not None else nullcontext():
            node = self.graph.placeholder(identifier(name))
        return self._add(node, self._empty(shape, dtype), (), name)

    def constant(self, tensor: Tensor, name: str) -> Tensor:
        """The traced tensor of a constant that the user calls `name`; the same tensor, or the same fill, is stored once."""
        key = _fill_key(tensor) or id(tensor)
        if key not in self._lifted:
            attribute = self._unique(identifier(name))
            self._root.register_buffer(attribute, tensor.detach().contiguous())
            self.constants[attribute] = name
            fake = self._empty(tuple(tensor.shape), tensor.dtype)
            self._lifted[key] = self._add(self.graph.get_attr(attribute), fake, (), name)
            self._alive.append(tensor)
        return self._lifted[key]

    def fill(self, shape: tuple[int, ...], value: list[Any], dtype: torch.dtype, name: str) -> Tensor:
        """A tensor with one value throughout (in `value`; empty for a tensor without elements), made by an operator."""
        node = self.graph.call_function(aten.full.default, (list(shape), *(value or [0])), {"dtype": dtype})
        return self._add(node, self._empty(shape, dtype), (), name)

    def is_traced(self, value: Any) -> bool:
        return isinstance(value, FakeTensor)

    def node(self, tensor: Tensor) -> Node:
        """The node that holds a traced tensor."""
        return self._nodes[id(tensor)]

    def finish(self, outputs: tuple[Tensor, ...], meta: dict[str, Any]) -> GraphModule:
        """The Graph with these outputs; nodes and constants that they do not need are dropped."""
        result = self.graph.output(tuple(self.node(tensor) for tensor in outputs))
        result.meta.update(source=(), value=None)
        self.graph.eliminate_dead_code()
        graph = GraphModule(self._root, self.graph)
        held = {str(node.target) for node in graph.graph.nodes if node.op == "get_attr"}
        constants = {attribute: name for attribute, name in self.constants.items() if attribute in held}
        graph.meta = {**meta, "constants": constants}
        return graph

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.namespace == "prim" or not any(self.is_traced(leaf) for leaf in tree_leaves((args, kwargs))):
            return func(*args, **kwargs)  # prim: a question about a tensor (its device), not an operator on it
        if func is aten.detach.default:
            return self._alias(func(*args), self.node(args[0]))
        if func in KEEPS_SHAPE and _is_static(args[0].shape) and list(args[0].shape) == list(args[1]):
            return self._alias(func(*args), self.node(args[0]))
        for rewrite in (_decompositions().get(func), func.decompose):
            if rewrite is not None:
                with self:
                    result = rewrite(*args, **kwargs)
                if result is not NotImplemented:
                    return result
        return self._record(func, *self._lift((args, kwargs)))

    def _record(self, func: Any, args: Any, kwargs: Any) -> Any:
        with self.fake_mode:
            result = func(*args, **kwargs)
        arguments, keywords = tree_map_only((Tensor, torch.SymInt), self._argument, (args, kwargs))
        node = self.graph.call_function(func, arguments, keywords)
        if isinstance(result, Tensor):
            return self._add(node, result, self.source)
        node.meta.update(val=tuple(result), source=self.source, value=None)
        for index, part in enumerate(result):
            self._add(self.graph.call_function(operator.getitem, (node, index)), part, self.source)
        return result

    def _argument(self, value: Tensor | torch.SymInt) -> Any:
        """What stands for a traced value in a node's arguments; for an extent that values decide, nodes that compute it."""
        return self.node(value) if isinstance(value, Tensor) else self._extent(value.node.expr)

    def _extent(self, expression: Any) -> Any:
        if expression.is_Integer:
            return int(expression)
        if expression in self._extents:
            tensor, dim = self._extents[expression]
            return self._size_node(aten.sym_size.int, (tensor, dim))
        if expression.func.__name__ not in ("Add", "Mul"):
            raise NotSupported(
                f"an extent of its result is {expression}, of sizes that depend on the values of the model's inputs"
            )
        combine = operator.add if expression.is_Add else operator.mul
        parts = [self._extent(part) for part in expression.args]
        return functools.reduce(lambda a, b: self._size_node(combine, (a, b)), parts)

    def _size_node(self, target: Any, args: tuple[Any, ...]) -> Node:
        node = self.graph.call_function(target, args)
        node.meta.update(source=self.source, value=None)
        return node

    def _lift(self, arguments: Any) -> Any:
        """Real tensors among an operator's arguments become constants of the graph."""
        return tree_map_only(Tensor, lambda t: t if self.is_traced(t) else self.constant(t, "constant"), arguments)

    def _add(self, node: Node, tensor: Tensor, source: tuple[str, ...], value: str | None = None) -> Tensor:
        """Tie a traced tensor to the node that holds it; `meta["val"]` keeps it alive, so its id stays its own."""
        node.meta.update(val=tensor, source=source, value=value)
        for dim, extent in enumerate(tensor.shape):
            if isinstance(extent, torch.SymInt):
                self._extents.setdefault(extent.node.expr, (node, dim))
        self._nodes[id(tensor)] = node
        return tensor

    def _alias(self, tensor: Tensor, node: Node) -> Tensor:
        """A second tensor that a node stands for."""
        self._alive.append(tensor)
        self._nodes[id(tensor)] = node
        return tensor

    def _empty(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        with self.fake_mode:
            return torch.empty(shape, dtype=dtype)

    def _unique(self, name: str) -> str:
        unique, count = name, 0
        while hasattr(self._root, unique) or hasattr(self._reserved, unique):
            count += 1
            unique = f"{name}_{count}"
        return unique


def _is_static(shape: torch.Size) -> bool:
    return all(isinstance(extent, int) for extent in shape)


def _fill_key(tensor: Tensor) -> Any:
    """What identifies a tensor with one value throughout that is stored as a single element; None for any other."""
    if tensor.numel() > 1 and not any(stride for stride, extent in zip(tensor.stride(), tensor.shape, strict=True) if extent > 1):
        return tensor.reshape(-1)[0].item(), tensor.dtype, tuple(tensor.shape)
    return None
