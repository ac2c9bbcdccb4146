"""Mixtures: clean speech, noise, rooms, bands, codings, levels. One seed, one sequence.

Voices and noises are made slowly and kept in a pool (pool.py); a mixture is a pair of them, drawn anew each time.
"""
import os

import numpy as np
import scipy.fft as sfft

import noise

RATE = 16000
LENGTH = 4 * RATE
# Never heard in training: a talker, and two sets of noises. One set is looked at while working, the other is for the end.
TALKERS_LEFT_OUT = ('ast_es',)
NOISES = {
    'look': ('places_cafe', 'urban_traffic', 'things_keyboard', 'nature_wind.'),
    'final': ('places_supermarket', 'transport_train', 'things_washing-machine'),
}
HELD_OUT = TALKERS_LEFT_OUT + NOISES['look'] + NOISES['final']


def read(path):
    import soundfile
    from scipy.signal import resample_poly
    x, rate = soundfile.read(path, dtype='float32', always_2d=True)
    x = x.mean(1)
    if rate != RATE:
        g = np.gcd(rate, RATE)
        x = resample_poly(x, RATE // g, rate // g)
    return np.clip(np.round(x * 32768), -32768, 32767).astype(np.int16)


class Corpus:
    """A folder with manifest.tsv as described in docs/denoise.md; speech as one array per source, noise per clip."""

    def __init__(self, root, held_out=HELD_OUT, keep_held_out=False):
        cache = os.path.join(os.environ.get('DENOISE_CACHE', '/tmp'), 'corpus-%s.npz' % ('held' if keep_held_out else 'train'))
        if os.path.exists(cache):
            z = np.load(cache)
            self.speech = {k[2:]: z[k] for k in z.files if k.startswith('s/')}
            self.noise = {k[2:]: z[k] for k in z.files if k.startswith('n/')}
            return
        speech, self.noise = {}, {}
        for line in open(os.path.join(root, 'manifest.tsv')).read().splitlines()[1:]:
            path = line.split('\t')[0]
            if any(('/' + h) in path for h in held_out) != keep_held_out:
                continue
            x = read(os.path.join(root, path))
            name = os.path.basename(path)
            if path.startswith('speech/'):
                speech.setdefault(name.rsplit('_', 1)[0], []).append(x)
            elif x.astype(np.float32).std() > 15:
                self.noise[name] = x
        self.speech = {k: np.concatenate(v) for k, v in sorted(speech.items())}
        np.savez(cache, **{'s/' + k: v for k, v in self.speech.items()}, **{'n/' + k: v for k, v in self.noise.items()})


def mulaw(x):
    y = np.round(np.log1p(255 * np.minimum(np.abs(x), 1)) / np.log(256) * 127) / 127
    return np.sign(x) * np.expm1(y * np.log(256)) / 255


def alaw(x):
    a = np.minimum(np.abs(x), 1) * 87.6
    y = np.where(a < 1, a, 1 + np.log(np.maximum(a, 1))) / (1 + np.log(87.6))
    y = np.round(y * 127) / 127 * (1 + np.log(87.6))
    return np.sign(x) * np.where(y < 1, y, np.exp(y - 1)) / 87.6


class Mixer:
    """Endless voices, noises and pairs of them, all of LENGTH samples."""

    def __init__(self, corpus, seed):
        self.rng = np.random.default_rng(seed)
        self.speech, self.noise = (list(d.values()) if corpus else [] for d in ((corpus.speech, corpus.noise) if corpus else (0, 0)))
        if corpus:
            w = np.array([len(a) for a in self.speech], float) ** 0.6
            self.wspeech = w / w.sum()
            w = np.minimum(np.array([len(a) for a in self.noise], float), 60 * RATE) ** 0.5
            self.wnoise = w / w.sum()
        self.f = sfft.rfftfreq(LENGTH, 1 / RATE).astype(np.float32)

    def cut(self, a, n):
        if len(a) <= n:
            a = np.tile(a, n // len(a) + 1)
        o = self.rng.integers(0, len(a) - n + 1)
        return a[o:o + n].astype(np.float32) / 32768

    def talker(self):
        """Somebody, faster or slower: pitch, formants and tempo go together."""
        a = self.speech[self.rng.choice(len(self.speech), p=self.wspeech)]
        k = np.exp(self.rng.uniform(-0.2, 0.2)) if self.rng.random() < 0.65 else 1.0
        return stretch(self.cut(a, int(LENGTH * k) // 64 * 64), LENGTH)

    def room(self, wet):
        """A synthetic room's spectrum: direct sound, then a decaying tail, brighter at first."""
        n = int(self.rng.uniform(0.08, 0.6) * RATE)
        h = self.rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
        h[:int(self.rng.uniform(0.002, 0.015) * RATE)] = 0
        h *= self.rng.uniform(*wet) / np.sqrt((h ** 2).sum() + 1e-9)
        h[0] = 1
        return sfft.rfft(h.astype(np.float32), LENGTH)

    def babble(self):
        x = np.zeros(LENGTH, np.float32)
        for _ in range(int(2 ** self.rng.uniform(1.2, 4))):
            s = self.talker()
            x += s / (s.std() + 1e-3) * self.rng.uniform(0.3, 1)
        return sfft.irfft(sfft.rfft(x) * self.room((0.3, 1.5)), LENGTH)

    def one_noise(self):
        r = self.rng.random()
        if r < 0.38:
            return noise.draw(self.rng, LENGTH)
        if r < 0.53:
            x = self.babble()
        else:
            k = self.rng.uniform(0.7, 1.4) if self.rng.random() < 0.6 else 1.0
            x = stretch(self.cut(self.noise[self.rng.choice(len(self.noise), p=self.wnoise)], int(LENGTH * k) // 64 * 64), LENGTH)
        return x / (x.std() + 1e-5)

    def narrow(self):
        lo, hi = self.rng.uniform(60, 300), self.rng.uniform(3300, 3850)
        return (1 / (1 + (lo / np.maximum(self.f, 1)) ** 8)) / (1 + (self.f / hi) ** 40)

    def g711(self, x):
        """Through 8 kHz and A-law or mu-law; the upper half of the band ends up empty."""
        half = sfft.rfft(x)[:LENGTH // 4 + 1].copy()
        half[-1] = 0
        y = sfft.irfft(half, LENGTH // 2) / 2
        y = (mulaw if self.rng.random() < 0.5 else alaw)(y)
        up = np.zeros(LENGTH // 2 + 1, half.dtype)
        up[:LENGTH // 4] = sfft.rfft(y)[:LENGTH // 4]
        return sfft.irfft(up, LENGTH) * 2

    def make_voice(self, narrow):
        """One voice, at times two in turn, with its microphone and room: the room stays in what is to be left, it
        is the talker's, and taking it away hurts."""
        rng = self.rng
        s = self.talker()
        r = rng.random()
        if r < 0.25:  # a pause, then somebody else
            o, p = rng.integers(LENGTH // 5, LENGTH * 4 // 5), rng.integers(0, 16000)
            s[o:o + p] = 0
            s[o + p:] = self.talker()[:max(0, LENGTH - o - p)]
        elif r < 0.45:  # nobody speaks yet
            s[:rng.integers(RATE // 5, 2 * RATE)] = 0
        f = sfft.rfft(s)
        if rng.random() < 0.5:
            f = f * noise.curve(rng, 6)(self.f)
        if rng.random() < 0.3:
            f = f * self.room((0.1, 0.5))
        if narrow:
            f = f * self.narrow()
        elif rng.random() < 0.15:  # a dull microphone or codec
            f = f / (1 + (self.f / rng.uniform(3000, 7500)) ** 20)
        s = sfft.irfft(f, LENGTH)
        loud = np.abs(s) > 0.02 * np.abs(s).max()
        return s / max(np.sqrt((s[loud] ** 2).mean()) if loud.any() else 1, 1e-4)

    def make_noise(self, narrow):
        rng = self.rng
        n = self.one_noise()
        if rng.random() < 0.3:
            n = n + self.one_noise() * rng.uniform(0.2, 1)
        f = sfft.rfft(n.astype(np.float32))
        if rng.random() < 0.7:
            f = f * noise.curve(rng, 8)(self.f)
        if rng.random() < 0.15:
            f = f * self.room((0.3, 1.5))
        if narrow:
            f = f * self.narrow()
        elif rng.random() < 0.1:
            f = f / (1 + (self.f / rng.uniform(3000, 7500)) ** 20)
        n = sfft.irfft(f, LENGTH)
        return n / (n.std() + 1e-6)

    def mix(self, s, n, narrow, alone=0.06, clean=0.13):
        """A mixture of a voice and a noise, and what is to be left of it."""
        rng = self.rng
        level = 10 ** (rng.uniform(-42, -12) / 20)
        s = s * np.float32(level)
        s *= np.float32(min(1, 0.98 / (np.abs(s).max() + 1e-6)))
        snr = rng.uniform(-5, 22)
        kind = rng.random()
        if kind < alone:
            s = s * 0
        elif kind < alone + clean:
            snr = rng.uniform(30, 80)
        n = np.roll(n, rng.integers(LENGTH)) * np.float32(level * 10 ** (-snr / 20) * rng.choice([-1, 1]))
        x = s + n
        peak = np.abs(x).max()
        if peak > 1:
            if rng.random() < 0.3:
                x = np.clip(x, -1, 1)
            else:
                x, s = x / peak, s / peak
        if narrow and rng.random() < 0.7:
            y = self.g711(x)
            # the coder's filter took a little of the level along
            x = y * np.clip(np.dot(y, x) / (np.dot(y, y) + 1e-9), 0.5, 2)
        elif rng.random() < 0.5:
            x = np.round(x * 32768) / 32768
        return x.astype(np.float32), s.astype(np.float32)


def stretch(x, n):
    """x as n samples, by FFT."""
    if len(x) == n:
        return x.copy()
    f, m = sfft.rfft(x), min(len(x), n) // 2
    g = np.zeros(n // 2 + 1, f.dtype)
    g[:m] = f[:m]
    return sfft.irfft(g, n) * np.float32(n / len(x))
