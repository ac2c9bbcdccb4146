"""What training makes small, in the plain form that torch differentiates, and the same through fused.c.

step(flat, X, S, weight, states, recipe) is (gradient, parts) for B sequences of T frames: X and S are the spectra of the
mixtures and of the clean speech, B x T x BINS complex64, weight is how much each frame counts, B x T. They
begin with states (model.BLOCKS x B*PLACES x CHANNELS float32), which become those after the last frame.
"""
import ctypes
import os
import subprocess
import sys
from dataclasses import astuple, dataclass

import numpy as np
import torch

import bands
from model import BLOCKS, CHANNELS, PLACES, WEIGHTS, Net


@dataclass
class Recipe:
    """Weights of the terms: compressed magnitudes, compressed spectra, the ratio of signal to distortion in dB, voice
    activity; over is the extra weight of speech taken away, power the compression, ear how much more the bins count where the
    ear is finer."""
    magnitude: float = 0.7
    spectrum: float = 0.4
    ratio: float = 0.0012
    activity: float = 0.01
    over: float = 0.5
    power: float = 0.3
    ear: float = 0.0


def bin_weights(ear):
    """How much each bin counts: as many times as the ear has bands there, to the power of ear; 1 in the mean."""
    w = (1 + 4.37 * np.arange(bands.BINS) * 0.05) ** -ear
    return (w / w.mean()).astype(np.float32)


def plain(flat, X, S, weight, states, r):
    w = torch.tensor(flat, requires_grad=True)
    X, S = torch.as_tensor(X).transpose(0, 1), torch.as_tensor(S).transpose(0, 1)
    weight = torch.as_tensor(weight).T[..., None] * torch.tensor(bin_weights(r.ear))
    yr, yi, _, vad = Net(w)(X.real.contiguous(), X.imag.contiguous(), torch.from_numpy(states))
    level = (X.abs().pow(2).mean((0, 2), keepdim=True) + 1e-10).sqrt()
    sr, si, yr, yi = S.real / level, S.imag / level, yr / level, yi / level
    ps, py = sr * sr + si * si + 1e-7, yr * yr + yi * yi + 1e-7
    d = ps.pow(r.power / 2) - py.pow(r.power / 2)
    lost = torch.relu(d)
    magnitude = (weight * (d * d + r.over * lost * lost)).mean()
    fs, fy = ps.pow((r.power - 1) / 2), py.pow((r.power - 1) / 2)
    spectrum = (weight * ((sr * fs - yr * fy) ** 2 + (si * fs - yi * fy) ** 2)).mean()
    es = (sr * sr + si * si).sum((0, 2))
    ee = ((sr - yr) ** 2 + (si - yi) ** 2).sum((0, 2))
    ratio = torch.where(es > 1, 10 * torch.log10((ee + 1e-3 * es) / (es + 1e-6) + 1e-6), torch.zeros_like(es)).mean()
    e = S.abs().pow(2).sum(-1)
    speaks = ((e > e.amax(0, keepdim=True) * 1e-4) & (e > 1e-8)).float()
    activity = torch.nn.functional.binary_cross_entropy_with_logits(vad, speaks)
    total = r.magnitude * magnitude + r.spectrum * spectrum + r.ratio * ratio + r.activity * activity
    total.backward()
    return w.grad.numpy(), np.array([p.item() for p in (total, magnitude, spectrum, ratio, activity)])


def build():
    """fused.c as a library for this machine, or None with the reason on standard error."""
    here = os.path.dirname(os.path.abspath(__file__))
    out = os.path.join(os.environ.get('DENOISE_CACHE', '/tmp'), 'fused-%d.so' % os.stat(os.path.join(here, 'fused.c')).st_mtime)
    try:
        if not os.path.exists(out):
            new = '%s.%d' % (out, os.getpid())  # others may do the same at the same time
            subprocess.run(['gcc', '-O3', '-march=native', '-ffp-contract=fast', '-fno-math-errno', '-shared', '-fPIC',
                            os.path.join(here, 'fused.c'), '-o', new, '-lm'], check=True)
            os.replace(new, out)
        lib = ctypes.CDLL(out)
    except (OSError, subprocess.CalledProcessError) as e:
        print('fused.c cannot be used, going on without, many times slower:', e, file=sys.stderr)
        return None
    assert lib.weights() == WEIGHTS
    return lib


library = build()


def pointer(a):
    return a.ctypes.data_as(ctypes.c_void_p)


def fused(flat, X, S, weight, states, r):
    X, S = (np.ascontiguousarray(a, np.complex64) for a in (X, S))
    flat, weight = (np.ascontiguousarray(a, np.float32) for a in (flat, weight))
    library.setup((ctypes.c_int * len(bands.EDGES))(*bands.EDGES), pointer(bin_weights(r.ear)))
    grad, parts, terms = np.empty(WEIGHTS, np.float32), np.empty(5, np.float32), np.array(astuple(r)[:-1], np.float32)
    b, t, bins = X.shape
    assert bins == bands.BINS and S.shape == X.shape and weight.shape == (b, t) and states.shape == (BLOCKS, b * PLACES, CHANNELS) and flat.shape == (WEIGHTS,)
    library.step(pointer(flat), pointer(grad), b, t, pointer(X), pointer(S), pointer(weight), pointer(terms), pointer(states), pointer(parts))
    return grad, parts


def answer(flat, X):
    """The network's spectra, gains and voice-activity logits for X, B x T x BINS, through fused.c or else torch."""
    X = np.ascontiguousarray(X, np.complex64)
    b, t, _ = X.shape
    if library is None:
        with torch.no_grad():
            z = torch.from_numpy(X).transpose(0, 1)
            yr, yi, gain, vad = Net(flat)(z.real.contiguous(), z.imag.contiguous())
        return (yr + 1j * yi).transpose(0, 1).numpy(), gain.transpose(0, 1).numpy(), vad.T.numpy()
    flat = np.ascontiguousarray(flat, np.float32)
    library.setup((ctypes.c_int * len(bands.EDGES))(*bands.EDGES), pointer(bin_weights(0)))
    y, gain, vad = np.empty_like(X), np.empty((b, t, bands.BANDS), np.float32), np.empty((b, t), np.float32)
    library.enhance(pointer(flat), b, t, pointer(X), pointer(y), pointer(gain), pointer(vad))
    return y, gain, vad


step = fused if library is not None else plain
