"""Causal language models of transformers: one bundle that reads prompts and generates, its key-value cache in the arena.

Every program of the bundle is the same step for another number of tokens n: it appends n tokens to the cache and gives the
likeliest token behind the last one that counts. A prompt is filled up to a program's n; what the filling leaves in the cache lies
behind the tokens that count, where no attention looks before later steps have written over it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from amdc.bundle import Bundle, Generation
from amdc.compiler.driver import compile_graphs
from amdc.compiler.options import CompileOptions
from amdc.errors import ModelError, UsageError

if TYPE_CHECKING:
    from amdc.ir.graph import Graph


class CausalStep(nn.Module):
    """(ids int64 [1, n], start int64 [1], last int64 [1]) -> token int64 [1], and the caches' buffers changed.

    `start` is how many tokens the cache holds, `last` the index in `ids` of the last token that counts."""

    def __init__(self, model: Any, max_length: int) -> None:
        super().__init__()
        from transformers.cache_utils import StaticLayer

        self.model = model
        config = model.config.get_text_config(decoder=True)
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        shape = (1, heads, max_length, width)
        self._layers = [StaticLayer(max_length) for _ in range(config.num_hidden_layers)]
        for index, layer in enumerate(self._layers):
            for name in ("keys", "values"):
                self.register_buffer(f"{name}_{index}", torch.zeros(shape, dtype=model.dtype))
            layer.lazy_initialization(*(torch.zeros(1, heads, 0, width, dtype=model.dtype) for _ in range(2)))

    def forward(self, ids: Tensor, start: Tensor, last: Tensor) -> dict[str, Tensor]:
        from transformers.cache_utils import Cache

        layers: list[Any] = self._layers
        for index, layer in enumerate(layers):
            layer.keys, layer.values = getattr(self, f"keys_{index}"), getattr(self, f"values_{index}")
            layer.cumulative_length = start[0].clone()
        places = (torch.arange(ids.shape[1]) + start).unsqueeze(0)
        result = self.model(
            input_ids=ids,
            position_ids=places,
            past_key_values=Cache(layers=layers),
            use_cache=True,
            logits_to_keep=last,
        )
        return {"token": result.logits[:, 0].argmax(-1)}


def compile_causal(
    model: Any, max_length: int, prompt_lengths: Sequence[int] = (16, 64), options: CompileOptions | None = None
) -> Bundle:
    """Compile a causal language model of transformers, in evaluation mode, into a bundle whose sessions `generate`.

    The cache holds `max_length` tokens, prompt and new ones together. `prompt_lengths` are how many tokens of a prompt one run
    may take, besides one. Raises `ModelError` for models of another kind, `UsageError` for lengths that the model does not allow.
    """
    options = options or CompileOptions()
    lengths = _lengths(model, max_length, prompt_lengths)
    started = time.perf_counter()
    bundle = compile_graphs(causal_graphs(model, max_length, prompt_lengths, options), options)
    generation = Generation(lengths, max_length, int(model.config.get_text_config(decoder=True).vocab_size))
    return dataclasses.replace(bundle, generation=generation, compile_seconds=time.perf_counter() - started)


def causal_graphs(
    model: Any, max_length: int, prompt_lengths: Sequence[int], options: CompileOptions
) -> Iterator[tuple[str, Graph]]:
    """The imported graphs of the programs that `compile_causal` makes, with their keys; raises what it raises."""
    from amdc.frontends.torch import import_module

    lengths = _lengths(model, max_length, prompt_lengths)
    step, one = CausalStep(model, max_length).eval(), torch.zeros(1, dtype=torch.int64)
    for length in lengths:
        options.progress("import", 0, 1, f"{type(model).__name__} for {length} tokens")
        example = {"ids": torch.zeros(1, length, dtype=torch.int64), "start": one, "last": one}
        yield (f"prefill {length}" if length > 1 else "decode"), import_module(step, example)


def _lengths(model: Any, max_length: int, prompt_lengths: Sequence[int]) -> tuple[int, ...]:
    """How many tokens each program takes."""
    _check_model(model, max_length)
    lengths = tuple(sorted({1, *prompt_lengths}))
    if lengths[0] < 1 or lengths[-1] > max_length:
        raise UsageError(f"prompt lengths {', '.join(map(str, prompt_lengths))} must lie between 1 and max_length, {max_length}")
    return lengths


def _check_model(model: Any, max_length: int) -> None:
    name = type(model).__name__
    generates = getattr(model, "can_generate", None)
    config = getattr(model, "config", None)
    if generates is None or not generates() or config is None or getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"{name} is no causal language model of transformers, such as GPT2LMHeadModel; amdc.compile is for others"
        )
    if model.training:
        raise UsageError(f"{name} is in training mode, and amdc compiles inference: call model.eval() first")
    limit = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    if max_length < 1 or (limit is not None and max_length > limit):
        raise UsageError(f"max_length is {max_length}; {name} has positions for 1 to {limit} tokens")
