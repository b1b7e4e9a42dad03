"""Greedy text generation with a causal bundle, on any session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from amdc.bundle import Bundle, Generation
from amdc.errors import InputError, UsageError


class Runnable(Protocol):
    """What generation needs of a session."""

    @property
    def bundle(self) -> Bundle: ...

    def reset(self) -> None: ...

    def run(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]: ...


def generate(session: Runnable, prompt_ids: Sequence[int], max_new_tokens: int, stop: int | None = None) -> list[int]:
    """The tokens that greedily follow a prompt: at most `max_new_tokens`, fewer where the token `stop` comes (it is the last).

    The cache starts empty. Raises `UsageError` where the bundle is of no causal language model, `InputError` for a prompt that is
    empty, holds unknown tokens, or does not fit the cache together with the new tokens.
    """
    generation = session.bundle.generation
    if generation is None:
        raise UsageError(
            f"{session.bundle.name} does not generate text: make one with amdc.compile_causal(model, max_length=...)"
        )
    prompt = _checked(prompt_ids, max_new_tokens, generation)
    session.reset()
    token, held = _prefill(session, prompt, generation), len(prompt)
    made = [token]
    while len(made) < max_new_tokens and token != stop:
        token = _step(session, np.array([token]), held, 1)
        held += 1
        made.append(token)
    return made


def _checked(prompt_ids: Sequence[int], max_new_tokens: int, generation: Generation) -> np.ndarray:
    prompt = np.asarray(prompt_ids)
    if prompt.ndim != 1 or prompt.size == 0 or not np.issubdtype(prompt.dtype, np.integer):
        raise InputError(f"a prompt is a non-empty list of token numbers, not {prompt.dtype} of shape {list(prompt.shape)}")
    unknown = sorted({int(token) for token in prompt if not 0 <= token < generation.vocabulary})
    if unknown:
        raise InputError(f"the prompt holds {unknown[0]}; the model knows the tokens 0 to {generation.vocabulary - 1}")
    if max_new_tokens < 1:
        raise InputError(f"max_new_tokens is {max_new_tokens}; it must be at least 1")
    if len(prompt) + max_new_tokens - 1 > generation.max_length:  # the last token is never put into the cache
        raise InputError(
            f"a prompt of {len(prompt)} and {max_new_tokens} new tokens do not fit the cache of {generation.max_length}; "
            "ask for fewer, or compile with a larger max_length"
        )
    return prompt.astype(np.int64)


def _prefill(session: Runnable, prompt: np.ndarray, generation: Generation) -> int:
    """Put the prompt into the cache; returns the token that follows."""
    start, token = 0, 0
    while start < len(prompt):
        length = _length(len(prompt) - start, generation.max_length - start, generation.lengths)
        part = prompt[start : start + length]
        token = _step(session, part, start, length)
        start += len(part)
    return token


def _length(left: int, room: int, lengths: Sequence[int]) -> int:
    """The tokens of the next run: the fewest that take all that is `left` and fit the cache's `room`, else the most that are
    full."""
    whole = [length for length in lengths if left <= length <= room]
    return min(whole) if whole else max(length for length in lengths if length <= left)


def _step(session: Runnable, tokens: np.ndarray, start: int, length: int) -> int:
    """One run on `tokens`, filled up to `length`."""
    ids = np.zeros((1, length), np.int64)
    ids[0, : len(tokens)] = tokens
    result = session.run({"ids": ids, "start": np.array([start]), "last": np.array([len(tokens) - 1])})
    return int(result["token"][0])
