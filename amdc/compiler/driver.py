"""Compiles a model: the order of the stages, and nothing else."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from amdc.bundle import Bundle
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
    from amdc.ir.graph import Graph
    from amdc.pass_manager import PassTime


def optimise(graph: Graph, options: CompileOptions) -> None:
    """Run the passes of the optimisation level over a graph. What `print_before`, `print_after` and `pass_times` ask for goes to
    stderr."""
    from amdc.pass_manager import PassContext, PassTime, run_pipeline
    from amdc.passes.pipeline import cleanup_for, passes_for

    passes, times = passes_for(options.opt_level), list[PassTime]()
    run_pipeline(
        graph,
        passes,
        PassContext(target=target(options.arch), opt_level=options.opt_level),
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
    from amdc.frontends import import_any, model_name

    started = time.perf_counter()
    bindings = expand(options.shapes, options.bindings, options.buckets)
    options.progress("import", 0, len(bindings), model_name(model))

    def load(shapes: Mapping[str, tuple[int, ...]], symbols: Mapping[str, int]) -> Graph:
        return import_any(
            model, shapes, symbols, options.example_inputs, options.dynamic_shapes, specialize_inputs=options.specialize_inputs
        )

    buckets = find_buckets(load, options)
    graphs, schedule = import_programs(model, load, bindings)
    bundle = compile_graphs(graphs, options)
    return dataclasses.replace(bundle, buckets=buckets, schedule=schedule, compile_seconds=time.perf_counter() - started)


def compile_graphs(graphs: Iterable[tuple[str, Graph]], options: CompileOptions) -> Bundle:
    """Compile imported graphs, given with their programs' keys, into a Bundle. One graph at a time is held."""
    from amdc.codegen.lowering import LoweringOptions, lower
    from amdc.codegen.toolchain import find_toolchain
    from amdc.compiler.link import Linker

    hardware = target(options.arch)
    toolchain = find_toolchain()
    check_pass_names(options)
    linker = Linker()
    for key, graph in graphs:
        require_static_shapes(graph, options.arch)
        optimise(graph, options)
        options.progress("lower", 0, 1, f"{key}: {len(graph.graph.nodes)} nodes")
        lowered = lower(graph, hardware, LoweringOptions(options.opt_level))
        linker.add(key, graph, with_specialized(lowered, graph))
    code = toolchain.compile_all(
        linker.sources.values(),
        options.arch,
        options.jobs,
        lambda done, total, source: options.progress("kernels", done, total, source.symbol),
        line_tables=options.keep_source,
    )
    settled = {"shapes": dict(options.shapes), "bindings": dict(options.bindings), "buckets": dict(options.buckets)}
    return Bundle(
        programs={key: with_resources(program, code, hardware) for key, program in linker.programs().items()},
        code=code,
        constants=linker.constants,
        graphs=linker.graphs,
        sources={key: source.text for key, source in linker.sources.items()} if options.keep_source else None,
        options={"opt_level": options.opt_level, **settled},
    )


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
