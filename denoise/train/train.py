#!/usr/bin/env python3
"""Trains the network of model.py on mixtures of mix.py.

    OMP_NUM_THREADS=1 python3 train.py --corpus DIR --run DIR [--steps N] [--seed 1]

One thread. Every few minutes RUN/checkpoint.pt is replaced; started again with the same RUN it goes on from
there, the mixtures of step n being the same whether or not it was interrupted. --steps is where the learning
rate ends; more steps later mean a longer schedule from the checkpoint's step on.
"""
import argparse
import copy
import math
import os
import time

for k in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ.setdefault(k, '1')

import numpy as np
import torch

import mix
from bands import BINS, window
from model import Net

NARROW = torch.ones(BINS)
NARROW[80:] = 0
WINDOW = torch.tensor(window(320))


def stft(x):
    """T x B x BINS."""
    return torch.stft(x, 320, 160, 320, WINDOW, center=False, return_complex=True).permute(2, 0, 1) / 320


def loss_of(net, x, s, narrow, over):
    """Compressed magnitudes and spectra, the signal-to-noise ratio, and whether anybody speaks."""
    mask = torch.where(narrow[None, :, None], NARROW, torch.ones(BINS))
    X, S = stft(x) * mask, stft(s) * mask
    yr, yi, _, vad = net(X.real, X.imag)
    level = (X.abs().pow(2).mean((0, 2), keepdim=True) + 1e-10).sqrt()
    sr, si, yr, yi = S.real / level, S.imag / level, yr / level, yi / level
    ps, py = sr * sr + si * si + 1e-7, yr * yr + yi * yi + 1e-7
    d = ps.pow(0.15) - py.pow(0.15)
    lost = torch.relu(d)
    magnitude = (d * d + over * lost * lost).mean()
    fs, fy = ps.pow(-0.35), py.pow(-0.35)
    spectrum = ((sr * fs - yr * fy) ** 2 + (si * fs - yi * fy) ** 2).mean()
    es = (sr * sr + si * si).sum((0, 2))
    ee = ((sr - yr) ** 2 + (si - yi) ** 2).sum((0, 2))
    ratio = torch.where(es > 1, 10 * torch.log10((ee + 1e-3 * es) / (es + 1e-6) + 1e-6), torch.zeros_like(es)).mean()
    e = S.abs().pow(2).sum(-1)
    speaks = ((e > e.amax(0, keepdim=True) * 1e-4) & (e > 1e-8)).float()
    activity = torch.nn.functional.binary_cross_entropy_with_logits(vad, speaks)
    total = 0.7 * magnitude + 0.4 * spectrum + 0.0012 * ratio + 0.01 * activity
    return total, (magnitude, spectrum, ratio, activity)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--corpus', required=True)
    a.add_argument('--run', required=True)
    a.add_argument('--steps', type=int, default=200000)
    a.add_argument('--batch', type=int, default=12)
    a.add_argument('--rate', type=float, default=2e-3)
    a.add_argument('--over', type=float, default=0.5, help='extra weight of speech taken away')
    a.add_argument('--seed', type=int, default=1)
    a = a.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    os.makedirs(a.run, exist_ok=True)
    os.environ.setdefault('DENOISE_CACHE', a.run)
    mixer = mix.Mixer(mix.Corpus(a.corpus), a.seed)
    net = Net()
    ema = copy.deepcopy(net)
    opt = torch.optim.Adam(net.parameters(), a.rate, betas=(0.9, 0.98))
    step, path = 0, os.path.join(a.run, 'checkpoint.pt')
    if os.path.exists(path):
        c = torch.load(path)
        net.load_state_dict(c['net'])
        ema.load_state_dict(c['ema'])
        opt.load_state_dict(c['opt'])
        step = c['step']
    for n in (net, ema):
        for m in n.modules():
            if isinstance(m, torch.nn.BatchNorm1d):
                m.momentum = 0.02
    print('parameters', sum(p.numel() for p in net.parameters()), 'from step', step, flush=True)

    def save():
        torch.save({'net': net.state_dict(), 'ema': ema.state_dict(), 'opt': opt.state_dict(), 'step': step}, path + '.new')
        os.replace(path + '.new', path)

    began, saved, seen = time.time(), time.time(), []
    while step < a.steps:
        lr = a.rate * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * step / a.steps)) + 2e-5
        for g in opt.param_groups:
            g['lr'] = lr
        mixer.rng = np.random.default_rng([a.seed, step])
        drawn = [mixer.draw() for _ in range(a.batch)]
        x, s = (torch.from_numpy(np.stack([d[i] for d in drawn])) for i in (0, 1))
        total, parts = loss_of(net, x, s, torch.tensor([d[2] for d in drawn]), a.over)
        opt.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
        step += 1
        k = min(0.997, step / (step + 20))
        with torch.no_grad():
            for e, p in zip(ema.parameters(), net.parameters()):
                e.lerp_(p, 1 - k)
            for e, p in zip(ema.buffers(), net.buffers()):
                e.copy_(p)
        seen.append([total.item()] + [p.item() for p in parts])
        if step % 25 == 0:
            m = np.mean(seen[-100:], 0)
            print('step %d  %.0f s  %.2f h of audio  lr %.5f  loss %.5f  magnitude %.5f  spectrum %.5f  snr %.2f  vad %.3f' % (
                step, time.time() - began, step * a.batch * mix.LENGTH / 16000 / 3600, lr, *m[:3], -m[3], m[4]), flush=True)
        if time.time() - saved > 150:
            save()
            saved = time.time()
    save()


if __name__ == '__main__':
    main()
