"""The signal side shared by training, export and evaluation: frames, window, bands and features.

A frame is 20 ms, a hop 10 ms, the window the square root of a periodic Hann for analysis and synthesis, and
spectra are divided by the frame length, so that a bin is 50 Hz wide and as high at every sample rate.
Bins 0 to 47 (0 to 2.35 kHz) are bands of their own, the 16 bands above are equally wide on the ERB scale up
to 8 kHz. Rates below 16 kHz leave the upper bands empty; above 8 kHz the last band's gain goes on.
"""
import numpy as np

LOW = 48          # bins that are bands of their own
HIGH = 16         # bands above them
BANDS = LOW + HIGH
BINS = 161        # what the network knows about: 0 to 8 kHz
TAPS = 3          # of the complex filter on the low bins: this frame and the two before
FLOOR = 1e-12     # power at which the logarithm ends


def erb(f):
    return 21.4 * np.log10(1 + 0.00437 * f)


def erb_inverse(e):
    return (10 ** (e / 21.4) - 1) / 0.00437


EDGES = [int(round(erb_inverse(e) / 50)) for e in np.linspace(erb(LOW * 50), erb(8000), HIGH + 1)]


def matrices():
    """Bins to band power (BINS x BANDS), and band gains to bin gains (BANDS x BINS): linear between centres."""
    down = np.zeros((BINS, BANDS), np.float32)
    up = np.zeros((BANDS, BINS), np.float32)
    for b in range(LOW):
        down[b, b] = up[b, b] = 1
    for k in range(HIGH):
        down[EDGES[k]:EDGES[k + 1], LOW + k] = 1.0 / (EDGES[k + 1] - EDGES[k])
    down[BINS - 1, BANDS - 1] = down[BINS - 2, BANDS - 1]
    centre = [LOW - 1] + [(EDGES[k] + EDGES[k + 1] - 1) / 2 for k in range(HIGH)]
    for b in range(LOW, BINS):
        j = 0
        while j < HIGH - 1 and b > centre[j + 1]:
            j += 1
        t = min(max((b - centre[j]) / (centre[j + 1] - centre[j]), 0), 1)
        up[LOW - 1 + j, b] += 1 - t
        up[LOW + j, b] += t
    return down, up


def window(n):
    return np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)


def analyse(x, rate):
    """All frames of x, with half a frame of silence before it, as spectra of rate/100+1 bins."""
    n = rate // 50
    h = n // 2
    x = np.concatenate([np.zeros(h, np.float32), x.astype(np.float32), np.zeros(n, np.float32)])
    frames = np.lib.stride_tricks.sliding_window_view(x, n)[::h] * window(n)
    return np.fft.rfft(frames, axis=1) / n


def synthesise(spectra, rate, length):
    """The inverse of analyse for spectra that nothing changed."""
    n = rate // 50
    h = n // 2
    frames = np.fft.irfft(spectra * n, n=n, axis=1) * window(n)
    out = np.zeros(len(frames) * h + h)
    for i, f in enumerate(frames):
        out[i * h:i * h + n] += f
    return out[h:h + length]
