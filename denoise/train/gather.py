#!/usr/bin/env python3
"""Adds the voices and sounds of unpacked Debian packages to a corpus: one FLAC for each talker or sound.

    python3 gather.py --unpacked DIR --base CORPUS --corpus DIR [--held DIR]

DIR of --unpacked holds one folder for each package, as dpkg -x makes it. What the base corpus has is linked. Recordings
with a floor of noise under the voice are left out: what is in the target is learnt to be kept. Talkers of HELD go to
--held instead, as files of a few seconds, for evaluate.py.
"""
import argparse
import glob
import os

import numpy as np
import soundfile

import mix

HEDGEWARS = 'hedgewars-data/usr/share/games/hedgewars/Data/Sounds/'
# path below the packages, name of the talkers, language, source, licence; a * in the path is one talker each.
VOICES = [
    (HEDGEWARS + 'voices/*/*.ogg', 'hw', 'Debian hedgewars-data', 'GFDL-1.3'),
    ('ktuberling-data/usr/share/ktuberling/sounds/*/*.*', 'kt', 'Debian ktuberling-data', 'GPL-2+'),
    ('klettres-data/usr/share/klettres/*/*/*.*', 'kl', 'Debian klettres-data', 'GPL-2+'),
]
SOUNDS = [(HEDGEWARS + '*.ogg', 'hw', 'Debian hedgewars-data', 'GFDL-1.3')]
LEFT_OUT = ('hw_Robot', 'hw_Singer')
HELD = ('hw_Default_uk', 'hw_Default_pl', 'hw_British', 'kl_cs', 'kl_hu', 'kl_da', 'kt_cs', 'kt_hu', 'kt_da', 'kt_fi', 'kt_pl')


def floor(x):
    """How many dB the quietest frames that are not digital silence lie under the loudest."""
    e = 10 * np.log10((x[:len(x) // 320 * 320].reshape(-1, 320).astype(float) ** 2).mean(1) + 1e-3)
    e = e[e > 3]
    return np.percentile(e, 95) - np.percentile(e, 4) if len(e) > 10 else 0


def main():
    a = argparse.ArgumentParser()
    for name in ('unpacked', 'base', 'corpus', 'held'):
        a.add_argument('--' + name, required=name != 'held')
    a = a.parse_args()
    rows = open(os.path.join(a.base, 'manifest.tsv')).read().splitlines()
    for folder in ('speech', 'noise'):
        os.makedirs(os.path.join(a.corpus, folder), exist_ok=True)
        for path in glob.glob(os.path.join(a.base, folder, '*')):
            to = os.path.join(a.corpus, folder, os.path.basename(path))
            if not os.path.exists(to):
                os.symlink(path, to)
    for pattern, prefix, source, licence in VOICES:
        talkers = {}
        at = pattern.split('/').index('*') if '/*/' in pattern else -2
        for path in sorted(glob.glob(os.path.join(a.unpacked, pattern))):
            if path.endswith(('.ogg', '.wav')):
                talkers.setdefault(os.path.relpath(path, a.unpacked).split('/')[at], []).append(path)
        for talker, paths in talkers.items():
            name = prefix + '_' + talker.replace('@', '-')
            if name in LEFT_OUT:
                continue
            clips = []
            for p in paths:
                try:
                    x = mix.read(p)
                except RuntimeError:
                    continue
                if len(x) > 4000 and floor(x) > 36:
                    clips.append(x)
            seconds = sum(map(len, clips)) / mix.RATE
            print(name, '%d of %d clips, %.0f s' % (len(clips), len(paths), seconds), flush=True)
            if seconds < 8:
                continue
            gap = np.zeros(mix.RATE // 6, np.int16)
            if name in HELD:
                if a.held:
                    write_held(a.held, name, clips, gap)
                continue
            path = 'speech/%s_0000.flac' % name
            soundfile.write(os.path.join(a.corpus, path), np.concatenate([y for x in clips for y in (x, gap)]), mix.RATE)
            rows.append('\t'.join((path, '%.2f' % seconds, source, licence, talker, str(len(clips)))))
    for pattern, prefix, source, licence in SOUNDS:
        for p in sorted(glob.glob(os.path.join(a.unpacked, pattern))):
            x = mix.read(p)
            if len(x) < mix.RATE // 4:
                continue
            path = 'noise/%s_%s.flac' % (prefix, os.path.basename(p)[:-4])
            soundfile.write(os.path.join(a.corpus, path), x, mix.RATE)
            rows.append('\t'.join((path, '%.2f' % (len(x) / mix.RATE), source, licence, 'game', '1')))
    open(os.path.join(a.corpus, 'manifest.tsv'), 'w').write('\n'.join(rows) + '\n')


def write_held(folder, name, clips, gap):
    os.makedirs(folder, exist_ok=True)
    rng, n, x = np.random.default_rng(1), 0, []
    for i in rng.permutation(len(clips)):
        x += [clips[i], gap]
        if sum(map(len, x)) > 5 * mix.RATE:
            soundfile.write(os.path.join(folder, '%s_%02d.wav' % (name, n)), np.concatenate(x), mix.RATE)
            n, x = n + 1, []
            if n == 5:
                return


if __name__ == '__main__':
    main()
