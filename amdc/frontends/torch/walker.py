"""Walks a functional fx graph of ATen operators and writes the Graph: the part that export and torch.compile have in common.

A value in the walk is a node of the new Graph (it depends on inputs or parameters), a real tensor (known now: buffers, lifted
constants and what is computed from them and from shapes), or a plain Python value (sizes). What is known is computed at once.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import DynamicOutputShapeException
from torch.fx import GraphModule, Node
from torch.utils._pytree import tree_leaves, tree_map

from amdc.frontends.torch.builder import GraphBuilder
from amdc.frontends.torch.errors import Failures, NotSupported
from amdc.frontends.torch.names import label, operator_name
from amdc.frontends.torch.operators import KNOWN, REWRITES
from amdc.ir.printer import DTYPES
from amdc.ir.verifier import is_known

aten = torch.ops.aten
CHECKS = ("_assert_tensor_metadata", "_assert_scalar", "_assert_async", "sym_constrain_range", "sym_constrain_range_for_size")
REGIONS = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4}  # higher-order operators -> where their body stands
FACTORY_KEYWORDS = ("device", "layout", "pin_memory")


class _Missing:
    """The value of a node that could not be taken over, or that needs one."""


MISSING = _Missing()


class Walker:
    """One walk. Failures are collected, not raised. `cut` is taken off the front of module paths."""

    def __init__(self, builder: GraphBuilder, failures: Failures, cut: str = "") -> None:
        self.builder, self.failures, self._cut = builder, failures, cut
        self._names: dict[int, str] = {}
        self._alive: list[Tensor] = []

    def name(self, tensor: Tensor, name: str) -> Tensor:
        """Remember what the user calls a known tensor."""
        self._names[id(tensor)] = name
        self._alive.append(tensor)
        return tensor

    def node(self, value: Any, name: str) -> Any:
        """A value as a node: known tensors become constants; anything else stays as it is."""
        if isinstance(value, Tensor):
            return self.builder.constant(value, self._names.get(id(value), name))
        return value

    def run(self, module: GraphModule, values: Sequence[Any], prefix: str = "") -> list[Any]:
        """The values of the output tuple of `module`'s graph, given those of its placeholders."""
        held: dict[Node, Any] = {}
        given = iter(values)
        for node in module.graph.nodes:
            if node.op == "placeholder":
                held[node] = next(given)
            elif node.op == "get_attr":
                held[node] = self._attribute(module, str(node.target))
            elif node.op == "output":
                results = node.args[0]
                results = [results] if isinstance(results, Node) else list(results)
                return [held[result] if isinstance(result, Node) else result for result in results]
            else:
                held[node] = self._guarded(node, held, prefix)
        raise AssertionError("an fx graph ends with an output node")

    def _attribute(self, module: GraphModule, target: str) -> Any:
        value: Any = module
        for part in target.split("."):
            value = getattr(value, part)
        return self.name(value, target) if isinstance(value, Tensor) else value

    def _guarded(self, node: Node, held: dict[Node, Any], prefix: str) -> Any:
        """The value of a call, or MISSING, with a note of why."""
        args, kwargs = torch.fx.map_arg((node.args, node.kwargs), held.__getitem__)
        leaves = tree_leaves((args, kwargs), is_leaf=lambda leaf: leaf is None)
        if any(leaf is MISSING for leaf in leaves):
            return MISSING
        try:
            return self._call(node, args, kwargs, any(isinstance(leaf, Node) for leaf in leaves), prefix)
        except DynamicOutputShapeException:
            self.failures.add(str(node.target), label(node, self._cut), "the shape of its result depends on values")
            return MISSING
        except Exception as problem:  # whatever an operator raises on its arguments is shown with its name
            reason = str(problem).strip().split("\n")[0] or type(problem).__name__
            self.failures.add(str(node.target), label(node, self._cut), reason)
            return MISSING

    def _call(self, node: Node, args: Any, kwargs: Any, traced: bool, prefix: str) -> Any:
        target: Any = node.target
        name = operator_name(target)
        if name in CHECKS:
            return None
        if name in REGIONS:
            return self._region(name, node, args, prefix)
        if target is operator.getitem:
            return self._item(*args)
        if target is aten.sym_size.int and isinstance(args[0], Node):
            return int(args[0].meta["val"].shape[args[1]])
        if isinstance(target, torch._ops.HigherOrderOperator):
            raise NotSupported("control flow that depends on values: fix the condition, or export both sides")
        if target not in REWRITES and torch.Tag.nondeterministic_seeded in getattr(target, "tags", ()):
            raise NotSupported(
                "it draws random numbers, which a compiled program does not; in training mode call model.eval() first"
            )
        if not traced:
            return self._known(target, args, kwargs, node)
        return self._traced(node, target, args, kwargs, prefix)

    def _known(self, target: Any, args: Any, kwargs: Any, node: Node) -> Any:
        """Computed now, in PyTorch."""
        with torch.no_grad():
            result = target(*args, **kwargs)
        return tree_map(lambda leaf: self.name(leaf, node.name) if isinstance(leaf, Tensor) else leaf, result)

    def _item(self, value: Any, index: Any) -> Any:
        if not isinstance(value, Node):
            return value[index]
        made = self.builder.call(operator.getitem, (value, index), {}, value.meta["source"], None)
        made.meta["value"] = value.meta["value"] and (value.meta["value"] if index == 0 else f"{value.meta['value']}.{index}")
        return made

    def _region(self, name: str, node: Node, args: Any, prefix: str) -> Any:
        """The body of a no_grad or autocast block, walked in place: functionalised bodies carry their casts themselves."""
        where = REGIONS[name]
        return tuple(self.run(args[where], args[where + 1 :], f"{prefix}{node.name}."))

    def _traced(self, node: Node, target: Any, args: Any, kwargs: Any, prefix: str) -> Any:
        """Recorded, in the Graph's own spelling of the operator."""
        source, value = (label(node, self._cut),), prefix + node.name

        def lifted(given: Any) -> Any:
            return tree_map(lambda leaf: self.node(leaf, value), given)

        def emit(made: Any, *given: Any, **options: Any) -> Node:
            if not is_known(made):
                raise NotSupported("it is neither core ATen nor an operator of amdc, and PyTorch has no decomposition of it")
            nodes, keywords = lifted((given, options))
            return _checked(self.builder.call(made, nodes, keywords, source, None))

        arguments, keywords = (args, kwargs) if target in KNOWN else lifted((tuple(args), dict(kwargs)))
        keywords = {key: held for key, held in keywords.items() if key not in FACTORY_KEYWORDS}
        result = REWRITES[target](emit, *arguments, **keywords) if target in REWRITES else emit(target, *arguments, **keywords)
        if isinstance(result, Node) and result.meta["value"] is None:
            result.meta["value"] = value
        return result


def _checked(node: Node) -> Node:
    """The node, if a Graph can hold its dtype."""
    val = node.meta["val"]
    for part in val if isinstance(val, tuple) else (val,):
        if isinstance(part, Tensor) and part.dtype not in DTYPES:
            raise NotSupported(f"its result is {str(part.dtype).removeprefix('torch.')}, which no Graph holds")
    return node
