"""amdc::attention: values as in PyTorch, shapes on fake tensors, 0 for rows that see nothing, a derivative."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from amdc.ir.ops.attention import attention

F = torch.nn.functional


def tensors(heads: int = 4, groups: int = 2, rows: int = 5, columns: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, heads, rows, 8), torch.randn(2, groups, columns, 8), torch.randn(2, groups, columns, 6)


@pytest.mark.parametrize("masked", ["none", "bool", "float"])
@pytest.mark.parametrize("groups", [4, 2, 1])
def test_agrees_with_pytorch(groups: int, masked: str) -> None:
    q, k, v = tensors(groups=groups)
    mask = {"none": None, "bool": torch.rand(2, 1, 5, 7) > 0.4, "float": torch.randn(5, 7)}[masked]
    expected = F.scaled_dot_product_attention(q, k, v, mask, scale=0.3, enable_gqa=True)
    torch.testing.assert_close(attention(q, k, v, mask, 0.3, False), expected)


def test_causal_rows_end_at_the_last_column() -> None:
    q, k, v = tensors(groups=4, rows=3)
    seen = torch.tensor([[column <= row + 4 for column in range(7)] for row in range(3)])
    torch.testing.assert_close(attention(q, k, v, None, 0.3, True), attention(q, k, v, seen, 0.3, False))


def test_softcap() -> None:
    q, k, v = tensors(groups=4)
    expected = torch.softmax(2.0 * torch.tanh(q @ k.mT * 0.7 / 2.0), -1) @ v
    torch.testing.assert_close(attention(q, k, v, None, 0.7, False, 2.0), expected)


def test_a_row_that_sees_nothing_gives_zero() -> None:
    q, k, v = tensors(groups=4, rows=9)
    result = attention(q, k, v, None, 1.0, True)
    assert torch.equal(result[:, :, :2], torch.zeros(2, 4, 2, 6))
    assert (result[:, :, 2] == v[:, :, 0]).all()
    assert not attention(q, k, v, torch.full((9, 7), -torch.inf), 1.0, False).any()


def test_storage_in_half() -> None:
    q, k, v = (t.half() for t in tensors(groups=4))
    result = attention(q, k, v, None, 0.3, False)
    assert result.dtype == torch.float16
    torch.testing.assert_close(result, attention(q.float(), k.float(), v.float(), None, 0.3, False).half())


def test_fake_and_misfits() -> None:
    with FakeTensorMode():
        q, k, v = tensors()
        assert attention(q, k, v, None, 1.0, True).shape == (2, 4, 5, 6)
        with pytest.raises(RuntimeError, match="do not fit"):
            attention(q, k[:, :, :, :7], v, None, 1.0, True)
        with pytest.raises(RuntimeError, match="rank 4"):
            attention(q[0], k, v, None, 1.0, True)


def test_derivative() -> None:
    q, k, v = (t.double().requires_grad_() for t in tensors(rows=9))
    assert torch.autograd.gradcheck(lambda *t: attention(*t, None, 0.5, True), (q, k, v))
