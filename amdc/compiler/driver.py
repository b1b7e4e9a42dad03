"""Compiles a model: the order of the stages, and nothing else."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from amdc.bundle import Bundle
from amdc.code_object import CodeObject, waves_per_simd
from amdc.compiler.options import CompileOptions
from amdc.program import Kernel, Program
from amdc.target import Target, target


def build_graph(model: Any, options: CompileOptions) -> Any:
    """Import a model and run the passes of the optimisation level over it."""
    from amdc.frontends.onnx import import_model
    from amdc.pass_manager import PassContext, run_pipeline

    options.progress("import", 0, 1, getattr(model, "name", str(model) if isinstance(model, str) else "model"))
    graph = import_model(model, dict(options.shapes), dict(options.bindings))
    context = PassContext(target=target(options.arch), opt_level=options.opt_level)
    return run_pipeline(graph, context, options)


def compile_model(model: Any, options: CompileOptions) -> Bundle:
    """Compile a model (path, bytes or onnx.ModelProto) into a Bundle. Raises ModelError, UsageError or ToolchainError."""
    from amdc.codegen.lowering import LoweringOptions, lower
    from amdc.codegen.toolchain import find_toolchain
    from amdc.ir.serialize import to_text

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
    program = with_resources(lowered.program, code, hardware)
    return Bundle(
        program=program,
        code=code,
        constants=lowered.constants,
        graph_text=to_text(graph),
        sources={key: source.text for key, source in lowered.sources.items()} if options.keep_source else None,
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
