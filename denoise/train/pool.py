#!/usr/bin/env python3
"""Makes the voices and noises that training draws from, a shard at a time, for as long as it is let.

    python3 pool.py --corpus DIR --pool DIR [--voices N] [--noises N] [--seed 1]

A shard is DIR/KIND-NUMBER.npz: sound (int16, one row each) and size (what to divide a row by for its loudness to be 1).
KIND is voice, noise, voice-narrow or noise-narrow: telephone bands go with each other. coded-NUMBER.npz holds whole
mixtures after Opus with lost packets, and what is to be left of them; opusenc and opusdec make them where there are any.
"""
import argparse
import os
import shutil
import subprocess
import tempfile

for k in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ.setdefault(k, '1')

import numpy as np

import mix

SHARD = 50


def pack(rows):
    rows = np.stack(rows).astype(np.float32)
    size = 32000 / np.maximum(np.abs(rows).max(1), 1e-6)
    return {'sound': np.round(rows * size[:, None]).astype(np.int16), 'size': size.astype(np.float32)}


def save(path, **arrays):
    np.savez(path + '.new.npz', **arrays)
    os.replace(path + '.new.npz', path)


def coded(mixer):
    """Mixtures through Opus."""
    import soundfile
    pairs = [mixer.mix(mixer.make_voice(False), mixer.make_noise(False), False) for _ in range(SHARD)]
    with tempfile.TemporaryDirectory() as d:
        soundfile.write(d + '/x.wav', np.concatenate([x for x, _ in pairs]), mix.RATE, 'PCM_16')
        rate, loss = str(mixer.rng.integers(10, 40)), str(round(mixer.rng.uniform(0, 3), 1))
        subprocess.run(['opusenc', '--quiet', '--speech', '--framesize', '20', '--bitrate', rate, d + '/x.wav', d + '/x.opus'], check=True)
        subprocess.run(['opusdec', '--quiet', '--rate', '16000', '--packet-loss', loss, d + '/x.opus', d + '/y.wav'], check=True)
        y, _ = soundfile.read(d + '/y.wav', dtype='int16')
    y = np.concatenate([y, np.zeros(SHARD * mix.LENGTH, np.int16)])[:SHARD * mix.LENGTH]
    return {'sound': y.reshape(SHARD, -1), 'clean': np.round(np.stack([s for _, s in pairs]) * 32767).astype(np.int16)}


def main():
    a = argparse.ArgumentParser()
    a.add_argument('--corpus', required=True)
    a.add_argument('--pool', required=True)
    a.add_argument('--voices', type=int, default=100, help='shards of voices')
    a.add_argument('--noises', type=int, default=100)
    a.add_argument('--coded', type=int, default=20)
    a.add_argument('--seed', type=int, default=1)
    a = a.parse_args()
    os.makedirs(a.pool, exist_ok=True)
    os.environ.setdefault('DENOISE_CACHE', a.pool)
    mixer = mix.Mixer(mix.Corpus(a.corpus), a.seed)
    wanted = {'voice': a.voices, 'noise': a.noises, 'coded': a.coded if shutil.which('opusenc') else 0}
    for n in range(max(wanted.values())):
        for kind in ('noise', 'voice', 'coded'):
            narrow = n % 3 == 2 and kind != 'coded'
            path = os.path.join(a.pool, '%s%s-%d-%04d.npz' % (kind, '-narrow' if narrow else '', a.seed, n))
            if n >= wanted[kind] or os.path.exists(path):
                continue
            mixer.rng = np.random.default_rng([a.seed, n, ord(kind[0])])
            if kind == 'coded':
                save(path, **coded(mixer))
            else:
                make = mixer.make_voice if kind == 'voice' else mixer.make_noise
                save(path, **pack([make(narrow) for _ in range(SHARD)]))


if __name__ == '__main__':
    main()
