"""Greedy generation with the key-value cache in the arena gives transformers' own tokens."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import amdc
from amdc.bundle import Bundle
from amdc.codegen.builder import COUNTERS_NAME
from amdc.errors import InputError, ModelError, UsageError
from amdc.runtime.generation import _length

transformers = pytest.importorskip("transformers")

VOCABULARY = 101
MAX_LENGTH = 32
COMMON = {"vocab_size": VOCABULARY, "initializer_range": 0.3, "bos_token_id": 0, "eos_token_id": 0}  # 0.3: tokens that vary


@cache
def gpt2() -> Any:
    """Two layers, 64 wide."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_layer=2, n_embd=64, n_head=4, n_positions=64, **COMMON)
    return transformers.GPT2LMHeadModel(config).eval()


@cache
def llama() -> Any:
    """Two layers, 64 wide, four heads of queries on two of keys, rotary embedding."""
    torch.manual_seed(1)
    sizes = {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes, max_position_embeddings=64, **COMMON)).eval()


def reference(model: Any, prompt: list[int], count: int) -> list[int]:
    """What transformers generates greedily, without a token that stops it."""
    with torch.no_grad():
        made = model.generate(
            torch.tensor([prompt]), max_new_tokens=count, do_sample=False, eos_token_id=None, pad_token_id=0, use_cache=True
        )
    return made[0, len(prompt) :].tolist()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The small GPT-2, read back from its file."""
    made = amdc.compile_causal(gpt2(), MAX_LENGTH, (8,))
    return Bundle.open(made.save(tmp_path_factory.mktemp("causal") / "gpt2.amdc"))


def test_prefill_and_decode_share_cache_and_weights(bundle: Bundle) -> None:
    assert list(bundle.programs) == ["decode", "prefill 8"]
    one, many = bundle.programs.values()
    # Beside the cache there are counters, where work-groups agree who finishes: zeros before and after each launch.
    caches = [{s.name: p.buffers[s.buffer] for s in p.states if s.name != COUNTERS_NAME} for p in (one, many)]
    assert list(caches[0]) == ["keys_0", "values_0", "keys_1", "values_1"]
    assert sum(buffer.nbytes for buffer in caches[0].values()) == 4 * 4 * MAX_LENGTH * 16 * 4
    places = [{name: buffer.offset for name, buffer in held.items()} for held in caches]
    assert places[0] == places[1]
    weights = sum(parameter.nbytes for parameter in gpt2().parameters())
    assert one.constant_bytes < 1.2 * weights, "the two programs hold each weight once"
    for program in (one, many):
        copied = [launch for launch in program.launches if "state" in launch.kernel]
        assert not copied, "the cache is written in place"


@pytest.mark.parametrize("device", ["host", "sim"])
@pytest.mark.parametrize("length", [1, 5, 8, 19])
def test_greedy_tokens(bundle: Bundle, device: str, length: int) -> None:
    """Prompts of one token, of part of a prefill, of a whole one, and of several."""
    prompt = np.random.default_rng(length).integers(1, VOCABULARY, length).tolist()
    expected = reference(gpt2(), prompt, 12)
    assert len(set(expected)) > 2, "the case is worth something"
    with amdc.load(bundle, device) as session:
        assert session.generate(prompt, 12) == expected
        assert session.generate(prompt, 12) == expected, "the cache starts empty again"


def test_stop_token(bundle: Bundle) -> None:
    expected = reference(gpt2(), [5, 17, 33], 12)
    with amdc.load(bundle, "host") as session:
        assert session.generate([5, 17, 33], 12, stop=expected[4]) == expected[: expected.index(expected[4]) + 1]


def test_up_to_the_last_place_of_the_cache(bundle: Bundle) -> None:
    prompt = np.random.default_rng(2).integers(1, VOCABULARY, MAX_LENGTH - 3).tolist()
    with amdc.load(bundle, "host") as session:
        assert session.generate(prompt, 4) == reference(gpt2(), prompt, 4)
        with pytest.raises(InputError, match="a prompt of 29 and 5 new tokens do not fit the cache of 32"):
            session.generate(prompt, 5)


@pytest.mark.slow
def test_rotary_embedding_and_grouped_queries() -> None:
    prompt = [3, 14, 15, 92, 65, 35]
    with amdc.load(amdc.compile_causal(llama(), MAX_LENGTH, (4,)), "sim") as session:
        assert session.generate(prompt, 8) == reference(llama(), prompt, 8)


@pytest.mark.slow
def test_gpt2_small_for_32_tokens() -> None:
    """The real configuration, 12 layers of 768, with random weights: a prefill of 12 tokens and 31 steps, at -O3."""
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(initializer_range=0.1)).eval()
    prompt = list(range(100, 112))
    expected = reference(model, prompt, 32)
    assert len(set(expected)) > 20
    with amdc.load(amdc.compile_causal(model, 64, (16,), opt_level=3), "sim") as session:
        assert session.generate(prompt, 32) == expected


@pytest.mark.parametrize(
    ("left", "room", "expected"), [(5, 32, 8), (8, 32, 8), (19, 32, 8), (3, 4, 1), (1, 1, 1), (9, 9, 8), (1, 32, 1)]
)
def test_parts_of_a_prompt(left: int, room: int, expected: int) -> None:
    """The fewest tokens that take the rest; never so many that the filling would leave the cache."""
    assert _length(left, room, (1, 8)) == expected


@pytest.mark.parametrize(
    ("prompt", "count", "message"),
    [
        ([], 1, "a prompt is a non-empty list of token numbers"),
        ([[1, 2]], 1, "of shape"),
        ([1.5], 1, "not float64"),
        ([1, VOCABULARY], 1, "the prompt holds 101; the model knows the tokens 0 to 100"),
        ([-1], 1, "the prompt holds -1"),
        ([1], 0, "max_new_tokens is 0"),
    ],
)
def test_prompts_that_are_none(bundle: Bundle, prompt: Any, count: int, message: str) -> None:
    with amdc.load(bundle, "host") as session, pytest.raises(InputError, match=message):
        session.generate(prompt, count)


class Doubled(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2


@pytest.mark.parametrize("device", ["host", "sim"])
def test_other_models_do_not_generate(device: str) -> None:
    made = amdc.compile(Doubled().eval(), example_inputs=(torch.zeros(3),))
    with (
        amdc.load(made, device) as session,
        pytest.raises(UsageError, match=r"does not generate text: make one with amdc.compile_causal"),
    ):
        session.generate([1, 2], 3)


def test_models_that_are_not_causal() -> None:
    with pytest.raises(ModelError, match="Doubled is no causal language model of transformers"):
        amdc.compile_causal(Doubled().eval(), 32)
    with pytest.raises(UsageError, match="max_length is 65; GPT2LMHeadModel has positions for 1 to 64 tokens"):
        amdc.compile_causal(gpt2(), 65)
    with pytest.raises(UsageError, match="prompt lengths 16, 64 must lie between 1 and max_length, 32"):
        amdc.compile_causal(gpt2(), 32)
    torch.manual_seed(0)
    training = transformers.GPT2LMHeadModel(gpt2().config).train()
    with pytest.raises(UsageError, match=r"is in training mode.*call model.eval\(\) first"):
        amdc.compile_causal(training, 32)
