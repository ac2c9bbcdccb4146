"""Scores of a processed signal against the clean one, all at 16 kHz: no listening panel, but no licence either."""
import numpy as np
from scipy.signal import resample_poly


def si_sdr(y, s):
    """Scale-invariant signal-to-distortion ratio in dB."""
    s, y = s - s.mean(), y - y.mean()
    p = np.dot(y, s) / (np.dot(s, s) + 1e-12) * s
    return 10 * np.log10((p @ p + 1e-12) / ((y - p) @ (y - p) + 1e-12))


def segmental_snr(y, s, rate=16000):
    """Mean over frames of 30 ms that are not silent, each held to -10 to 35 dB."""
    n = rate * 30 // 1000
    m = len(s) // n
    a, b = s[:m * n].reshape(m, n), (s - y)[:m * n].reshape(m, n)
    e = (a ** 2).sum(1)
    r = np.clip(10 * np.log10((e + 1e-12) / ((b ** 2).sum(1) + 1e-12)), -10, 35)
    return r[e > e.max() * 1e-4].mean()


def spectra(x, n, size):
    w = np.hanning(n + 2)[1:-1]
    frames = np.lib.stride_tricks.sliding_window_view(x, n)[::n // 2] * w
    return frames, np.fft.rfft(frames, size, axis=1)


def log_spectral_distance(y, s):
    """Root mean square over bins, mean over frames, of the difference in dB; 60 dB below the loudest is the floor."""
    a, b = (np.abs(spectra(x, 512, 512)[1]) ** 2 for x in (s, y))
    floor = a.max() * 1e-6
    return np.sqrt(((10 * np.log10((a + floor) / (b + floor))) ** 2).mean(1)).mean()


def third_octaves(rate=10000, size=512, bands=15, lowest=150):
    f = np.linspace(0, rate, size + 1)[:size // 2 + 1]
    k = np.arange(bands)
    lo, hi = lowest * 2 ** ((2 * k - 1) / 6), lowest * 2 ** ((2 * k + 1) / 6)
    m = np.zeros((bands, len(f)))
    for i in range(bands):
        a, b = np.argmin((f - lo[i]) ** 2), np.argmin((f - hi[i]) ** 2)
        m[i, a:b] = 1
    return m


def envelopes(y, s, rate):
    """Magnitudes of the bands of the frames in which somebody speaks, of s and of y."""
    s, y = (resample_poly(x, 10000, rate) if rate != 10000 else x for x in (s, y))
    fs, fy = spectra(s, 256, 512)[0], spectra(y, 256, 512)[0]
    e = 20 * np.log10(np.linalg.norm(fs, axis=1) + 1e-12)
    keep = e > e.max() - 40

    def join(f):
        out = np.zeros(128 * (keep.sum() + 1))
        for i, x in enumerate(f[keep]):
            out[128 * i:128 * i + 256] += x
        return out
    m = third_octaves()
    return (np.sqrt(np.abs(spectra(join(f), 256, 512)[1]) ** 2 @ m.T) for f in (fs, fy))


def stretches(y, s, rate, score, n=30):
    a, b = envelopes(y, s, rate)
    if len(a) < n:
        return np.nan
    return np.mean([score(a[i - n:i], b[i - n:i]) for i in range(n, len(a) + 1)])


def stoi(y, s, rate=16000):
    """Short-time objective intelligibility (Taal, Hendriks, Heusdens, Jensen 2011)."""
    def score(p, q):
        q = q * np.linalg.norm(p, axis=0) / (np.linalg.norm(q, axis=0) + 1e-12)
        q = np.minimum(q, p * (1 + 10 ** (15 / 20)))
        p, q = p - p.mean(0), q - q.mean(0)
        return ((p * q).sum(0) / (np.linalg.norm(p, axis=0) * np.linalg.norm(q, axis=0) + 1e-12)).mean()
    return stretches(y, s, rate, score)


def estoi(y, s, rate=16000):
    """The extended measure (Jensen, Taal 2016)."""
    def unit(x, axis):
        x = x - x.mean(axis, keepdims=True)
        return x / (np.linalg.norm(x, axis=axis, keepdims=True) + 1e-12)
    return stretches(y, s, rate, lambda p, q: (unit(unit(p, 0), 1) * unit(unit(q, 0), 1)).sum() / len(p))


ALL = {'SI-SDR': si_sdr, 'STOI': stoi, 'ESTOI': estoi, 'segSNR': segmental_snr, 'LSD': log_spectral_distance}
