"""What an import knows of each ONNX value, and which values a node can see."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field

import onnx
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from amdc.frontends.onnx.elements import ELEMENT_OF, HELD, NARROW


@dataclass(frozen=True)
class Value:
    """An ONNX value during import.

    `tensor` is real for a constant and fake for a traced value. `element` is ONNX's element type. `known` is the content of a
    traced tensor that inputs compiled as constants decide; operators' static parameters may be read from it, everything else is
    computed from the traced tensor. `inputs` are the model inputs that its content (not only its shape) depends on.
    """

    tensor: Tensor
    element: int
    known: Tensor | None = None
    inputs: frozenset[str] = frozenset()

    @property
    def is_traced(self) -> bool:
        return isinstance(self.tensor, FakeTensor)

    @property
    def content(self) -> Tensor | None:
        """The values, where they are known at import."""
        return self.known if self.is_traced else self.tensor


def constant(tensor: Tensor, element: int | None = None) -> Value:
    """A value that depends on no input."""
    return Value(tensor, ELEMENT_OF.get(tensor.dtype, 0) if element is None else element)


@dataclass(frozen=True)
class Scope:
    """The values that nodes can name, innermost first, and the operator sets in force.

    `label` is the user's node whose function body or subgraph this is; None for the model's own graph.
    """

    opsets: dict[str, int]
    values: MutableMapping[str, Value] = field(default_factory=dict)
    label: str | None = None

    def inner(self, label: str) -> Scope:
        """The scope of a subgraph: it sees what stands outside, and its own values hide them."""
        chain = self.values if isinstance(self.values, ChainMap) else ChainMap(self.values)
        return Scope(self.opsets, chain.new_child(), label)


def result_element(node: onnx.NodeProto, index: int, version: int, arguments: list[Value | None], result: Tensor) -> int:
    """ONNX's element type of a node's result.

    torch's dtype tells it, except for the narrow types: those come with an input of the same type parameter, with an attribute
    that names the type, or with a tensor attribute.
    """
    plain = ELEMENT_OF.get(result.dtype, 0)
    narrow = [value.element if value is not None and value.element in NARROW else 0 for value in arguments]
    attributes = [_named_element(attribute) for attribute in node.attribute]
    if not any(element in NARROW for element in (*narrow, *attributes)):
        return plain
    candidates = [*attributes, *_like_parameters(node, index, version, narrow)]
    return next((e for e in candidates if e in NARROW and HELD[e] == result.dtype), plain)


def _named_element(attribute: onnx.AttributeProto) -> int:
    """The element type that an attribute names (`to`, `dtype`, `output_dtype`) or that its tensor has; 0 for any other."""
    if attribute.type == onnx.AttributeProto.INT and attribute.name in ("to", "dtype", "output_dtype"):
        return attribute.i
    return attribute.t.data_type if attribute.type == onnx.AttributeProto.TENSOR else 0


def _like_parameters(node: onnx.NodeProto, index: int, version: int, elements: list[int]) -> list[int]:
    """The element types of the inputs whose type parameter is that of output number `index`."""
    domain = "" if node.domain == "ai.onnx" else node.domain
    if not onnx.defs.has(node.op_type, domain):
        return []
    schema = onnx.defs.get_schema(node.op_type, version, domain)
    output = schema.outputs[min(index, len(schema.outputs) - 1)].type_str
    inputs = schema.inputs
    return [e for i, e in enumerate(elements) if e and inputs[min(i, len(inputs) - 1)].type_str == output]
