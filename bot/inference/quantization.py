"""Quantisation of weights to 8 bits with a scale for each row. Faster on a processor, which reads less memory.

The activations stay as they are. torch's dynamic quantisation converts them too; it was faster still, but the
perplexity of a small language model rose from 97 to 260, and here it stays at 97.
"""

from __future__ import annotations

import torch
from torch.nn.functional import linear

_FEW = 16
"""Most rows for which a product with packed weights is faster than unpacking them first."""


class Int8Linear(torch.nn.Module):
    """Replacement of a Linear layer with int8 weights; the products are in bfloat16."""

    weight: torch.Tensor
    scale: torch.Tensor

    def __init__(self, layer: torch.nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        scale = weight.abs().amax(1).clamp(min=1e-12) / 127
        self.in_features = layer.in_features
        self.out_features = layer.out_features
        self.register_buffer("weight", (weight / scale[:, None]).round().to(torch.int8))
        self.register_buffer("scale", scale.to(torch.bfloat16))
        self.bias = layer.bias

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return the product with the weights, plus the bias."""
        rows = values.reshape(-1, self.in_features).to(torch.bfloat16)
        if len(rows) <= _FEW:
            product = torch._weight_int8pack_mm(rows, self.weight, self.scale)
        else:
            product = linear(rows, self.weight.to(torch.bfloat16) * self.scale[:, None])
        product = product.to(values.dtype).reshape(*values.shape[:-1], self.out_features)
        return product if self.bias is None else product + self.bias


def quantize(network: torch.nn.Module) -> None:
    """Replace the network's linear layers, except subclasses of Linear, which may do more than multiply."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Linear:
                setattr(parent, name, Int8Linear(child))


def has_int8(network: torch.nn.Module) -> bool:
    """Return True for a network with quantised layers."""
    return any(isinstance(part, Int8Linear) for part in network.modules())
