"""Endless noise: every call draws a new one. All return float32 at 16 kHz with a standard deviation near 1."""
import numpy as np
import scipy.fft as sfft

RATE = 16000


def shaped(rng, n, gain):
    """White noise through gain(f), by FFT."""
    f = sfft.rfftfreq(n, 1 / RATE)
    x = sfft.rfft(rng.standard_normal(n, dtype=np.float32))
    return sfft.irfft(x * gain(f).astype(np.float32), n)


def curve(rng, db, points=8):
    """A random smooth frequency response of +-db, over octaves."""
    k = rng.uniform(-db, db, points)
    at = np.linspace(-5.6, 3, points)
    return lambda f: 10 ** (np.interp(np.log2(np.maximum(f, 20) / 1000), at, k) / 20)


def slow(rng, n, hz, depth_db):
    """A random gain that moves with about hz, +-depth_db."""
    m = max(4, int(n / RATE * hz * 2) + 2)
    return 10 ** (np.interp(np.arange(n) * ((m - 1) / n), np.arange(m), rng.uniform(-depth_db, depth_db, m)) / 20)


def coloured(rng, n):
    tilt, c = rng.uniform(0, 1.6), curve(rng, 20)
    x = shaped(rng, n, lambda f: c(f) / np.maximum(f / 500, 0.1) ** tilt)
    if rng.random() < 0.4:
        x *= slow(rng, n, rng.uniform(0.3, 6), rng.uniform(1, 8))
    return x


def harmonics(rng, n, f0, count, tilt, wobble=0.0):
    phase = 2 * np.pi * np.cumsum(f0 * (1 + wobble * (slow(rng, n, 2, 6) - 1))) / RATE
    x = np.zeros(n)
    for k in range(1, count + 1):
        if f0 * k > 7500:
            break
        x += rng.uniform(0.1, 1) / k ** tilt * np.sin(k * phase + rng.uniform(0, 6.3))
    return x


def fan(rng, n):
    """Air plus the tones of the blades."""
    air = coloured(rng, n)
    tone = harmonics(rng, n, rng.uniform(40, 400), rng.integers(2, 10), rng.uniform(0.5, 1.5), rng.uniform(0, 0.02))
    return air / (air.std() + 1e-6) + tone / (tone.std() + 1e-6) * rng.uniform(0.05, 0.8)


def hum(rng, n):
    tone = harmonics(rng, n, rng.choice([50.0, 60.0, 100.0, 120.0]), rng.integers(3, 20), rng.uniform(0.3, 1.2))
    return tone / (tone.std() + 1e-6) + coloured(rng, n) * rng.uniform(0.02, 0.3)


def engine(rng, n):
    """A motor: many harmonics of a firing rate that wanders, with roughness, over rumble."""
    tone = harmonics(rng, n, rng.uniform(20, 140), 30, rng.uniform(0.4, 1.2), rng.uniform(0.02, 0.3))
    rough = 1 + rng.uniform(0, 0.8) * shaped(rng, n, lambda f: 8 / (1 + (f / 60) ** 2))
    c = rng.uniform(1, 2.2)
    rumble = shaped(rng, n, lambda f: 1 / (1 + (f / 150) ** c))
    return tone / (tone.std() + 1e-6) * rough + rumble / (rumble.std() + 1e-6) * rng.uniform(0.2, 2)


def traffic(rng, n):
    """Cars that pass over a rumble."""
    c = rng.uniform(1.2, 2.4)
    x = shaped(rng, n, lambda f: 1 / (1 + (f / 200) ** c))
    x /= x.std() + 1e-6
    for _ in range(rng.integers(1, 4)):
        at, width = rng.uniform(0, n), rng.uniform(0.3, 2) * RATE
        car = shaped(rng, n, lambda f: 1 / (1 + (f / rng.uniform(400, 1500)) ** 1.5))
        x += car / (car.std() + 1e-6) * rng.uniform(0.5, 3) * np.exp(-((np.arange(n) - at) / width) ** 2)
    return x


def strokes(rng, n):
    """Keys, clicks, knocks, dishes: impulses through decaying resonances."""
    x = np.zeros(n, np.float32)
    rate = rng.uniform(1, 12)
    kinds = []
    for _ in range(rng.integers(1, 5)):
        d = int(RATE * rng.uniform(0.004, 0.15))
        t = np.arange(d) / RATE
        low, high = sorted(10 ** rng.uniform(2.2, 3.88, 2))
        k = sum(rng.uniform(0.1, 1) * np.sin(2 * np.pi * rng.uniform(low, high) * t + rng.uniform(0, 6)) for _ in range(rng.integers(2, 7)))
        k = (k + rng.uniform(0.2, 3) * rng.standard_normal(d)) * np.exp(-t / rng.uniform(0.001, 0.035))
        kinds.append((k / (np.abs(k).max() + 1e-6)).astype(np.float32))
    at = 0
    while True:
        at += int(rng.exponential(RATE / rate)) + 200
        k = kinds[rng.integers(len(kinds))]
        if at + len(k) >= n:
            break
        x[at:at + len(k)] += k * rng.uniform(0.2, 1)
        if rng.random() < 0.5 and at + 1600 + len(k) < n:  # the key comes up again
            up = at + int(rng.uniform(600, 1600))
            x[up:up + len(k)] += 0.5 * k * rng.uniform(0.2, 1)
    floor = coloured(rng, n)
    return x / (x.std() + 1e-4) + floor / (floor.std() + 1e-6) * 10 ** rng.uniform(-2.5, -0.5)


def rain(rng, n):
    base = shaped(rng, n, curve(rng, 10))
    m = int(n / RATE * 10 ** rng.uniform(1.5, 3.3))
    drops = np.zeros(n, np.float32)
    drops[rng.integers(0, n, m)] = rng.exponential(1, m) * rng.choice([-1, 1], m)
    c = curve(rng, 12)
    drops = sfft.irfft(sfft.rfft(drops) * (c(sfft.rfftfreq(n, 1 / RATE))), n)
    return base / (base.std() + 1e-6) * rng.uniform(0.1, 1) + drops / (drops.std() + 1e-6)


def wind(rng, n):
    corner, c = rng.uniform(60, 300), rng.uniform(1.5, 3)
    x = shaped(rng, n, lambda f: 1 / (1 + (f / corner) ** c)) * slow(rng, n, rng.uniform(0.5, 5), 14)
    whistle = shaped(rng, n, lambda f: np.exp(-((f - rng.uniform(300, 1500)) / 80) ** 2)) * slow(rng, n, 1, 12)
    return x / (x.std() + 1e-6) + whistle / (whistle.std() + 1e-6) * rng.uniform(0, 0.4)


def music(rng, n):
    """Chords and a beat: nothing one would listen to, but notes, decays and repetition."""
    x = np.zeros(n, np.float32)
    root = 110 * 2 ** rng.uniform(0, 1)
    beat = int(RATE * rng.uniform(0.25, 0.7))
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    for at in range(0, n - 400, beat):
        for _ in range(rng.integers(1, 4)):
            d = min(int(beat * rng.uniform(0.8, 3)), n - at)
            t = np.arange(d) / RATE
            f = root * 2 ** (rng.choice(scale) / 12) * rng.choice([0.5, 1, 2])
            note = sum(rng.uniform(0, 1) / k * np.sin(2 * np.pi * f * k * t) for k in range(1, 7) if f * k < 7500)
            x[at:at + d] += note * np.exp(-t * rng.uniform(0.5, 6)) * np.minimum(1, t * 200)
        if rng.random() < 0.6:
            d = min(2400, n - at)
            x[at:at + d] += rng.uniform(0, 2) * rng.standard_normal(d) * np.exp(-np.arange(d) / rng.uniform(100, 900))
    return x


def alarm(rng, n):
    """A siren, a phone, a machine's beeps."""
    t = np.arange(n) / RATE
    f = rng.uniform(400, 2500) * (1 + rng.uniform(0, 0.4) * np.sin(2 * np.pi * rng.uniform(0.2, 8) * t))
    x = np.sin(2 * np.pi * np.cumsum(f) / RATE) + rng.uniform(0, 0.5) * np.sin(4 * np.pi * np.cumsum(f) / RATE)
    if rng.random() < 0.5:
        x *= (np.sin(2 * np.pi * rng.uniform(0.5, 6) * t + rng.uniform(0, 6)) > rng.uniform(-0.5, 0.5))
    return x + coloured(rng, n) * rng.uniform(0.01, 0.2)


KINDS = [(coloured, 5), (fan, 3), (hum, 1), (engine, 2), (traffic, 2), (strokes, 4), (rain, 1), (wind, 1.5), (music, 1.5), (alarm, 0.5)]
WEIGHT = np.array([w for _, w in KINDS]) / sum(w for _, w in KINDS)


def draw(rng, n):
    x = KINDS[rng.choice(len(KINDS), p=WEIGHT)][0](rng, n)
    return (x / (x.std() + 1e-5)).astype(np.float32)
