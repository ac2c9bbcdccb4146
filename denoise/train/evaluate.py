#!/usr/bin/env python3
"""Scores what was trained on speech and noises that training never hears.

    python3 evaluate.py --speech DIR --corpus DIR [--set look] [--outside DIR] WEIGHTS...

WEIGHTS is a checkpoint.npz or a weights.bin. DIR of --speech holds clean 16 kHz WAV files named LANGUAGE_anything.wav.
The noises are the corpus's held-out ones (mix.NOISES), synthesised ones of a seed of their own and babble of the speech
itself; the set names the noises, "look" for work in progress, "final" for the end. The same command, the same pairs.

DIR of --outside may hold outside.py with other systems and scorers, which are no part of this project: SYSTEMS, a
dictionary from names to functions of a 16 kHz signal that return one as long and aligned; SCORES, for the rates 8000 and
16000 a dictionary from names to functions of (processed, clean, rate). Without it there are our own scorers alone.
"""
import argparse
import glob
import importlib.util
import os

for k in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ.setdefault(k, '1')

import numpy as np
from scipy.signal import resample_poly

import mix
import model
import noise
import scores
from enhance import enhance

SNRS = (0, 5, 10, 15)


def babble(clean, rng, n, talkers):
    x = np.zeros(n)
    for j in rng.integers(0, len(clean), talkers):
        s = clean[j]
        x += np.roll(np.resize(s, n), rng.integers(n)) / (s.std() + 1e-9)
    return x


class Noises:
    """The noises of a set by name, always the same for the same seed."""

    def __init__(self, corpus, name, clean):
        held = mix.Corpus(corpus, keep_held_out=True).noise
        self.recorded = {k.split('.')[0]: v for k, v in held.items() if any(p.rstrip('.') in k for p in mix.NOISES[name])}
        self.made = {k.__name__: k for k, _ in noise.KINDS}
        self.clean, self.kinds = clean, sorted(self.recorded) + sorted(self.made) + ['babble']
        self.seed = {'look': 2024, 'final': 777}[name]

    def draw(self, kind, rng, n):
        if kind in self.recorded:
            a = self.recorded[kind].astype(np.float32)
            x = np.resize(a[rng.integers(0, max(1, len(a) - n)):], n)
        elif kind == 'babble':
            x = babble(self.clean, rng, n, 6)
        else:
            x = self.made[kind](rng, n)
        return x / (x.std() + 1e-9)


def pairs(clean, noises):
    """(number of the file, SNR, kind of noise, noisy, clean): each file with each SNR, the kinds in turn."""
    rng = np.random.default_rng(noises.seed)
    for i, s in enumerate(clean):
        for snr in SNRS:
            kind = noises.kinds[(i * len(SNRS) + SNRS.index(snr) + i // len(noises.kinds)) % len(noises.kinds)]
            t = s * 10 ** (-26 / 20) / (s.std() + 1e-9)
            n = noises.draw(kind, rng, len(s)) * t.std() * 10 ** (-snr / 20)
            peak = max(1, np.abs(t + n).max() / 0.98)
            yield i, snr, kind, (t + n) / peak, t / peak


def load(path):
    """What enhances with the weights of a file: a function of a signal and its rate."""
    flat = model.read(path) if path.endswith('.bin') else np.load(path)['ema']
    return lambda x, rate: enhance(flat, x.astype(np.float32), rate)[0]


def outsiders(folder):
    """The systems and the scorers of a folder's outside.py; none, with a word why, where it cannot be used."""
    if folder:
        try:
            spec = importlib.util.spec_from_file_location('outside', os.path.join(folder, 'outside.py'))
            m = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(m)
            return m.SYSTEMS, m.SCORES
        except (OSError, ImportError, AttributeError) as e:
            print('No systems and scorers from outside: %s.' % e)
    else:
        print('No systems and scorers from outside: --outside names no folder.')
    return {}, {}


def wide(f):
    """A system for 16 kHz, for either rate."""
    return lambda x, rate: f(x) if rate == 16000 else resample_poly(f(resample_poly(x, 2, 1)), 1, 2)


def words(s, rate=16000):
    """Where speech begins after 100 ms in which it was 40 dB under its loudest."""
    n = rate // 100
    e = 10 * np.log10((s[:len(s) // n * n].reshape(-1, n) ** 2).mean(1) + 1e-12)
    top = e.max()
    return [k * n for k in range(10, len(e) - 5) if e[k] > top - 30 and (e[k - 10:k - 1] < top - 40).all() and e[k - 1] < top - 30]


def table(title, rows, key, names):
    """Means of the rows' scores for each key, as Markdown."""
    keys = sorted({key(r) for r in rows}, key=lambda k: [(isinstance(v, str), v) for v in k[:-1]])
    print('\n| %s | | %s |\n|---|---|%s' % (title, ' | '.join(names), '---|' * len(names)))
    for k in keys:
        v = np.array([r[-1] for r in rows if key(r) == k])
        print('| %s | %s | %s |' % (' '.join(map(str, k[:-1])), k[-1], ' | '.join('%.3f' % m for m in np.nanmean(v, 0))), flush=True)


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--speech', required=True)
    a.add_argument('--corpus', required=True)
    a.add_argument('--set', default='look', choices=sorted(mix.NOISES))
    a.add_argument('--limit', type=int, default=1000)
    a.add_argument('--outside', default=os.environ.get('DENOISE_OUTSIDE'))
    a.add_argument('--ours', action='store_true', help='WEIGHTS alone, nothing beside them')
    a.add_argument('--quick', action='store_true', help='the same, and neither telephone speech nor slow scorers')
    a.add_argument('--write', help='also write the pairs as noisy/ and clean/KIND_SNR_NUMBER.wav here, for bench denoise')
    a.add_argument('weights', nargs='*')
    a = a.parse_args()
    paths = sorted(glob.glob(os.path.join(a.speech, '*.wav')))
    paths = paths[::max(1, -(-len(paths) // a.limit))]
    clean = [mix.read(p).astype(np.float32) / 32768 for p in paths]
    languages = [os.path.basename(p).split('_')[0] for p in paths]
    noises = Noises(a.corpus, a.set, clean)
    items = list(pairs(clean, noises))
    if a.write:
        write(a.write, items)
    systems, more = outsiders(a.outside)
    systems = {'noisy': lambda x, rate: x, **{k: wide(f) for k, f in ({} if a.quick or a.ours else systems).items()}}
    systems.update({os.path.basename(os.path.dirname(c)) + '/' + os.path.basename(c): load(c) for c in a.weights})
    if a.quick or a.ours:
        del systems['noisy']
    if a.quick:
        more = {r: {k: f for k, f in v.items() if 'PESQ' in k} for r, v in more.items()}
    order = {k: '%d' % i for i, k in enumerate(systems)}
    label = lambda s: order[s] + ' ' + s
    own = {'SI-SDR': lambda y, s, r: scores.si_sdr(y, s), 'STOI': lambda y, s, r: scores.stoi(y, s, r), 'ESTOI': lambda y, s, r: scores.estoi(y, s, r)}
    measures = {**more.get(16000, {}), **own}
    rows = [(languages[i], snr, kind, label(k), [m(f(x, 16000), s, 16000) for m in measures.values()]) for i, snr, kind, x, s in items for k, f in systems.items()]
    table('16 kHz, all', rows, lambda r: ('', r[3]), measures)
    table('SNR', rows, lambda r: (r[1], r[3]), measures)
    table('language', rows, lambda r: (r[0], r[3]), measures)
    table('noise', rows, lambda r: (r[2], r[3]), measures)
    if not a.quick:
        telephone(items, systems, label, {**more.get(8000, {}), **own})
    untouched(clean, {k: f for k, f in systems.items() if k != 'noisy'}, more.get(16000, {}))
    alone(noises, clean, {k: f for k, f in systems.items() if k != 'noisy'})


def telephone(items, systems, label, measures):
    rows = []
    for _, snr, _, x, s in items:
        x8, s8 = resample_poly(x, 1, 2), resample_poly(s, 1, 2)
        x8 = mix.mulaw(x8)
        rows += [(snr, label(k), [m(f(x8, 8000), s8, 8000) for m in measures.values()]) for k, f in systems.items()]
    table('8 kHz, mu-law', rows, lambda r: (r[0], r[1]), measures)


def untouched(clean, systems, more):
    """What clean speech loses."""
    pesq = more.get('PESQ-WB')
    print('\n| clean speech | PESQ-WB mean, worst | STOI mean, worst | SI-SDR | first 50 ms of words, dB: mean, worst of 20, worst |\n|---|---|---|---|---|')
    for k, f in systems.items():
        p, t, d, e = [], [], [], []
        for s in clean:
            s = s * 10 ** (-26 / 20) / (s.std() + 1e-9)
            s = s / max(1, np.abs(s).max() / 0.98)
            y = f(s, 16000)
            p.append(pesq(y, s, 16000) if pesq else np.nan)
            t.append(scores.stoi(y, s))
            d.append(scores.si_sdr(y, s))
            e += [10 * np.log10(((y[o:o + 800] ** 2).mean() + 1e-10) / ((s[o:o + 800] ** 2).mean() + 1e-10)) for o in words(s)]
        print('| %s | %.2f, %.2f | %.3f, %.3f | %.1f | %.2f, %.2f, %.2f (%d words) |' % (
            k, np.nanmean(p), np.nanmin(p), np.nanmean(t), np.nanmin(t), np.mean(d), np.mean(e), np.percentile(e, 5), np.min(e), len(e)), flush=True)


def alone(noises, clean, systems):
    """How much quieter noise gets where nobody speaks, after a second."""
    kinds = {k: (lambda rng, k=k: noises.draw(k, rng, 96000)) for k in sorted(noises.recorded) + ['coloured', 'fan', 'hum', 'rain', 'engine', 'traffic', 'strokes']}
    kinds['white'] = lambda rng: rng.standard_normal(96000)
    kinds['babble of 10'] = lambda rng: babble(clean, rng, 96000, 10)
    print('\n| noise alone, dB | %s |\n|---|%s' % (' | '.join(kinds), '---|' * len(kinds)))
    for name, f in systems.items():
        out = []
        for k, g in kinds.items():
            x = g(np.random.default_rng(99))
            x = x / x.std() * 10 ** (-36 / 20)
            y = f(x.astype(np.float32), 16000)
            out.append(10 * np.log10(((y[16000:] ** 2).mean() + 1e-12) / (x[16000:] ** 2).mean()))
        print('| %s | %s |' % (name, ' | '.join('%.1f' % v for v in out)), flush=True)


def write(folder, items):
    import soundfile
    for n, (_, snr, kind, x, s) in enumerate(items):
        for name, y in (('noisy', x), ('clean', s)):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
            soundfile.write(os.path.join(folder, name, '%s_%d_%03d.wav' % (kind.replace('_', '-'), snr, n)), y, 16000, 'PCM_16')


if __name__ == '__main__':
    main()
