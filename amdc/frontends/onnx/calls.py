"""How a node's values and attributes become the arguments of an operator's torch function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx
from torch import Tensor

from amdc.frontends.onnx.elements import element_name
from amdc.frontends.onnx.registry import Operator
from amdc.frontends.onnx.tensors import TensorReader, attribute_value
from amdc.frontends.onnx.values import Value

if TYPE_CHECKING:
    from amdc.frontends.onnx.walk import Walk


def keyword_arguments(
    operator: Operator, node: onnx.NodeProto, label: str, reader: TensorReader, arguments: list[Value | None]
) -> dict[str, Any]:
    """The node's attributes, and what else the function asks for by parameter name."""
    keywords: dict[str, Any] = {a.name: attribute_value(a, reader, f"node '{label}'") for a in node.attribute}
    if operator.counts_outputs:
        keywords["output_count"] = len(node.output)
    if operator.wants_elements:
        keywords["elements"] = tuple(0 if value is None else value.element for value in arguments)
    return keywords


def positional_arguments(walk: Walk, operator: Operator, node: onnx.NodeProto, arguments: list[Value | None]) -> list[Any]:
    """Each input as the function wants it: a Python value where it is static, a number where it may be one, else a tensor; traced
    where the call will be."""
    static = [_is_static(operator, i) for i in range(len(arguments))]
    tracing = any(v is not None and v.is_traced and not static[i] and operator.decides(i) for i, v in enumerate(arguments))
    ordered: list[Any] = []
    for index, value in enumerate(arguments):
        if value is None:
            ordered.append(None)
        elif static[index]:
            what = f"its input '{operator.positional[index]}'"
            ordered.append(walk.content(value, node.input[index], what).tolist())
        elif not tracing or value.is_traced:
            ordered.append(value.tensor)
        else:
            ordered.append(_operand(walk, operator, node.input[index], index, value, arguments))
    return ordered


def real_arguments(operator: Operator, arguments: list[Value | None]) -> list[Any]:
    """The same from what is known of the values, for a call on real tensors. An input that decides nothing stays as it is."""
    ordered: list[Any] = []
    for index, value in enumerate(arguments):
        content = None if value is None else value.tensor if value.content is None else value.content
        ordered.append(content.tolist() if content is not None and _is_static(operator, index) else content)
    return ordered


def _is_static(operator: Operator, index: int) -> bool:
    return index < len(operator.positional) and operator.positional[index] in operator.static


def _operand(
    walk: Walk, operator: Operator, name: str, index: int, value: Value, arguments: list[Value | None]
) -> Tensor | float | int | bool:
    """A constant in a traced call: a constant of the Graph, or a number where the operator takes those."""
    rank = max(other.tensor.dim() for other in arguments if other is not None and other is not value)
    takes_number = index < len(operator.positional) and operator.positional[index] in operator.scalars
    if takes_number and value.tensor.numel() == 1 and value.tensor.dim() <= rank:
        return value.tensor.item()
    return walk.traced(value, name)


def describe(node: onnx.NodeProto, label: str, arguments: list[Value | None], problem: Exception) -> str:
    """Node, operator, input shapes and reason, in two lines."""
    shapes = ", ".join("none" if value is None else _type_text(value) for value in arguments)
    reason = str(problem).strip().split("\n")[0] or type(problem).__name__
    return f"node '{label}' ({node.op_type}) on {shapes or 'no inputs'}\n    {reason}"


def _type_text(value: Value) -> str:
    plain = str(value.tensor.dtype).removeprefix("torch.")
    return f"{list(value.tensor.shape)} {element_name(value.element).lower() if value.element > 20 else plain}"
