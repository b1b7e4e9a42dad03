"""A Graph as text: one line a node, regions indented. `amdc.ir.parser` reads it back to an equal Graph.

    %x : f32[1,3,8,8] = input('image')
    %w : f32[4,3,3,3] = constant('conv_w')
    %pointwise_0 : f32[1,3,8,8] = region.pointwise_0(%x)  # '/Relu', '/Sigmoid' -> 'probability'
      %arg0 : f32[1,3,8,8] = input('arg0')
      %relu : f32[1,3,8,8] = aten.relu.default(%arg0)  # '/Relu'
      %sigmoid : f32[1,3,8,8] = aten.sigmoid.default(%relu)  # '/Sigmoid'
      return %sigmoid
    return [('probability', %pointwise_0)]

An input that is a state reads `state('cache', 'cache_next')`: its name, and the output that is its next value.
A line reads: name, type, expression, the user's node names, and the user's name of the tensor. A constant of at most
`INLINE_ELEMENTS` elements shows its values; the others stand in a file beside the text (amdc.ir.serialize).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, constant, inputs, outputs, region, states

INLINE_ELEMENTS = 8
DTYPES = {
    torch.float64: "f64",
    torch.float32: "f32",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.int64: "i64",
    torch.int32: "i32",
    torch.int16: "i16",
    torch.int8: "i8",
    torch.uint64: "u64",
    torch.uint32: "u32",
    torch.uint16: "u16",
    torch.uint8: "u8",
    torch.float8_e4m3fn: "f8e4m3fn",
    torch.float8_e5m2: "f8e5m2",
    torch.float8_e4m3fnuz: "f8e4m3fnuz",
    torch.float8_e5m2fnuz: "f8e5m2fnuz",
    torch.bool: "bool",
}


def type_text(val: Any) -> str:
    """`f32[1,3,8,8]`; of several results `(f32[2], i64[2])`."""
    if isinstance(val, (tuple, list)):
        return f"({', '.join(map(type_text, val))})"
    return f"{DTYPES[val.dtype]}[{','.join(map(str, val.shape))}]"


def value_text(value: Any) -> str:
    """An argument: a node, a number, a string, a list, or a torch name such as `torch.float32`."""
    if isinstance(value, Node):
        return f"%{value.name}"
    if isinstance(value, list):
        return f"[{', '.join(map(value_text, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(value_text, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, torch.device):
        return f"device({str(value)!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return repr(value)


def target_text(target: Any) -> str:
    """`aten.relu.default`, or `getitem`."""
    return "getitem" if target is operator.getitem else str(target)


def _expression(graph: Graph, node: Node) -> str:
    if node.op == "get_attr":
        tensor = constant(graph, node)
        values = f", {value_text(tensor.flatten().tolist())}" if tensor.numel() <= INLINE_ELEMENTS else ""
        return f"constant({node.target!r}{values})"
    head = f"region.{node.target}" if node.op == "call_module" else target_text(node.target)
    arguments = [value_text(value) for value in node.args]
    arguments += [f"{key}={value_text(value)}" for key, value in node.kwargs.items()]
    return f"{head}({', '.join(arguments)})"


def comment_text(node: Node) -> str:
    """The user's names behind a node: `  # '/conv/Conv', '/relu/Relu' -> 'relu_out'`, or nothing."""
    names, value = node.meta.get("source", ()), node.meta.get("value")
    parts = [", ".join(map(repr, names))] if names else []
    parts += [f"-> {value!r}"] if value is not None else []
    return f"  # {' '.join(parts)}" if parts else ""


def node_text(graph: Graph, node: Node) -> str:
    """The line of one node that is neither an input nor the output."""
    return f"%{node.name} : {type_text(node.meta['val'])} = {_expression(graph, node)}{comment_text(node)}"


def _lines(graph: Graph, indent: str, is_body: bool) -> Iterator[str]:
    names = iter(inputs(graph))
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            yield f"{indent}%{node.name} : {type_text(node.meta['val'])} = {_input(graph, next(names))}{comment_text(node)}"
        elif node.op == "output":
            yield f"{indent}return {_result(graph, node, is_body)}"
        else:
            yield indent + node_text(graph, node)
            if node.op == "call_module":
                yield from _lines(region(graph, node), indent + "  ", True)


def _input(graph: Graph, name: str) -> str:
    following = states(graph).get(name)
    return f"input({name!r})" if following is None else f"state({name!r}, {following!r})"


def _result(graph: Graph, node: Node, is_body: bool) -> str:
    if is_body:
        return value_text(node.args[0])
    held: Any = node.args[0]
    return value_text(list(zip(outputs(graph), held, strict=True)))


def to_text(graph: Graph) -> str:
    """The whole Graph, in order, ending with a newline."""
    return "\n".join(_lines(graph, "", False)) + "\n"
