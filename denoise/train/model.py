"""The network: one small recurrence over time, shared by 16 places along frequency, and small products that
mix the places. Every layer is a matrix product with a few kilobytes of weights.

  4 channels x 64 bands -> 8 bands in steps of 4 -> 16 places x 32 channels
  twice: GRU over time (one set of weights for all places) and product, then a mix of places in 4 heads
  16 places -> 4 band gains, 4 x 3 complex taps and a share of the voice-activity logit each

The weights are one vector, as weights.bin has them: SHAPES names its parts in order. This is the plain form, for
checking, export and evaluation; fused.c is the same for training.
"""
import numpy as np
import torch

from bands import BANDS, BINS, FLOOR, LOW, TAPS, matrices

PLACES = BANDS // 4
CHANNELS = 32
BLOCKS = 2
HEADS = 4
OUT = 32          # 4 gains (half the logit), 24 taps, 1 voice activity, 3 unused: a multiple of 8
STEP = BANDS // PLACES


def shapes():
    c = CHANNELS
    yield 'enc.w', (8 * 4, c)
    yield 'enc.add', (PLACES, c)
    for i in range(BLOCKS):
        p = 'block%d.' % i
        yield p + 'x.w', (c, 3 * c)
        yield p + 'x.b', (1, 3 * c)
        yield p + 'h.w', (c, 3 * c)
        yield p + 'h.b', (1, 3 * c)
        yield p + 'after.w', (c, c)
        yield p + 'after.b', (1, c)
        yield p + 'mix', (HEADS * PLACES, PLACES)
        yield p + 'mix.add', (PLACES, c)
        yield p + 'out.w', (c, c)
        yield p + 'out.b', (1, c)
    yield 'dec.w', (c, c)
    yield 'dec.b', (1, c)
    yield 'head.w', (2 * c, OUT)
    yield 'head.add', (PLACES, OUT)


SHAPES = list(shapes())
WEIGHTS = sum(int(np.prod(s)) for _, s in SHAPES)


def views(flat):
    """The parts of the vector by name; they share its memory."""
    parts, at = {}, 0
    for name, shape in SHAPES:
        n = int(np.prod(shape))
        parts[name] = flat[at:at + n].reshape(shape)
        at += n
    return parts


def fresh(seed):
    """Weights to begin training with."""
    rng = np.random.default_rng(seed)
    flat = np.zeros(WEIGHTS, np.float32)
    for name, w in views(flat).items():
        if name.endswith('x.b') or name.endswith('h.b'):
            w[:] = rng.uniform(-1, 1, w.shape) / np.sqrt(CHANNELS)
        elif name.endswith('mix'):
            w[:] = np.tile(0.5 * np.eye(PLACES), (HEADS, 1)) + 0.15 * rng.standard_normal(w.shape)
        elif name.endswith('.w'):
            w[:] = rng.uniform(-1, 1, w.shape) / np.sqrt(w.shape[0])
        if name.endswith('out.w') or name.endswith('after.w'):
            w *= 0.7  # what is added to what goes past
        if name == 'head.w':
            w[:, STEP:] *= 0.1
        if name == 'head.add':
            w[:, :STEP] = 0.5
    return flat


def read(path):
    """The vector of a file as export.py writes it."""
    data = open(path, 'rb').read().split(b'\n\n', 1)[1]
    flat = np.frombuffer(data, '<f4').astype(np.float32)
    assert len(flat) == WEIGHTS, 'a network of another shape'
    return flat


class Net:
    """The network of one vector of weights."""

    def __init__(self, flat):
        self.w = views(torch.as_tensor(flat))
        down, up = matrices()
        self.down, self.up = torch.tensor(down), torch.tensor(up)

    def features(self, re, im):
        """T x B x BANDS x 4: logarithm of the power now and one frame ago, compressed real and imaginary part."""
        f = (torch.log10((re * re + im * im) @ self.down + FLOOR) + 6.0) * 0.3
        before = torch.cat([torch.full_like(f[:1], -1.8), f[:-1]], 0)
        r, i = re[..., :LOW], im[..., :LOW]
        m = 4 * (r * r + i * i + FLOOR) ** -0.35
        zero = torch.zeros_like(f[..., LOW:])
        return torch.stack([f, before, torch.cat([r * m, zero], -1), torch.cat([i * m, zero], -1)], 3)

    def infer(self, re, im, states=None):
        """From states (BLOCKS x B*PLACES x CHANNELS, which become those after the last frame) or none: gains (T x B x BANDS), taps (T x B x LOW x TAPS x 2) and voice-activity logits (T x B)."""
        t, b, _ = re.shape
        w, c = self.w, CHANNELS
        x = torch.nn.functional.pad(self.features(re, im), (0, 0, 2, 2)).reshape(t, b, -1)
        x = x.unfold(2, 8 * 4, STEP * 4)  # T x B x PLACES x 32
        e = torch.relu(x @ w['enc.w'] + w['enc.add'])
        x = e
        for i in range(BLOCKS):
            p = 'block%d.' % i
            gru = [w[p + 'x.w'].T.contiguous(), w[p + 'h.w'].T.contiguous(), w[p + 'x.b'][0], w[p + 'h.b'][0]]
            before = torch.zeros(1, b * PLACES, c) if states is None else states[i:i + 1].clone()
            h, after = torch._VF.gru(x.reshape(t, b * PLACES, c), before, gru, True, 1, 0.0, False, False, False)
            if states is not None:
                states[i] = after[0].detach()
            x = x + h.view(t, b, PLACES, c) @ w[p + 'after.w'] + w[p + 'after.b']
            heads = x.view(t, b, PLACES, HEADS, c // HEADS)
            m = torch.einsum('hpq,tbqhc->tbphc', w[p + 'mix'].view(HEADS, PLACES, PLACES), heads).reshape(t, b, PLACES, c)
            x = x + torch.relu(m + w[p + 'mix.add']) @ w[p + 'out.w'] + w[p + 'out.b']
        d = torch.relu(x @ w['dec.w'] + w['dec.b'])
        o = torch.cat([d, e], -1) @ w['head.w'] + w['head.add']
        gain = torch.sigmoid(2 * o[..., :STEP]).reshape(t, b, BANDS)
        taps = torch.tanh(o[..., STEP:STEP * (1 + 2 * TAPS)]).reshape(t, b, PLACES, TAPS, 2, STEP)
        taps = taps.permute(0, 1, 2, 5, 3, 4).reshape(t, b, BANDS, TAPS, 2)[:, :, :LOW]
        return gain, taps, o[..., STEP * (1 + 2 * TAPS)].mean(-1)

    def __call__(self, re, im, states=None):
        """Spectra T x B x BINS in and out (real, imaginary), then the gains and the voice-activity logits."""
        gain, taps, vad = self.infer(re, im, states)
        g = gain @ self.up
        yr, yi = re * g, im * g
        lr, li = yr[..., :LOW], yi[..., :LOW]
        xr, xi = re[..., :LOW], im[..., :LOW]
        for k in range(TAPS):
            if k:
                z = torch.zeros_like(xr[:1])
                xr, xi = torch.cat([z, xr[:-1]], 0), torch.cat([z, xi[:-1]], 0)
            cr, ci = taps[..., k, 0], taps[..., k, 1]
            lr = lr + cr * xr - ci * xi
            li = li + cr * xi + ci * xr
        return torch.cat([lr, yr[..., LOW:]], -1), torch.cat([li, yi[..., LOW:]], -1), gain, vad
