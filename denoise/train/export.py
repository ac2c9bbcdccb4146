#!/usr/bin/env python3
"""Writes a checkpoint as the weights that package denoise embeds, and golden vectors for its tests.

    python3 export.py CHECKPOINT ../weights.bin ../testdata

The file is a text header (one line per matrix: name, rows, columns; then the SHA-256 of the data), an empty line
and the matrices of model.SHAPES as little-endian float32, row after row. The gains' logits are halved, so that one tanh
serves all.
"""
import hashlib
import os
import sys

import numpy as np

import model
from enhance import enhance


def golden(rate):
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
    c = np.load(checkpoint)
    data = np.ascontiguousarray(c['ema'], '<f4').tobytes()
    head = 'cordboard-denoise 1\n' + ''.join('%s %d %d\n' % (name, *shape) for name, shape in model.SHAPES)
    head += 'sha256 %s\n\n' % hashlib.sha256(data).hexdigest()
    with open(weights, 'wb') as f:
        f.write(head.encode() + data)
    os.makedirs(testdata, exist_ok=True)
    for rate in (8000, 16000, 48000):
        x = golden(rate)
        y, vad = enhance(c['ema'], x.astype(np.float32) / 32768, rate)
        out = np.round(y * 32768).clip(-32768, 32767).astype('<i2')
        with open(os.path.join(testdata, 'golden_%d.raw' % rate), 'wb') as f:  # in, out, activity in 1/10000 per frame
            f.write(x.tobytes() + out.tobytes() + np.round(vad * 10000).astype('<i2').tobytes())
    print('step', int(c['step']), 'weights', len(data) // 4, hashlib.sha256(data).hexdigest())


if __name__ == '__main__':
    main()
