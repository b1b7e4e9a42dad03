"""Recurrent layers: a whole sequence in one launch where a work-group can feed itself, else a launch a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.elementwise import Source, launch_copy
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.operators import literal
from amdc.codegen.registry import lowers
from amdc.codegen.typed import access, arguments
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.ops import recurrent as ops
from amdc.kernels.recurrent import LARGEST, RECURRENT
from amdc.kernels.template import Value

BLOCK = 256
# A work-group reads its weights at 64 bytes a clock; a launch costs some 40 us (GFX803.md: 26-43 us), 50,000 clocks at 1.25 GHz.
WHOLE_WEIGHTS = 50_000 * 64 // 4

ACTIVATIONS = {
    "Affine": "{alpha} * {x} + {beta}",
    "Elu": "amdc_elu({x}, {alpha}, 1.0f, 1.0f)",
    "HardSigmoid": "amdc_clamp({alpha} * {x} + {beta}, 0.0f, 1.0f)",
    "LeakyRelu": "amdc_leaky_relu({x}, {alpha})",
    "Relu": "amdc_relu({x})",
    "ScaledTanh": "{alpha} * amdc_tanh({beta} * {x})",
    "Sigmoid": "amdc_sigmoid({x})",
    "Softplus": "amdc_softplus({x}, 1.0f, 20.0f)",
    "Softsign": "{x} / (1.0f + amdc_abs({x}))",
    "Tanh": "amdc_tanh({x})",
    "ThresholdedRelu": "({x} > {alpha} ? {x} : 0.0f)",
}


def functions(given: dict[str, Any]) -> str:
    """The macros AMDC_GATE_F, _G and _H of the gates' functions, as the operator's arguments say them."""
    clip, lines = given["clip"], []
    rows = zip(given["activations"].split(","), given["alphas"], given["betas"], strict=True)
    for letter, (name, alpha, beta) in zip("FGH", rows, strict=False):
        text = ACTIVATIONS[name].format(x="x", alpha=literal(alpha, "float32"), beta=literal(beta, "float32"))
        bound = literal(clip, "float32")
        clipped = f"    x = amdc_clamp(x, -{bound}, {bound});\n" if clip > 0 and letter != "H" else ""  # H sees the new cell
        lines.append(f"AMDC_DEVICE float amdc_gate_{letter}(float x) {{\n{clipped}    return {text};\n}}")
        lines.append(f"#define AMDC_GATE_{letter}(x) amdc_gate_{letter}(x)")
    return "\n".join([*lines, ""])


def _transposed(item: Item, builder: ProgramBuilder, weight: Node) -> Place:
    """The weight [G*H, H] as [H, G*H]: a constant of the bundle where it is one of the model, else a copy in each run."""
    rows, columns = ir.shape(weight)
    if weight.op == "get_attr" and ir.dtype(weight) == torch.float32:
        held = ir.constant(item.graph, weight).detach().t().contiguous().numpy()
        return builder.constant(f"{weight.target}.transposed", held)
    dtype = dtype_name(weight)
    scratch = builder.scratch(f"{item.node.name}.weight", builder.place(weight).nbytes)
    place = Place(scratch.buffer, dtype, (columns, rows))
    launch_copy(builder, item, place.shape, Source(weight, dtype, (1, columns)), place)
    return place


def _check(item: Item, hidden: int, *values: Node | None) -> None:
    for value in values:
        if value is not None and ir.dtype(value) not in (torch.float32, torch.float16, torch.bfloat16):
            raise ModelError(
                f"'{item.user_name}' is a recurrent layer in {dtype_name(value)}; its kernel computes in float32: convert it"
            )
    if hidden > LARGEST:
        raise ModelError(f"'{item.user_name}' has {hidden} hidden units; the kernel's state in LDS holds at most {LARGEST}")


@dataclass(frozen=True)
class _Layer:
    """A layer of `gates` gates (1 RNN, 3 GRU, 4 LSTM) over [steps, batch] with `hidden` units."""

    gates: int
    steps: int
    batch: int
    hidden: int
    reset_first: bool  # a GRU whose reset gate acts before the product

    @property
    def stepwise(self) -> bool:
        """Whether each step is a launch: where one work-group would feed itself too slowly, or there is one step alone."""
        whole = self.steps > 1 and self.gates * self.hidden * self.hidden <= WHOLE_WEIGHTS
        return not whole and not self.reset_first

    @property
    def split(self) -> int:
        """Parts of each sum: the lanes of a work-group that hidden units leave idle."""
        return 4 if self.stepwise or self.hidden <= 64 else 2 if self.hidden <= 128 else 1

    @property
    def grid(self) -> tuple[int, int, int]:
        return (-(-self.hidden * self.split // BLOCK) if self.stepwise else 1, self.batch, 1)

    @property
    def flops(self) -> int:
        """Of one launch."""
        return 2 * self.batch * self.gates * self.hidden * self.hidden * (1 if self.stepwise else self.steps)


def _parameters(layer: _Layer, given: dict[str, Any]) -> dict[str, Value]:
    flags = {
        "STEP": layer.stepwise,
        "RESET_FIRST": layer.reset_first,
        "COUPLED": given.get("coupled", False),
        "HIDDEN_BIAS": given.get("hidden_bias") is not None,
        "PEEPHOLES": given.get("peepholes") is not None,
        "LENGTHS": given["lengths"] is not None,
        "REVERSE": given["reverse"],
    }
    values: dict[str, Value] = {name: int(flag) for name, flag in flags.items()}
    return {"CELL": layer.gates, "H": layer.hidden, "KSPLIT": layer.split} | values


def _recurrent(item: Item, builder: ProgramBuilder, cell: int) -> None:
    """Launch all steps of a layer with `cell` gates."""
    given, out = arguments(item), builder.place(item.node)
    gates, weight, state = given["gates"], given["weight"], given["state"]
    steps, batch, hidden = ir.shape(gates)[0], ir.shape(gates)[1], ir.shape(weight)[1]
    _check(item, hidden, gates, weight, state, given.get("hidden_bias"), given.get("peepholes"))
    if out.numel == 0:
        return
    layer = _Layer(cell, steps, batch, hidden, cell == 3 and not given["linear_before_reset"])
    tensors: dict[str, Node | Place | None] = {
        "out": out,
        "gates": gates,
        "weight": _transposed(item, builder, weight),
        "state": state,
        "bias": given.get("hidden_bias"),
        "peep": given.get("peepholes"),
        "lengths": given["lengths"],
    }
    operands: list[Operand] = [state if value is None else value for value in tensors.values()]
    dtypes = {name: builder.place(value).dtype for name, value in tensors.items() if value is not None}
    for first in range(steps if layer.stepwise else 1):
        builder.launch(
            RECURRENT,
            _parameters(layer, given),
            item=item,
            grid=layer.grid,
            arguments=[*operands, batch, steps, first],
            writes=[out],
            flops=layer.flops,
            prelude=access(**dtypes) + functions(given),
            hint={1: "rnn", 3: "gru", 4: "lstm"}[cell],
        )


@lowers(ops.rnn)
def rnn(item: Item, builder: ProgramBuilder) -> None:
    """See amdc/ir/ops/recurrent.py, here and below."""
    _recurrent(item, builder, 1)


@lowers(ops.gru)
def gru(item: Item, builder: ProgramBuilder) -> None:
    _recurrent(item, builder, 3)


@lowers(ops.lstm)
def lstm(item: Item, builder: ProgramBuilder) -> None:
    _recurrent(item, builder, 4)
