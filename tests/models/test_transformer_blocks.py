"""At -O3 a transformer block takes at most 8 launches, from PyTorch and from ONNX, and gives what PyTorch gives."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from amdc.codegen.lowering import Lowered, LoweringOptions, lower
from amdc.compiler.tolerance import relative_bounds
from amdc.frontends.onnx import import_model
from amdc.frontends.torch import import_module
from amdc.ir.graph import Graph
from amdc.pass_manager import PassContext, run_pipeline
from amdc.passes.pipeline import cleanup_for, passes_for
from amdc.runtime.session import open_session
from amdc.target import target
from tests.support.run_graph import compile_lowered

WIDTH, HEADS, TOKENS, LAYERS = 32, 4, 10, 2
BUDGET, LEAST = 8, 7  # launches a block: norm, q k v, attention, out, norm, two products; a mask or an embedding may come on top


class Attention(nn.Module):
    """Written out as models of before scaled_dot_product_attention have it."""

    def __init__(self, merged: bool) -> None:
        super().__init__()
        self.into = nn.ModuleList([nn.Linear(WIDTH, 3 * WIDTH)] if merged else [nn.Linear(WIDTH, WIDTH) for _ in range(3)])
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        parts = self.into[0](x).split(WIDTH, 2) if len(self.into) == 1 else [into(x) for into in self.into]
        q, k, v = (part.view(batch, tokens, HEADS, WIDTH // HEADS).transpose(1, 2) for part in parts)
        weights = torch.softmax(torch.matmul(q, k.transpose(-1, -2)) / (WIDTH // HEADS) ** 0.5 + mask, -1)
        return self.out(torch.matmul(weights, v).transpose(1, 2).reshape(batch, tokens, WIDTH))


class Block(nn.Module):
    """Norms before the parts, as in GPT-2, or behind the sums, as in BERT."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        self.first, self.attention = first, Attention(merged=first)
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH) for _ in range(2)])
        self.wide, self.narrow = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)
        self.activation = nn.GELU(approximate="tanh" if first else "none")

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        if self.first:
            x = x + self.attention(self.norms[0](x), mask)
            return x + self.narrow(self.activation(self.wide(self.norms[1](x))))
        x = self.norms[0](x + self.attention(x, mask))
        return self.norms[1](x + self.narrow(self.activation(self.wide(x))))


class Transformer(nn.Module):
    """Embeddings and blocks; the mask is causal, or hides the tokens that `kept` says, as BERT does."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.causal, self.words = causal, nn.Embedding(50, WIDTH)
        self.blocks = nn.ModuleList([Block(causal) for _ in range(LAYERS)])

    def forward(self, ids: Tensor, kept: Tensor) -> Tensor:
        mask = (1.0 - kept[:, None, None, :]) * -10000.0
        if self.causal:
            mask = torch.full((TOKENS, TOKENS), torch.finfo(torch.float32).min).triu(1)
        x = self.words(ids)
        for block in self.blocks:
            x = block(x, mask)
        return x


def model(causal: bool) -> tuple[nn.Module, dict[str, Tensor]]:
    """With random biases and norms, which start at 0 and 1 and would be dropped."""
    torch.manual_seed(0)
    made = Transformer(causal).eval()
    for parameter in made.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 0.5, 0.2)
    kept = torch.ones(2, TOKENS)
    kept[1, 6:] = 0
    return made, {"ids": torch.randint(0, 50, (2, TOKENS)), "kept": kept}


def through_onnx(made: nn.Module, inputs: dict[str, Tensor], dynamo: bool) -> Graph:
    file = io.BytesIO()
    torch.onnx.export(made, tuple(inputs.values()), file, input_names=list(inputs), output_names=["out"], dynamo=dynamo)
    return import_model(onnx.load_from_string(file.getvalue()), {}, {})


SOURCES: dict[str, Callable[[nn.Module, dict[str, Tensor]], Graph]] = {
    "torch": lambda made, inputs: import_module(made, inputs),
    "onnx": lambda made, inputs: through_onnx(made, inputs, True),
    "onnx by tracing": lambda made, inputs: through_onnx(made, inputs, False),
}


def optimised(graph: Graph) -> Lowered:
    run_pipeline(graph, passes_for(3), PassContext(target("gfx803"), 3), cleanup=cleanup_for(3))
    return lower(graph, target("gfx803"), LoweringOptions(3))


def launches_in_blocks(lowered: Lowered) -> Counter[str]:
    """How many launches of each template there are from the first product with weights on."""
    templates = [lowered.program.kernels[launch.kernel].template for launch in lowered.program.launches]
    return Counter(templates[next(i for i, name in enumerate(templates) if name in ("gemm", "gemv")) :])


def assert_same(lowered: Lowered, inputs: dict[str, Tensor], expected: Tensor) -> None:
    bounds = relative_bounds(lowered.program)
    with open_session(compile_lowered(lowered), "sim") as session:
        given: dict[str, np.ndarray] = {port.name: inputs[port.name].numpy() for port in lowered.program.inputs}
        got: Any = next(iter(session.run(given).values()))
    error = np.abs(got - expected.numpy()).max()
    assert error <= bounds[lowered.program.outputs[0].buffer] * expected.abs().max().item()


@pytest.mark.parametrize("causal", [False, True], ids=["as BERT", "as GPT-2"])
@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.filterwarnings("ignore")
def test_a_block_takes_seven_launches(name: str, causal: bool) -> None:
    made, inputs = model(causal)
    lowered = optimised(SOURCES[name](made, inputs))
    counts = launches_in_blocks(lowered)
    assert counts["attention"] == LAYERS
    assert counts["softmax_rows"] == 0
    assert counts.total() <= LEAST * LAYERS
    if name == "onnx":
        with torch.no_grad():
            assert_same(lowered, inputs, made(**inputs))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["BertModel", "GPT2Model", "ViTModel", "T5EncoderModel"])
def test_huggingface_blocks(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    small: dict[str, dict[str, int]] = {
        "BertModel": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64},
        "GPT2Model": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 32},
        "ViTModel": {
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "image_size": 64,
        },
        "T5EncoderModel": {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4},
    }
    configuration = {"BertModel": "BertConfig", "GPT2Model": "GPT2Config", "ViTModel": "ViTConfig", "T5EncoderModel": "T5Config"}
    config = getattr(transformers, configuration[name])(**small[name])
    config._attn_implementation, config.use_cache = "eager", False
    torch.manual_seed(0)
    made = getattr(transformers, name)(config).eval()
    key, value = (
        ("input_ids", torch.randint(0, 50, (1, TOKENS))) if name != "ViTModel" else ("pixel_values", torch.randn(1, 3, 64, 64))
    )
    lowered = optimised(import_module(made, {key: value}))
    counts = launches_in_blocks(lowered)
    assert counts["attention"] == 2
    assert counts.total() <= BUDGET * 2
    with torch.no_grad():
        assert_same(lowered, {key: value}, made(**{key: value})[0])
