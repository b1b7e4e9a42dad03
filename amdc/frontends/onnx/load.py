"""Reads ONNX files: the model's structure through protobuf, its weights where they lie in the file."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from amdc.errors import ModelError, UsageError
from amdc.frontends.onnx.tensors import TensorReader
from amdc.frontends.onnx.wire import Truncated, raw_data_spans, without_raw_data


@dataclass(frozen=True)
class Model:
    """A parsed model. `name` is what errors call it, `path` its file if it came from one."""

    proto: onnx.ModelProto
    name: str
    path: Path | None
    reader: TensorReader


def load_model(model: str | Path | bytes | onnx.ModelProto) -> Model:
    """Raises UsageError where there is no such file, ModelError where its content is not a whole ONNX model."""
    if isinstance(model, onnx.ModelProto):
        return Model(_inlined(model), model.graph.name or "model", None, TensorReader(None))
    if isinstance(model, bytes):
        return _parse(np.frombuffer(model, np.uint8), "model", None)
    path = Path(model)
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist"
        raise UsageError(f"model file '{path}' {kind}; give the path of an .onnx file")
    content = np.memmap(path, np.uint8, mode="c") if path.stat().st_size else np.empty(0, np.uint8)
    return _parse(content, str(path), path)


def _parse(content: np.ndarray, name: str, path: Path | None) -> Model:
    data = content.data
    try:
        spans = raw_data_spans(data)
    except Truncated as problem:
        raise ModelError(f"{name} is not an ONNX model, or it is cut off: {problem}; fetch or export it again") from problem
    structure = without_raw_data(data, spans)
    _release(content)
    try:
        proto = onnx.ModelProto()
        proto.ParseFromString(structure)
    except DecodeError as problem:
        raise ModelError(f"{name} is not an ONNX model: its bytes are no valid protobuf ({problem})") from problem
    if not proto.HasField("graph") or not proto.opset_import:
        raise ModelError(f"{name} is not an ONNX model: it has no {'operator set' if proto.HasField('graph') else 'graph'}")
    directory = path.parent if path else None
    return Model(_inlined(proto), name, path, TensorReader(directory, content, spans))


def _release(content: np.ndarray) -> None:
    """Let the pages of a mapped file out of memory again: walking over its structure maps much more than it reads."""
    held = getattr(content, "base", None)
    if isinstance(held, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        held.madvise(mmap.MADV_DONTNEED)


def _inlined(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its own functions expanded where they are called."""
    if not proto.functions:
        return proto
    from onnx import inliner

    return inliner.inline_local_functions(proto)
