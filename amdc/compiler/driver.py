"""Compiles a model: the order of the stages, and nothing else."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amdc.bundle import Buckets, Bundle, Step
from amdc.code_object import CodeObject, waves_per_simd
from amdc.compiler.bindings import expand
from amdc.compiler.buckets import find_buckets
from amdc.compiler.importing import import_programs
from amdc.compiler.options import CompileOptions
from amdc.compiler.static_shapes import require_static_shapes
from amdc.errors import UsageError
from amdc.program import Kernel, Program
from amdc.target import Target, target

if TYPE_CHECKING:
    from amdc.codegen.lowering import Lowered
    from amdc.compiler.link import Linker
    from amdc.ir.graph import Graph
    from amdc.pass_manager import PassTime
    from amdc.tune import Lookup


def hardware_of(options: CompileOptions) -> Target:
    """The architecture's row with the card that kernels are chosen for as its default one. Raises `UsageError` naming those
    known."""
    row = target(options.arch)
    return dataclasses.replace(row, default_card=row.card(options.card).name)


def optimise(graph: Graph, options: CompileOptions) -> None:
    """Run the passes of the optimisation level over a graph. What `print_before`, `print_after` and `pass_times` ask for goes to
    stderr."""
    from amdc.pass_manager import PassContext, PassTime, run_pipeline
    from amdc.passes.pipeline import cleanup_for, passes_for

    passes, times = passes_for(options.opt_level), list[PassTime]()
    run_pipeline(
        graph,
        passes,
        PassContext(target=hardware_of(options), opt_level=options.opt_level),
        cleanup=cleanup_for(options.opt_level),
        print_before=options.print_before,
        print_after=options.print_after,
        dump_dir=options.dump,
        times=times,
        bisect_limit=options.bisect_limit,
        show_bisect=options.bisect_limit is not None,
        progress=lambda name: options.progress("passes", 0, len(passes), name),
    )
    if options.pass_times:
        print_pass_times(times)


def check_pass_names(options: CompileOptions) -> None:
    """Raises `UsageError` for a pass to print that does not exist."""
    from amdc.passes.pipeline import known_passes

    unknown = sorted({*options.print_before, *options.print_after} - set(known_passes()) - {"all"})
    if unknown:
        raise UsageError(f"no such pass: {', '.join(unknown)}; passes: all, {', '.join(known_passes())}")


def print_pass_times(times: list[PassTime]) -> None:
    """A line a pass on stderr, in the order of execution: seconds of the pass and of the checks after it, whether it changed."""
    for entry in times:
        changed = "changed" if entry.changed else "no change"
        print(f"{entry.seconds:8.3f} s  checks {entry.check_seconds:6.3f} s  {entry.name:28} {changed}", file=sys.stderr)


def compile_model(model: Any, options: CompileOptions) -> Bundle:
    """Compile a model (path, bytes, onnx.ModelProto, torch.nn.Module or ExportedProgram) into a Bundle, with a program for each
    combination of bindings. Raises ModelError, UsageError or ToolchainError."""
    started = time.perf_counter()
    imported = import_model(model, options)
    bundle = compile_graphs(imported.graphs, options)
    seconds = time.perf_counter() - started
    return dataclasses.replace(bundle, buckets=imported.buckets, schedule=imported.schedule, compile_seconds=seconds)


@dataclass(frozen=True)
class Imported:
    """A model's graphs with their programs' keys, imported as they are asked for; its buckets, and its schedule."""

    graphs: Iterable[tuple[str, Graph]]
    buckets: tuple[Buckets, ...]
    schedule: tuple[Step, ...]


def import_model(model: Any, options: CompileOptions) -> Imported:
    """Import a model, as `compile_model` takes it. Raises ModelError or UsageError."""
    from amdc.frontends import import_any, model_name

    bindings = expand(options.shapes, options.bindings, options.buckets)
    options.progress("import", 0, len(bindings), model_name(model))

    def load(shapes: Mapping[str, tuple[int, ...]], symbols: Mapping[str, int]) -> Graph:
        return import_any(
            model, shapes, symbols, options.example_inputs, options.dynamic_shapes, specialize_inputs=options.specialize_inputs
        )

    buckets = find_buckets(load, options)
    graphs, schedule = import_programs(model, load, bindings)
    return Imported(graphs, buckets, schedule)


def compile_graphs(graphs: Iterable[tuple[str, Graph]], options: CompileOptions) -> Bundle:
    """Compile imported graphs, given with their programs' keys, into a Bundle. One graph at a time is held."""
    from amdc.codegen.toolchain import find_toolchain
    from amdc.tune import standard_lookup

    hardware = hardware_of(options)
    toolchain = find_toolchain()
    check_pass_names(options)
    with closing(standard_lookup(hardware, create=options.tune_seconds > 0)) as known:
        linker = link_graphs(graphs, hardware, options, known)
    code = toolchain.compile_all(
        linker.sources.values(),
        options.arch,
        options.jobs,
        lambda done, total, source: options.progress("kernels", done, total, source.symbol),
        line_tables=options.keep_source,
    )
    settled = {"shapes": dict(options.shapes), "bindings": dict(options.bindings), "buckets": dict(options.buckets)}
    tuning = {"card": hardware.default_card, "used": len(known.used), "stale": len(known.stale)}
    return Bundle(
        programs={key: with_resources(program, code, hardware) for key, program in linker.programs().items()},
        code=code,
        constants=linker.constants,
        graphs=linker.graphs,
        sources={key: source.text for key, source in linker.sources.items()} if options.keep_source else None,
        options={"opt_level": options.opt_level, **settled, "tuning": tuning},
    )


def link_graphs(graphs: Iterable[tuple[str, Graph]], hardware: Target, options: CompileOptions, known: Lookup) -> Linker:
    """Optimise and lower each graph, with the kernels that the tuning databases name, or that a search finds first."""
    from amdc.codegen.choice import Choices
    from amdc.codegen.lowering import LoweringOptions, lower
    from amdc.compiler.link import Linker
    from amdc.tune import after, tune_graph

    linker, expired = Linker(), after(options.tune_seconds)
    for key, graph in graphs:
        require_static_shapes(graph, options.arch)
        optimise(graph, options)
        if options.tune_seconds:
            tune_graph(graph, hardware, expired, options.jobs, options.progress)
        options.progress("lower", 0, 1, f"{key}: {len(graph.graph.nodes)} nodes")
        lowered = lower(graph, hardware, LoweringOptions(options.opt_level, Choices(lookup=known)))
        linker.add(key, graph, with_specialized(lowered, graph))
    return linker


def with_specialized(lowered: Lowered, graph: Graph) -> Lowered:
    """The same with the values that inputs were compiled for in the Program's metadata: a session checks them."""
    values = {name: array.tolist() for name, array in graph.meta.get("specialized", {}).items()}
    if not values:
        return lowered
    metadata = {**lowered.program.metadata, "specialized": values}
    return dataclasses.replace(lowered, program=dataclasses.replace(lowered.program, metadata=metadata))


def with_resources(program: Program, code: dict[str, bytes], hardware: Target) -> Program:
    """The Program with each kernel's registers, LDS, scratch and occupancy filled in from its code object."""
    parsed = {key: CodeObject.parse(data, key) for key, data in code.items()}

    def filled(kernel: Kernel) -> Kernel:
        info = parsed[kernel.code].kernels[kernel.symbol]
        return dataclasses.replace(
            kernel,
            vgprs=info.vgprs,
            sgprs=info.sgprs,
            lds_bytes=info.lds_bytes,
            scratch_bytes=info.scratch_bytes,
            waves_per_simd=waves_per_simd(info, hardware),
        )

    return dataclasses.replace(program, kernels={name: filled(kernel) for name, kernel in program.kernels.items()})
