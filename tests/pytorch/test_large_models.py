"""Models of real size with random weights, compiled at -O3 and run on the simulated card, against eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tests.pytorch.modules import Made
from tests.pytorch.test_models import check_on_sim, narrowed

TOKENS = 16


def bert_base() -> Made:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig()).eval(), {"input_ids": torch.randint(0, 30000, (1, TOKENS))}


def gpt2_small() -> Made:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config()).eval(), {"input_ids": torch.randint(0, 50000, (1, TOKENS)), "use_cache": False}


def vit_base() -> Made:
    from transformers import ViTConfig, ViTForImageClassification

    return ViTForImageClassification(ViTConfig(num_labels=1000)).eval(), (torch.randn(1, 3, 224, 224),)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("make", [bert_base, gpt2_small, vit_base])
def test_large_model(make: Callable[[], tuple[nn.Module, object]], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model, inputs = make()
    check_on_sim(model.to(dtype), narrowed(inputs, dtype), 3)
