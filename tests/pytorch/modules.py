"""Small PyTorch models with random weights, and inputs for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
Made = tuple[nn.Module, Any]  # a module in evaluation mode, and its inputs: a tuple or a dict


def _ids(length: int = 8) -> Tensor:
    return torch.randint(0, 50, (1, length))


def _padding(length: int = 8) -> Tensor:
    """The last two tokens are padding."""
    return (torch.arange(length) < length - 2).to(torch.int64).unsqueeze(0)


def bert() -> Made:
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig(**SMALL, vocab_size=50, max_position_embeddings=16))
    return model.eval(), {"input_ids": _ids(), "attention_mask": _padding()}


def gpt2() -> Made:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=50, n_positions=16, bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(config).eval(), (_ids(),)


def vit() -> Made:
    from transformers import ViTConfig, ViTForImageClassification

    model = ViTForImageClassification(ViTConfig(**SMALL, image_size=16, patch_size=4, num_labels=5))
    return model.eval(), (torch.randn(1, 3, 16, 16),)


def t5_encoder() -> Made:
    from transformers import T5Config, T5EncoderModel

    model = T5EncoderModel(T5Config(d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, vocab_size=50))
    return model.eval(), {"input_ids": _ids(), "attention_mask": _padding()}


def llama() -> Made:
    """RMS norms, rotary positions, two query heads to each key head."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        **SMALL, num_key_value_heads=2, vocab_size=50, max_position_embeddings=32, bos_token_id=0, eos_token_id=0
    )
    return LlamaForCausalLM(config).eval(), {"input_ids": _ids(), "attention_mask": _padding()}


class ResidualBlock(nn.Module):
    """Two convolutions with batch norms and a shortcut, activations in place."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(out)
        self.shortcut = nn.Conv2d(channels, out, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu_(self.first_norm(self.first(x)))
        return F.relu_(self.shortcut(x) + self.second_norm(self.second(y)))


def residual_network() -> Made:
    layers = [ResidualBlock(3, 8, 2), ResidualBlock(8, 8, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)]
    model = nn.Sequential(*layers)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval(), (torch.randn(1, 3, 16, 16),)


class UNet(nn.Module):
    """One level: strided down, transposed up, a skip connection, and every way of resizing."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.down = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 8, 3, 2, 1)
        self.up, self.out = nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(8, 2, 1)
        self.instance, self.group = nn.InstanceNorm2d(4, affine=True), nn.GroupNorm(2, 8)

    def forward(self, x: Tensor) -> Tensor:
        wide = F.leaky_relu(self.instance(self.inside(x)), 0.2)
        deep = F.mish(self.group(self.down(wide)))
        up = self.up(deep) + F.interpolate(deep[:, :4], scale_factor=2, mode="bilinear")
        up = up + F.interpolate(deep[:, 4:], size=up.shape[2:], mode="nearest")
        up = up + F.interpolate(deep[:, 4:], size=up.shape[2:], mode="bicubic", align_corners=True)
        return torch.sigmoid(self.out(torch.cat([wide, up], 1)))


def unet() -> Made:
    return UNet().eval(), (torch.randn(1, 3, 16, 16),)


def lstm() -> Made:
    return nn.LSTM(6, 8, 2, bidirectional=True, batch_first=True).eval(), (torch.randn(2, 5, 6),)


def lstm_with_state() -> Made:
    return nn.LSTM(6, 8, bias=False).eval(), (torch.randn(5, 2, 6), (torch.randn(1, 2, 8), torch.randn(1, 2, 8)))


def gru() -> Made:
    return nn.GRU(6, 8, 2, bidirectional=True).eval(), (torch.randn(5, 2, 6),)


def rnn() -> Made:
    return nn.RNN(6, 8, nonlinearity="relu").eval(), (torch.randn(5, 6),)


def multihead_attention() -> Made:
    """Also gives the attention weights, so it stays spelled out."""
    return nn.MultiheadAttention(8, 2, batch_first=True).eval(), (
        torch.randn(2, 5, 8),
        torch.randn(2, 7, 8),
        torch.randn(2, 7, 8),
    )


def transformer_encoder() -> Made:
    """Without nested tensors, with which eager PyTorch gives zeros in the places of padding."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    return model, {"src": torch.randn(2, 5, 8), "src_key_padding_mask": padding}


def transformer() -> Made:
    return nn.Transformer(8, 2, 1, 1, 16, batch_first=True).eval(), (torch.randn(2, 5, 8), torch.randn(2, 4, 8))


class Assorted(nn.Module):
    """Operators that core ATen spells in terms of others, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.bag, self.slope, self.shuffle = nn.EmbeddingBag(10, 4, mode="mean"), nn.PReLU(), nn.PixelShuffle(2)

    def forward(self, x: Tensor, i: Tensor) -> dict[str, Any]:
        moved = (x.roll(1, -1), x.tril(), torch.einsum("nchw,ndhw->ncd", x, x), F.unfold(x, 2), x.diagonal(0, 2, 3))
        reduced = (x.std(-1), torch.logsumexp(x, 1), F.normalize(x), torch.cdist(x[0], x[1]), x.norm(1, -1))
        masked = x.masked_scatter(x > 0, x * 2)
        return {"bag": self.bag(i), "slope": self.slope(x), "moved": moved, "reduced": reduced, "rest": [F.glu(x, 1), masked]}


def assorted() -> Made:
    return Assorted().eval(), (torch.randn(2, 4, 5, 6), torch.randint(0, 10, (3, 4)))


MODELS: dict[str, Callable[[], Made]] = {
    function.__name__: function
    for function in (
        bert,
        gpt2,
        vit,
        t5_encoder,
        llama,
        residual_network,
        unet,
        lstm,
        lstm_with_state,
        gru,
        rnn,
        multihead_attention,
        transformer_encoder,
        transformer,
        assorted,
    )
}
