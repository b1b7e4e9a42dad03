"""The table of ONNX operators: small torch functions, keyed by (domain, operator, the opset version that introduced the meaning).

An operator's inputs arrive as positional torch tensors (a missing optional input as None) and its attributes as keyword arguments
with Python types. It returns a tensor, or a tuple with one tensor for each output of the node.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

OLDEST_OPSET = 6
NEWEST_OPSET = 28  # onnx 1.23


class NotSupported(Exception):
    """An operator function refuses this node: a mode, an attribute or a shape that amdc does not handle. The text says which."""


class NeedsConstant(NotSupported):
    """A shape or parameter depends on the values of the model inputs `inputs`, which would have to be constants."""

    def __init__(self, message: str, inputs: frozenset[str]) -> None:
        super().__init__(message)
        self.inputs = inputs


@dataclass(frozen=True)
class Operator:
    """One meaning of one operator.

    `static` names the inputs that must be known at import; they arrive as Python numbers or (nested) lists.
    `scalars` names those that arrive as a Python number where they are constants with one element and another operand is traced.
    `shape_only`: the result depends on nothing but shapes and dtypes, so it is a constant even where the input is not.
    `typed` names those of which only shape and dtype matter: the result is a constant where the other inputs are.
    """

    domain: str
    name: str
    since: int
    function: Callable[..., Any]
    static: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()
    shape_only: bool = False
    typed: tuple[str, ...] = ()

    @cached_property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        return tuple(inspect.signature(self.function).parameters.values())

    @cached_property
    def positional(self) -> tuple[str, ...]:
        """Names of the inputs, in order; empty for a variadic operator."""
        return tuple(p.name for p in self.parameters if p.kind is inspect.Parameter.POSITIONAL_ONLY)

    def decides(self, index: int) -> bool:
        """Whether the values of input number `index` matter, not only its shape and dtype."""
        return not self.shape_only and self.positional[index : index + 1] not in [(name,) for name in self.typed]

    @cached_property
    def counts_outputs(self) -> bool:
        """Whether the function takes `output_count`, the number of outputs that the node asks for."""
        return any(p.name == "output_count" for p in self.parameters)

    @cached_property
    def wants_elements(self) -> bool:
        """Whether the function takes `elements`, ONNX's element types of the inputs (0 for a missing one): torch's dtypes do not
        tell the narrow types (amdc.frontends.onnx.elements)."""
        return any(p.name == "elements" for p in self.parameters)


_OPERATORS: dict[tuple[str, str], dict[int, Operator]] = {}


def onnx_op(
    name: str,
    since: int | tuple[int, ...] = 1,
    domain: str = "",
    static: tuple[str, ...] = (),
    scalars: tuple[str, ...] = (),
    shape_only: bool = False,
    typed: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Register a function as the meaning of an operator from opset version(s) `since` up to the next registered one.

    Inputs are the function's positional-only parameters (or *args), everything after `/` is an attribute.
    """

    def register(function: Function) -> Function:
        versions = _OPERATORS.setdefault((domain, name), {})
        for version in (since,) if isinstance(since, int) else since:
            assert version not in versions, f"{name}-{version} is registered twice"
            versions[version] = Operator(domain, name, version, function, static, scalars, shape_only, typed)
        return function

    return register


def find_operator(domain: str, name: str, opset: int) -> Operator | None:
    """The newest meaning of an operator that is not newer than the model's opset, or None."""
    _load()
    versions = _OPERATORS.get(("" if domain == "ai.onnx" else domain, name), {})
    return max((op for since, op in versions.items() if since <= opset), key=lambda op: op.since, default=None)


def newer_opset(domain: str, name: str, opset: int) -> int | None:
    """The opset version that brought an operator which is too new for `opset`, or None."""
    _load()
    return min((since for since in _OPERATORS.get((domain, name), {}) if since > opset), default=None)


def supported_operators() -> list[tuple[str, str, tuple[int, ...]]]:
    """(domain, operator, opset versions at which amdc's meaning of it changes), sorted; the default domain is ""."""
    _load()
    return sorted((domain, name, tuple(sorted(versions))) for (domain, name), versions in _OPERATORS.items())


def _load() -> None:
    """Import the families, which register themselves (later, because they import this module)."""
    import amdc.frontends.onnx.operators  # noqa: F401
