#!/usr/bin/env python3
"""Scores a checkpoint on speech and noises that training never hears.

    python3 evaluate.py --speech DIR --corpus DIR CHECKPOINT

DIR of --speech holds clean 16 kHz WAV files; the noises are the corpus's held-out ones (mix.HELD_OUT), synthesised
ones of a seed of their own, and babble of the speech itself. A PESQ score is added where a module named pesq can
be imported. The same command, the same pairs.
"""
import argparse
import glob
import os

for k in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ.setdefault(k, '1')

import numpy as np
import torch

import mix
import noise
import scores
from enhance import enhance
from model import Net

try:
    from pesq import pesq
    scores.ALL['PESQ-WB'] = lambda y, s: pesq(16000, s, y, 'wb')
except ImportError:
    pass


def pairs(speech, corpus, snrs, limit):
    """(SNR, kind of noise, noisy, clean), always the same."""
    clean = [mix.read(p).astype(np.float32) / 32768 for p in sorted(glob.glob(os.path.join(speech, '*.wav')))][:limit]
    held = mix.Corpus(corpus, keep_held_out=True).noise
    kinds = sorted(held) + [k.__name__ for k, _ in noise.KINDS] + ['babble']
    rng = np.random.default_rng(2024)
    for i, s in enumerate(clean):
        for snr in snrs:
            kind = kinds[(i * len(snrs) + snrs.index(snr)) % len(kinds)]
            if kind in held:
                a = held[kind].astype(np.float32)
                o = rng.integers(0, max(1, len(a) - len(s)))
                n = np.resize(a[o:], len(s))
            elif kind == 'babble':
                n = sum(np.roll(np.resize(clean[j], len(s)), rng.integers(len(s))) for j in rng.integers(0, len(clean), 6))
            else:
                n = dict((k.__name__, k) for k, _ in noise.KINDS)[kind](rng, len(s))
            n = n / (n.std() + 1e-9)
            level = 10 ** (-26 / 20) / (s.std() + 1e-9)
            t = s * level
            n = n * t.std() * 10 ** (-snr / 20)
            peak = max(1, np.abs(t + n).max() / 0.98)
            yield snr, kind, (t + n) / peak, t / peak


def load(path):
    net = Net()
    net.load_state_dict(torch.load(path)['ema'])
    net.eval()
    return lambda x: enhance(net, x, 16000)[0]


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--speech', required=True)
    a.add_argument('--corpus', required=True)
    a.add_argument('--limit', type=int, default=1000)
    a.add_argument('--write', help='also write the pairs as noisy/ and clean/KIND_SNR_NUMBER.wav here, for bench denoise')
    a.add_argument('checkpoint', nargs='*')
    a = a.parse_args()
    torch.set_num_threads(1)
    if a.write:
        write(a.write, pairs(a.speech, a.corpus, [0, 5, 10, 15], a.limit))
    systems = {'noisy': lambda x: x}
    systems.update({os.path.basename(os.path.dirname(c)) or c: load(c) for c in a.checkpoint})
    report(systems, pairs(a.speech, a.corpus, [0, 5, 10, 15], a.limit), pairs(a.speech, a.corpus, [100], a.limit))


def write(folder, items):
    import soundfile
    for n, (snr, kind, x, s) in enumerate(items):
        for name, y in (('noisy', x), ('clean', s)):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
            kind = kind.split('.')[0].replace('_', '-')
            soundfile.write(os.path.join(folder, name, '%s_%d_%03d.wav' % (kind, snr, n)), y, 16000, 'PCM_16')


def report(systems, noisy, clean):
    rows = []
    for name, items in (('', noisy), ('clean', clean)):
        for snr, kind, x, s in items:
            for system, f in systems.items():
                y = f(x.astype(np.float32))
                rows.append((system, name or snr, kind if not name else '', [m(y, s) for m in scores.ALL.values()]))
    def table(title, key):
        print('\n%-28s' % title + ''.join('%10s' % m for m in scores.ALL))
        for k in sorted({key(r) for r in rows if key(r) is not None}, key=str):
            v = np.array([r[3] for r in rows if key(r) == k])
            print('%-28s' % ' '.join(map(str, k)) + ''.join('%10.3f' % m for m in np.nanmean(v, 0)))
    table('mean over 0, 5, 10, 15 dB', lambda r: (r[0],) if r[1] != 'clean' else None)
    table('by SNR', lambda r: (r[1], r[0]))
    table('by noise', lambda r: (r[2], r[0]) if r[2] else None)


if __name__ == '__main__':
    main()
