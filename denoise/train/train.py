#!/usr/bin/env python3
"""Trains the network of model.py on pairs of voices and noises from a pool (pool.py).

    OMP_NUM_THREADS=1 python3 train.py --pool DIR --run DIR [--steps N | --until HH:MM] [--seed 1]

One thread, with fused.c more than a hundred times as fast as sound. Every few minutes RUN/checkpoint.npz is replaced; started
again with the same RUN it goes on from there. The learning rate rises for a moment, stays, and falls over the last
part of the steps, or of the time until HH:MM: with --until a run may be stopped and given another end at any time, and what is
averaged (ema) is fit to be used all along.
"""
import argparse
import glob
import math
import os
import time

for k in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ.setdefault(k, '1')

import numpy as np
import scipy.fft as sfft

import bands
import loss
import mix
import model

WINDOW = bands.window(320)
FRAMES = mix.LENGTH // 160 - 1


def stft(x):
    """B x FRAMES x BINS of B x LENGTH."""
    frames = np.lib.stride_tricks.sliding_window_view(x, 320, axis=1)[:, ::160] * (WINDOW / 320)
    return sfft.rfft(frames, axis=2)


class Pool:
    """The shards of a folder, and pairs from them. look takes in what has come since."""

    def __init__(self, folder):
        self.folder, self.have = folder, {}
        self.kinds = {k: [] for k in ('voice', 'noise', 'voice-narrow', 'noise-narrow', 'coded')}
        self.look()

    def look(self):
        for path in sorted(glob.glob(os.path.join(self.folder, '*-*.npz'))):
            if path in self.have or '.new.' in path:
                continue
            kind = os.path.basename(path).rsplit('-', 2)[0]
            if kind in self.kinds:
                z = np.load(path)
                self.have[path] = True
                self.kinds[kind].append((z['sound'], z['clean'] if kind == 'coded' else z['size']))

    def row(self, rng, kind):
        sound, other = self.kinds[kind][rng.integers(len(self.kinds[kind]))]
        i = rng.integers(len(sound))
        return sound[i].astype(np.float32), other[i]

    def pair(self, mixer, a):
        rng = mixer.rng
        if self.kinds['coded'] and rng.random() < 0.06:
            x, s = self.row(rng, 'coded')
            return x / 32768, s.astype(np.float32) / 32768, False
        narrow = rng.random() < 0.35
        tail = '-narrow' if narrow else ''
        (s, k), (n, m) = self.row(rng, 'voice' + tail), self.row(rng, 'noise' + tail)
        return mixer.mix(s / k, n / m, narrow, a.alone, a.clean) + (narrow,)


def onsets(S, extra):
    """What each frame counts: more by extra for the 60 ms in which speech begins after it was quieter by 20 dB."""
    e = 10 * np.log10((S.real ** 2 + S.imag ** 2).sum(2) + 1e-12)
    w = np.ones(e.shape, np.float32)
    top = e.max(1, keepdims=True)
    before = np.stack([np.pad(e, ((0, 0), (k, 0)), constant_values=-120)[:, :e.shape[1]] for k in range(4, 12)]).max(0)
    rise = (e > top - 35) & (e > before + 15) & (top > -80)
    for k in range(6):
        w[:, k:][rise[:, :rise.shape[1] - k]] = 1 + extra
    return w


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--pool', required=True)
    a.add_argument('--run', required=True)
    a.add_argument('--weights', help='begin with these (a weights.bin) in place of fresh ones')
    a.add_argument('--steps', type=int, default=50000)
    a.add_argument('--until', help='HH:MM: the learning rate ends then, whatever the steps')
    a.add_argument('--minutes', type=float, help='the same in minutes of processor time')
    a.add_argument('--fall', type=float, default=0.5, help='part of the way over which the learning rate falls')
    a.add_argument('--batch', type=int, default=6)
    a.add_argument('--rate', type=float, default=2e-3)
    a.add_argument('--alone', type=float, default=0.06, help='share of noise without speech')
    a.add_argument('--clean', type=float, default=0.13, help='share of speech almost without noise')
    a.add_argument('--cold', type=float, default=0.35, help='share of mixtures that begin with nothing remembered')
    a.add_argument('--onset', type=float, default=0.0, help='extra weight of the beginnings of words')
    a.add_argument('--seed', type=int, default=1)
    for name, value in vars(loss.Recipe()).items():
        a.add_argument('--' + name, type=float, default=value, help='see loss.Recipe')
    a = a.parse_args()
    recipe = loss.Recipe(**{k: getattr(a, k) for k in vars(loss.Recipe())})
    os.makedirs(a.run, exist_ok=True)
    pool, mixer = Pool(a.pool), mix.Mixer(None, a.seed)
    w = model.read(a.weights) if a.weights else model.fresh(a.seed)
    state = {'w': w, 'ema': w.copy(), 'm': np.zeros_like(w), 'v': np.zeros_like(w), 'step': 0, 'seconds': 0.0}
    path = os.path.join(a.run, 'checkpoint.npz')
    if os.path.exists(path):
        state.update({k: v if v.shape else v.item() for k, v in np.load(path).items()})
    w, ema, m, v, step = (state[k] for k in ('w', 'ema', 'm', 'v', 'step'))
    before, began = state['seconds'], time.time()
    first, cpu = step, time.process_time()
    end = None
    if a.until:
        end = time.mktime(time.strptime(time.strftime('%Y-%m-%d ') + a.until, '%Y-%m-%d %H:%M'))
    print('weights', len(w), 'from step', step, recipe, {k: len(v) for k, v in pool.kinds.items()}, flush=True)

    def save():
        np.savez(path + '.new.npz', w=w, ema=ema, m=m, v=v, step=step, seconds=before + time.time() - began)
        os.replace(path + '.new.npz', path)

    states = np.zeros((model.BLOCKS, a.batch * model.PLACES, model.CHANNELS), np.float32)
    saved, looked, seen = time.time(), time.time(), []
    while True:
        if end:
            done = (time.time() - began) / max(end - began, 1)
        elif a.minutes:
            done = (time.process_time() - cpu) / 60 / a.minutes
        else:
            done = (step - first) / max(a.steps - first, 1)
        if done >= 1:
            break
        lr = a.rate * min(1, (step + 1) / 300, (step - first + 1) / 100)
        if done > 1 - a.fall:
            lr *= 0.5 + 0.5 * math.cos(math.pi * (done - 1 + a.fall) / a.fall)
        lr += 1e-5
        mixer.rng = np.random.default_rng([a.seed, step])
        drawn = [pool.pair(mixer, a) for _ in range(a.batch)]
        X, S = (stft(np.stack([d[i] for d in drawn])) for i in (0, 1))
        for i, d in enumerate(drawn):
            if d[2]:
                X[i, :, 80:] = S[i, :, 80:] = 0
        weight = onsets(S, a.onset) if a.onset else np.ones(X.shape[:2], np.float32)
        # A stream goes on when its talker and its noise change: most begin where another one's ended.
        states = states.reshape(model.BLOCKS, a.batch, -1)[:, mixer.rng.permutation(a.batch)]
        states[:, mixer.rng.random(a.batch) < a.cold] = 0
        states = np.ascontiguousarray(states.reshape(model.BLOCKS, -1, model.CHANNELS))
        g, parts = loss.step(w, X, S, weight, states, recipe)
        if not np.isfinite(states).all():
            states[:] = 0
        norm = np.sqrt(np.dot(g, g))
        if np.isfinite(norm):
            g *= min(1, 1.0 / (norm + 1e-9))
            step += 1
            m += 0.1 * (g - m)
            v += 0.01 * (g * g - v)
            w -= lr * (m / (1 - 0.9 ** step)) / (np.sqrt(v / (1 - 0.99 ** step)) + 1e-8)
            ema += max(0.001, 1 / (step + 10)) * (w - ema)
        seen.append(list(parts) + [norm])
        if step % 200 == 0:
            k = np.mean(seen[-1000:], 0)
            print('step %d  %.0f s  %.2f h of audio  lr %.5f  loss %.5f  magnitude %.5f  spectrum %.5f  snr %.2f  vad %.3f  norm %.3f' % (
                step, time.time() - began, step * a.batch * mix.LENGTH / mix.RATE / 3600, lr, *k[:3], -k[3], k[4], k[5]), flush=True)
            del seen[:-1000]
        if time.time() - saved > 60:
            save()
            saved = time.time()
        if time.time() - looked > 120:
            pool.look()
            looked = time.time()
    save()


if __name__ == '__main__':
    main()
