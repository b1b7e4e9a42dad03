"""Random inputs for a profile: those of a language model are tokens at the end of a full cache."""

from __future__ import annotations

import dataclasses

import pytest

from amdc.bundle import Bundle, Generation, Step
from amdc.errors import UsageError
from amdc.profile.collect import random_inputs
from amdc.program import Port, Program
from tests.profiling.hand_made import launch, program


def of_length(length: int) -> Program:
    shapes = {"ids": (1, length), "start": (1,), "last": (1,)}
    ports = tuple(Port(name, name, "int64", shape) for name, shape in shapes.items())
    return dataclasses.replace(program(launch()), inputs=ports)


MODEL = Bundle({"decode": of_length(1), "prefill 8": of_length(8)}, {}, {}, generation=Generation((1, 8), 32, 50))


@pytest.mark.parametrize(("key", "length"), [(None, 1), ("decode", 1), ("prefill 8", 8)])
def test_language_model(key: str | None, length: int) -> None:
    arrays = random_inputs(MODEL, 0, key)
    assert arrays["ids"].shape == (1, length) and arrays["ids"].min() >= 0 and arrays["ids"].max() < 50
    assert (arrays["start"].tolist(), arrays["last"].tolist()) == ([32 - length], [length - 1])


def test_unknown_program() -> None:
    with pytest.raises(UsageError, match="has no program 'prefill'; it has: decode, prefill 8"):
        random_inputs(MODEL, 0, "prefill")


def test_programs_of_a_schedule_are_not_chosen() -> None:
    steps = dataclasses.replace(MODEL, generation=None, schedule=(Step("decode"), Step("prefill 8")))
    with pytest.raises(UsageError, match="run one after another: profile it without --program"):
        random_inputs(steps, 0, "prefill 8")
