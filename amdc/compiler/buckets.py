"""Along which axes of its inputs and outputs a model's tensors grow with a symbol: found by importing it for two sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from amdc.bundle import Buckets
from amdc.compiler.bindings import expand
from amdc.compiler.options import CompileOptions
from amdc.errors import UsageError

if TYPE_CHECKING:
    from amdc.ir.graph import Graph

Import = Callable[[Mapping[str, tuple[int, ...]], Mapping[str, int]], "Graph"]  # of shapes by input, and extents by symbol
Shapes = dict[str, tuple[int, ...]]


def find_buckets(load: Import, options: CompileOptions) -> tuple[Buckets, ...]:
    """What a session must know of each symbol of `options.buckets`. Raises `UsageError` for a symbol that no input extends along,
    and for an output that grows with it in another way than by its size."""
    return tuple(_find(load, options, symbol, tuple(sorted(sizes))) for symbol, sizes in options.buckets.items())


def _find(load: Import, options: CompileOptions, symbol: str, sizes: tuple[int, ...]) -> Buckets:
    if sizes == (1,):
        raise UsageError(f"--bucket {symbol}=1 pads nothing; give a size above 1, or use --bind")
    pair = (sizes[0], sizes[1]) if len(sizes) > 1 else (sizes[0] // 2, sizes[0])
    found = [_ports(load, options, symbol, size) for size in pair]
    inputs, outputs = (_axes(symbol, pair, low, high) for low, high in zip(*found, strict=True))
    if not inputs:
        raise UsageError(f"--bucket {symbol}: no input of the model extends along '{symbol}'")
    return Buckets(symbol, sizes, inputs, outputs)


def _ports(load: Import, options: CompileOptions, symbol: str, size: int) -> tuple[Shapes, Shapes]:
    """The shapes of inputs and outputs at one size of the symbol, the other symbols at their first values."""
    others: dict[str, Sequence[int]] = {
        name: (values,) if isinstance(values, int) else values for name, values in options.bindings.items()
    }
    others |= {name: (min(values),) for name, values in options.buckets.items()}
    (binding,) = expand(options.shapes, {name: values[0] for name, values in others.items()} | {symbol: size}, {})
    graph = load(binding.shapes, binding.symbols)
    return _input_shapes(graph), _output_shapes(graph)


def _input_shapes(graph: Graph) -> Shapes:
    from amdc.ir import graph as ir

    return {name: ir.shape(node) for name, node in zip(ir.inputs(graph), ir.placeholders(graph), strict=True)}


def _output_shapes(graph: Graph) -> Shapes:
    from amdc.ir import graph as ir

    following = set(ir.states(graph).values())
    named = zip(ir.outputs(graph), ir.output_nodes(graph), strict=True)
    return {name: ir.shape(node) for name, node in named if name not in following}


def _axes(symbol: str, sizes: tuple[int, int], low: Shapes, high: Shapes) -> Mapping[str, tuple[int, ...]]:
    """The axes that are `sizes` long in the two cases, by port."""
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in low.items():
        if len(shape) != len(high[name]):
            raise UsageError(f"--bucket {symbol}: the number of dimensions of '{name}' depends on '{symbol}'")
        grown = [axis for axis, (a, b) in enumerate(zip(shape, high[name], strict=True)) if a != b]
        odd = [axis for axis in grown if (shape[axis], high[name][axis]) != sizes]
        if odd:
            a, b = shape[odd[0]], high[name][odd[0]]
            raise UsageError(
                f"--bucket {symbol}: axis {odd[0]} of '{name}' is {a} long for {symbol}={sizes[0]} and {b} for "
                f"{symbol}={sizes[1]}, so padding cannot be cut off; compile for exact sizes with "
                f"--bind {symbol}={sizes[0]},{sizes[1]}"
            )
        if grown:
            found[name] = tuple(grown)
    return found
