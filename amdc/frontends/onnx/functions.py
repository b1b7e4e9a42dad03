"""Operators that the ONNX specification itself defines by other operators: their bodies stand in for those without a meaning of
our own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import onnx

from amdc.frontends.onnx.registry import NotSupported
from amdc.frontends.onnx.values import Scope, Value

if TYPE_CHECKING:
    from amdc.frontends.onnx.walk import Walk


def schema_of(domain: str, op_type: str, version: int) -> Any:  # onnx's own stubs lack what is asked of it here
    """The specification (`OpSchema`) of an operator in an operator set, or None."""
    domain = "" if domain == "ai.onnx" else domain
    try:
        return onnx.defs.get_schema(op_type, version, domain)
    except onnx.defs.SchemaError:
        return None


def has_function(domain: str, op_type: str, version: int) -> bool:
    """Whether the specification defines this operator by others."""
    schema = schema_of(domain, op_type, version)
    return schema is not None and bool(schema.has_function or schema.has_context_dependent_function)


def function_body(node: onnx.NodeProto, opsets: dict[str, int], arguments: list[Value | None]) -> onnx.FunctionProto | None:
    """The body that the specification gives for this node and these input types; None where it gives none."""
    version = opsets.get(node.domain, 0)
    schema = schema_of(node.domain, node.op_type, version)
    if schema is None:
        return None
    if schema.has_function:
        return _parsed(schema.get_function_with_opset_version(_nearest(schema.function_opset_versions, version)))
    if schema.has_context_dependent_function:
        types = [_type(value).SerializeToString() for value in arguments]
        nearest = _nearest(schema.context_dependent_function_opset_versions, version)
        return _parsed(schema.get_context_dependent_function_with_opset_version(nearest, node.SerializeToString(), types))
    return None


def _nearest(versions: Iterable[int], version: int) -> int:
    """The newest of a function's operator sets up to the model's, else the oldest: all bodies of one schema mean the same, and
    each says which operator set its own nodes belong to."""
    ordered = sorted(versions)
    return max((v for v in ordered if v <= version), default=ordered[0])


def _parsed(body: bytes | onnx.FunctionProto) -> onnx.FunctionProto | None:
    """A body, which some versions of onnx give in serialised form; None where the specification gives none after all."""
    proto = onnx.FunctionProto.FromString(body) if isinstance(body, bytes) else body
    return proto if proto.node else None


def _type(value: Value | None) -> onnx.TypeProto:
    if value is None:
        return onnx.TypeProto()
    return onnx.helper.make_tensor_type_proto(value.element, [int(extent) for extent in value.tensor.shape])


def expand(
    walk: Walk,
    body: onnx.FunctionProto,
    node: onnx.NodeProto,
    label: str,
    opsets: dict[str, int],
    arguments: list[Value | None],
) -> list[Value | None]:
    """The results of a body's nodes, None for one that the specification omits. All that they record carries the user's node.

    A body that does not say which operator sets its nodes belong to means the model's, `opsets`.
    """
    scope = Scope(opsets | _opsets(body), {}, label)
    for name, value in zip(body.input, arguments, strict=False):
        if value is not None:
            scope.values[name] = value
    attributes = _attributes(body, node, opsets[node.domain])
    for inner in body.node:
        step = resolved(inner, attributes)
        for index, name in enumerate(step.input):
            if name and name not in scope.values:
                step.input[index] = ""  # an optional input of the function that the node leaves out
        walk.node(step, label, scope)
    missing = [name for name, wanted in zip(body.output, node.output, strict=False) if wanted and name not in scope.values]
    if missing:
        raise NotSupported(f"the function of {node.op_type} does not compute its output '{missing[0]}'")
    return [scope.values.get(name) for name in body.output[: len(node.output)]]


def _opsets(body: onnx.FunctionProto) -> dict[str, int]:
    versions = {entry.domain: entry.version for entry in body.opset_import}
    default = versions.get("", versions.get("ai.onnx"))
    return versions if default is None else versions | {"": default, "ai.onnx": default}


def _attributes(body: onnx.FunctionProto, node: onnx.NodeProto, version: int) -> dict[str, onnx.AttributeProto]:
    """The node's attributes, over the defaults of the function and of the schema."""
    schema = schema_of(node.domain, node.op_type, version)
    assert schema is not None
    defaults = {name: entry.default_value for name, entry in schema.attributes.items() if entry.default_value.name}
    return defaults | {a.name: a for a in body.attribute_proto} | {a.name: a for a in node.attribute}


def resolved(node: onnx.NodeProto, attributes: dict[str, onnx.AttributeProto]) -> onnx.NodeProto:
    """A copy of a body's node, with references to the function's attributes replaced by their values (subgraphs included)."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            if attribute.ref_attr_name in attributes:
                copy.attribute.add().CopyFrom(attributes[attribute.ref_attr_name])
                copy.attribute[-1].name = attribute.name
            continue
        held = copy.attribute.add()
        held.CopyFrom(attribute)
        if attribute.type == onnx.AttributeProto.GRAPH:
            del held.g.node[:]
            held.g.node.extend(resolved(inner, attributes) for inner in attribute.g.node)
    return copy
