#!/usr/bin/env python3
"""Writes a checkpoint as the weights that package denoise embeds, and golden vectors for its tests.

    python3 export.py CHECKPOINT ../weights.bin ../testdata

The file is a text header (one line per matrix: name, rows, columns; then the SHA-256 of the data), an empty line
and the matrices as little-endian float32, row after row. Normalisations are folded into the products before
them, the taps are laid out four bands to a row, and the gains' logits are halved, so that one tanh serves all.
"""
import hashlib
import os
import sys

import numpy as np
import torch

import noise
from enhance import enhance
from model import BLOCKS, HEADS, OUT, PLACES, TAPS, Net


def fold(norm):
    k = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return k, norm.bias - norm.running_mean * k


def matrices(net):
    k, b = fold(net.norm)
    yield 'enc.w', (net.enc.weight * k[:, None, None]).permute(2, 1, 0).reshape(-1, k.numel())
    yield 'enc.add', net.place + b
    for i, block in enumerate(net.blocks):
        p = 'block%d.' % i
        yield p + 'x.w', block.gru.weight_ih_l0.T
        yield p + 'x.b', block.gru.bias_ih_l0[None]
        yield p + 'h.w', block.gru.weight_hh_l0.T
        yield p + 'h.b', block.gru.bias_hh_l0[None]
        k, b = fold(block.norm1)
        yield p + 'after.w', (block.after.weight * k[:, None]).T
        yield p + 'after.b', b[None]
        yield p + 'mix', block.mix.reshape(HEADS * PLACES, PLACES)
        yield p + 'mix.add', block.place
        k, b = fold(block.norm2)
        yield p + 'out.w', (block.out.weight * k[:, None]).T
        yield p + 'out.b', b[None]
    yield 'dec.w', net.dec.weight.T
    yield 'dec.b', net.dec.bias[None]
    order = list(range(4)) + [4 + band * 2 * TAPS + t for t in range(2 * TAPS) for band in range(4)] + list(range(28, OUT))
    half = torch.ones(OUT)
    half[:4] = 0.5
    yield 'head.w', (net.head.weight[order] * half[:, None]).T
    yield 'head.add', (net.bias + net.head.bias)[:, order] * half


def golden(net, rate):
    """A made-up voice in made-up noise: nothing of the corpus may be handed on."""
    rng = np.random.default_rng(7)
    n = int(0.8 * rate) // (rate // 50) * (rate // 50)
    t = np.arange(n) / rate
    f0 = 140 + 25 * np.sin(2 * np.pi * 2.5 * t)
    phase = 2 * np.pi * np.cumsum(f0) / rate
    voice = np.zeros(n)
    for k in range(1, 60):
        f = k * f0
        formants = sum(a / (1 + ((f - c) / w) ** 2) for c, w, a in ((600, 120, 1), (1400, 150, 0.6), (2600, 250, 0.3)))
        voice += np.where(f < min(rate / 2, 8000), formants, 0) * np.sin(k * phase)
    voice *= (np.sin(2 * np.pi * 3 * t) > -0.2)
    x = voice / np.abs(voice).max() * 0.25
    hiss = rng.standard_normal(n)
    return np.round((x + 0.02 * hiss) * 32768).clip(-32768, 32767).astype('<i2')


def main():
    checkpoint, weights, testdata = sys.argv[1:4]
    net = Net()
    c = torch.load(checkpoint)
    net.load_state_dict(c['ema'])
    net.eval()
    head, data = 'cordboard-denoise 1\n', b''
    with torch.no_grad():
        for name, m in matrices(net):
            head += '%s %d %d\n' % (name, *m.shape)
            data += np.ascontiguousarray(m.numpy(), '<f4').tobytes()
    head += 'sha256 %s\n\n' % hashlib.sha256(data).hexdigest()
    with open(weights, 'wb') as f:
        f.write(head.encode() + data)
    os.makedirs(testdata, exist_ok=True)
    for rate in (8000, 16000, 48000):
        x = golden(net, rate)
        y, vad = enhance(net, x.astype(np.float32) / 32768, rate)
        out = np.round(y * 32768).clip(-32768, 32767).astype('<i2')
        with open(os.path.join(testdata, 'golden_%d.raw' % rate), 'wb') as f:  # in, out, activity in 1/10000 per frame
            f.write(x.tobytes() + out.tobytes() + np.round(vad * 10000).astype('<i2').tobytes())
    print('step', c['step'], 'parameters', len(data) // 4, hashlib.sha256(data).hexdigest())


if __name__ == '__main__':
    main()
