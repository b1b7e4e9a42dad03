"""Compiles a model: the order of the stages, and nothing else."""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING, Any

from amdc.bundle import MAIN, Bundle, GraphText
from amdc.code_object import CodeObject, waves_per_simd
from amdc.compiler.options import CompileOptions
from amdc.errors import UsageError
from amdc.program import Kernel, Program
from amdc.target import Target, target

if TYPE_CHECKING:
    from amdc.ir.graph import Graph
    from amdc.pass_manager import PassTime


def build_graph(model: Any, options: CompileOptions) -> Graph:
    """Import a model and run the passes of the optimisation level over it. What `print_before`, `print_after`
    and `pass_times` ask for goes to stderr."""
    from amdc.frontends.onnx import import_model
    from amdc.pass_manager import PassContext, PassTime, run_pipeline
    from amdc.passes.pipeline import cleanup_for, known_passes, passes_for

    unknown = sorted({*options.print_before, *options.print_after} - set(known_passes()) - {"all"})
    if unknown:
        raise UsageError(f"no such pass: {', '.join(unknown)}; passes: all, {', '.join(known_passes())}")
    options.progress("import", 0, 1, model if isinstance(model, str) else getattr(model, "name", "model"))
    graph = import_model(model, dict(options.shapes), dict(options.bindings))
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
    return graph


def print_pass_times(times: list[PassTime]) -> None:
    """A line a pass on stderr, in the order of execution: seconds of the pass and of the checks after it, whether it changed."""
    for entry in times:
        changed = "changed" if entry.changed else "no change"
        print(f"{entry.seconds:8.3f} s  checks {entry.check_seconds:6.3f} s  {entry.name:28} {changed}", file=sys.stderr)


def compile_model(model: Any, options: CompileOptions) -> Bundle:
    """Compile a model (path, bytes or onnx.ModelProto) into a Bundle. Raises ModelError, UsageError or ToolchainError."""
    from amdc.codegen.lowering import LoweringOptions, lower
    from amdc.codegen.toolchain import find_toolchain
    from amdc.ir.printer import to_text

    started = time.perf_counter()
    hardware = target(options.arch)
    toolchain = find_toolchain()
    graph = build_graph(model, options)
    options.progress("lower", 0, 1, f"{len(graph.graph.nodes)} nodes")
    lowered = lower(graph, hardware, LoweringOptions(options.opt_level))
    code = toolchain.compile_all(
        lowered.sources.values(),
        options.arch,
        options.jobs,
        lambda done, total, source: options.progress("kernels", done, total, source.symbol),
    )
    return Bundle(
        programs={MAIN: with_resources(lowered.program, code, hardware)},
        code=code,
        constants=lowered.constants,
        graphs={MAIN: GraphText(to_text(graph))},
        sources={key: source.text for key, source in lowered.sources.items()} if options.keep_source else None,
        options={"opt_level": options.opt_level, "shapes": dict(options.shapes), "bindings": dict(options.bindings)},
        compile_seconds=time.perf_counter() - started,
    )


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
