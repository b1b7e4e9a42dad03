"""Each point-wise operator as a C++ expression over the values of its operands; functions it calls: kernels/hip/amdc_math.h.

Rules follow PyTorch: operands are converted to the type that the operator computes in, the result to the node's own type.
float16 and bfloat16 values are held as floats, rounded after each operator that makes new ones, as eager PyTorch does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.fx import Node

from amdc.codegen.dtypes import C_TYPES, NARROW, TAGS
from amdc.errors import InternalError
from amdc.ir.ops.row_moments import add_normalized

aten = torch.ops.aten

Compute = Literal[
    "result", "operands", "condition"
]  # the type operands are converted to: the node's, their common one, see where


@dataclass(frozen=True)
class Rule:
    """`text` has {0}, {1}, ... for the operands in the operator's order; `cost` counts floating-point operations."""

    text: str
    compute: Compute = "result"
    cost: int = 1


def _named(function: str, count: int, compute: Compute = "result", cost: int = 1) -> Rule:
    return Rule(f"{function}({', '.join(f'{{{i}}}' for i in range(count))})", compute, cost)


TRANSCENDENTAL = 8  # operations that reports book for one exp, tanh, ...
_FUNCTIONS = (
    "exp",
    "log",
    "log2",
    "log10",
    "log1p",
    "exp2",
    "expm1",
    "sqrt",
    "rsqrt",
    "erf",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "sigmoid",
    "silu",
    "hardswish",
    "hardsigmoid",
)
_BINARY = {"add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}"}
_COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_BOTH = ("Tensor", "Scalar")


def _table() -> dict[Any, Rule]:
    rules = {getattr(aten, name).default: _named(f"amdc_{name}", 1, cost=TRANSCENDENTAL) for name in _FUNCTIONS}
    rules |= {getattr(getattr(aten, name), kind): Rule(text) for name, text in _BINARY.items() for kind in _BOTH}
    rules |= {
        getattr(getattr(aten, n), kind): Rule(f"{{0}} {sign} {{1}}", "operands") for n, sign in _COMPARE.items() for kind in _BOTH
    }
    for name in ("abs", "sign", "relu", "floor", "ceil", "round", "trunc"):
        rules[getattr(aten, name).default] = _named(f"amdc_{name}", 1)
    for name in ("left", "right"):
        target = getattr(aten, f"bitwise_{name}_shift")
        short = getattr(aten, f"__{name[0]}shift__")
        spellings = (target.Tensor, target.Tensor_Scalar, short.Tensor, short.Scalar)
        rules |= dict.fromkeys(spellings, _named(f"amdc_shift_{name}", 2))
    for name in ("fmod", "remainder"):
        rules |= {getattr(getattr(aten, name), kind): _named(f"amdc_{name}", 2, cost=4) for kind in _BOTH}
    for name, sign in (("and", "&"), ("or", "|"), ("xor", "^")):
        rules |= {getattr(getattr(aten, f"bitwise_{name}"), kind): Rule(f"{{0}} {sign} {{1}}") for kind in _BOTH}
        rules[getattr(aten, f"logical_{name}").default] = Rule(f"({{0}} != 0) {sign} ({{1}} != 0)", "operands", 0)
    for kind in ("Tensor_Scalar", "Scalar", "Tensor_Tensor"):
        rules[getattr(aten.pow, kind)] = _named("amdc_pow", 2, cost=2 * TRANSCENDENTAL)
    return rules | {
        aten.rsub.Scalar: Rule("{1} - {0}"),
        aten.atan2.default: _named("amdc_atan2", 2, cost=2 * TRANSCENDENTAL),
        aten.neg.default: Rule("-{0}"),
        aten.reciprocal.default: Rule("1 / {0}"),
        aten.minimum.default: _named("amdc_minimum", 2),
        aten.maximum.default: _named("amdc_maximum", 2),
        aten.logical_not.default: Rule("{0} == 0", "operands", 0),
        aten.bitwise_not.default: Rule("~{0}", cost=0),
        aten.isnan.default: Rule("{0} != {0}", "operands"),
        aten.isinf.default: Rule("amdc_isinf({0})", "operands"),
        aten.where.self: Rule("{0} ? {1} : {2}", "condition"),
        aten._to_copy.default: Rule("{0}", cost=0),
        aten.clone.default: Rule("{0}", cost=0),
        aten.hardtanh.default: _named("amdc_clamp", 3, cost=2),
        aten.leaky_relu.default: _named("amdc_leaky_relu", 2, cost=2),
        aten.elu.default: _named("amdc_elu", 4, cost=TRANSCENDENTAL),
        aten.softplus.default: _named("amdc_softplus", 3, cost=2 * TRANSCENDENTAL),
        add_normalized: Rule("{0} + (({1} - {2}) * {3} * {4} + {5})", cost=5),
    }


RULES = _table()
# Operators whose result is one of their operands' values, or its negative: a narrow float stays exact.
EXACT = frozenset(
    getattr(getattr(aten, name), kind)
    for name, kind in (
        ("relu", "default"), ("neg", "default"), ("abs", "default"), ("sign", "default"), ("minimum", "default"),
        ("maximum", "default"), ("floor", "default"), ("ceil", "default"), ("trunc", "default"), ("round", "default"),
        ("where", "self"), ("clone", "default"),
    )
)  # fmt: skip

# Operators whose numbers PyTorch rounds to a narrow tensor's dtype; the others compute with them in fp32.
ROUNDED_NUMBERS = frozenset(
    getattr(getattr(aten, name), kind)
    for name, kinds in {
        **dict.fromkeys(_COMPARE, ("Scalar",)),
        **dict.fromkeys(("fmod", "remainder"), ("Tensor", "Scalar")),
        "div": ("Tensor_mode", "Scalar_mode"),
        "clamp": ("default",),
        "hardtanh": ("default",),
    }.items()
    for kind in kinds
)


def literal(value: Any, dtype: str) -> str:
    """A Python number as a C++ constant of a tensor type."""
    kind = C_TYPES[dtype]
    if kind not in ("float", "double"):
        if kind == "bool":
            return "true" if value else "false"
        whole = int(value)
        if kind == "amdc_u64":
            return f"{whole % (1 << 64)}ul"
        return f"({kind}){whole}l" if whole != -(1 << 63) else "(long)(-9223372036854775807l - 1)"
    suffix = "f" if kind == "float" else ""
    number = float(value) if kind == "double" else float(torch.tensor(float(value), dtype=torch.float32))
    if math.isnan(number):
        return f'__builtin_nan{suffix}("")'
    if math.isinf(number):
        return f"({'-' if number < 0 else ''}__builtin_inf{suffix}())"
    return f"({number.hex()}{suffix})"


def _dtype(value: Node) -> str:
    return str(value.meta["val"].dtype).removeprefix("torch.")


def _arguments(node: Node) -> list[Any]:
    """The operator's arguments in its schema's order, defaults filled in; a keyword-only dtype, layout or mode is left out."""
    schema = node.target._schema  # type: ignore[union-attr]
    given = list(node.args)
    for argument in schema.arguments[len(given) :]:
        if not argument.kwarg_only:
            given.append(node.kwargs.get(argument.name, argument.default_value))
    return given


def _common(values: list[Any]) -> str:
    """The dtype that PyTorch computes a comparison of these operands in."""
    tensors = [v.meta["val"] if isinstance(v, Node) else v for v in values if v is not None]
    if len(tensors) == 1:
        return str(tensors[0].dtype).removeprefix("torch.")
    return str(torch.result_type(tensors[0], tensors[1])).removeprefix("torch.")


def _converted(value: Any, dtype: str, names: dict[Node, str], round_numbers: bool) -> str:
    if not isinstance(value, Node):
        if round_numbers and dtype in NARROW and not isinstance(value, bool):
            value = float(torch.tensor(value, dtype=getattr(torch, dtype)))
        return literal(value, dtype)
    held, wanted = C_TYPES[_dtype(value)], C_TYPES[dtype]
    if held == wanted:
        return names[value]
    if dtype == "bool":
        return f"({names[value]} != 0)"
    if held in ("float", "double") and wanted not in ("float", "double"):
        return f"amdc_to_integer<{wanted}>({names[value]})"
    return f"({wanted}){names[value]}"


def _special(node: Node, values: list[Any]) -> tuple[Rule, list[Any]] | None:
    """The rules that depend on an argument's value."""
    target = node.target
    if target in (aten.add.Tensor, aten.add.Scalar, aten.sub.Tensor, aten.sub.Scalar, aten.rsub.Scalar):
        alpha = node.kwargs.get("alpha", values[2] if len(values) > 2 else 1)
        first, second = ("{1}", "{0}") if target is aten.rsub.Scalar else ("{0}", "{1}")
        sign = "+" if target in (aten.add.Tensor, aten.add.Scalar) else "-"
        if target is aten.rsub.Scalar and alpha != 1:
            return Rule("{1} - {2} * {0}", cost=2), [*values[:2], alpha]
        text = f"{first} {sign} {second}" if alpha == 1 else f"{first} {sign} {{2}} * {second}"
        return Rule(text, cost=1 if alpha == 1 else 2), [*values[:2], alpha][: 2 if alpha == 1 else 3]
    if target in (aten.div.Tensor_mode, aten.div.Scalar_mode):
        mode = str(node.kwargs.get("rounding_mode"))
        texts = {"None": "{0} / {1}", "trunc": "amdc_div_trunc({0}, {1})", "floor": "amdc_div_floor({0}, {1})"}
        return Rule(texts[mode]), values[:2]
    if target in (aten.clamp.default, aten.clamp.Tensor):
        low, high = ([*values, None, None])[1:3]
        calls = {"low": "amdc_maximum({0}, {1})", "high": "amdc_minimum({0}, {1})", "both": "amdc_clamp({0}, {1}, {2})"}
        kind = "both" if low is not None and high is not None else "low" if low is not None else "high"
        return Rule(calls[kind]), [v for v in (values[0], low, high) if v is not None]
    if target is aten.gelu.default:
        return _named(
            "amdc_gelu_tanh" if node.kwargs.get("approximate") == "tanh" else "amdc_gelu", 1, cost=2 * TRANSCENDENTAL
        ), values[:1]
    return None


def rule(node: Node) -> tuple[Rule, list[Any]]:
    """The rule of a node and the operands that it takes. Raises `InternalError` for an operator that is not point-wise."""
    values = _arguments(node)
    special = _special(node, values)
    if special:
        return special
    if node.target not in RULES:
        raise InternalError(f"'{node.name}': {node.target} has no point-wise expression")
    return RULES[node.target], values


def flops(node: Node) -> int:
    return rule(node)[0].cost


def write(node: Node, names: dict[Node, str]) -> str:
    """The C++ expression of a point-wise node; `names` holds the C++ names of its operands. Its type is that of the node."""
    found, values = rule(node)
    result = _dtype(node)
    wanted = result if found.compute == "result" else _common(values) if found.compute == "operands" else "bool"
    kinds = ["bool", result, result] if found.compute == "condition" else [wanted] * len(values)
    rounds = node.target in ROUNDED_NUMBERS
    text = found.text.format(*(_converted(value, kind, names, rounds) for value, kind in zip(values, kinds, strict=False)))
    if result in NARROW and node.target not in EXACT:
        return f"amdc_rounded<{TAGS[result]}>({text})"
    return text
