"""MXFP4 in PyTorch: 32 values share a power-of-two scale, each is one of 0 .5 1 1.5 2 3 4 6 with a sign.

quantize() is what the exporter writes and what training simulates, so the exported model is the
trained one. Blocks run along the last axis, which must be the input axis of a matrix.
"""
import torch

VALUES = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
BOUNDS = torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])


def codes_for(x, exponent):
    """Nearest 4-bit codes of x / 2^exponent."""
    y = x / torch.exp2(exponent)
    return torch.bucketize(y.abs().contiguous(), BOUNDS) + 8 * (y < 0)


def values_of(codes, exponent):
    v = VALUES[codes & 7] * torch.where(codes >= 8, -1.0, 1.0)
    return v * torch.exp2(exponent)


def quantize(w):
    """(codes [..., n/32, 32], exponents [..., n/32]): of two scales the one with the smaller error."""
    x = w.float().reshape(*w.shape[:-1], -1, 32)
    top = x.abs().amax(-1, keepdim=True).clamp(min=2.0 ** -100)
    low = torch.floor(torch.log2(top)) - 2              # the largest value falls in [4, 8): may clip to 6
    best = None
    for e in (low, low + 1):
        c = codes_for(x, e)
        err = (values_of(c, e) - x).square().sum(-1, keepdim=True)
        if best is None:
            best = c, e, err
        else:
            better = err < best[2]
            best = torch.where(better, c, best[0]), torch.where(better, e, best[1]), err
    return best[0], best[1].squeeze(-1)


def round_trip(w):
    codes, e = quantize(w)
    return values_of(codes, e.unsqueeze(-1)).reshape(w.shape)


def pack(w):
    """(blocks U8 [..., n/32, 16], scales U8 [..., n/32]): low nibble first, scale byte 127 + exponent."""
    codes, e = quantize(w)
    codes = codes.to(torch.uint8)
    return codes[..., 0::2] | (codes[..., 1::2] << 4), (e + 127).to(torch.uint8)
