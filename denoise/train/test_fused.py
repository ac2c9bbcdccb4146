#!/usr/bin/env python3
"""fused.c against the plain form: values, gradients, and what comes out. python3 test_fused.py"""
import time
import unittest

import numpy as np

import loss
import model


def spectra(rng, b, t):
    x = rng.standard_normal((b, t, model.BINS, 2)).astype(np.float32) * 10 ** rng.uniform(-4, -1, (b, t, model.BINS, 1)).astype(np.float32)
    return np.ascontiguousarray(x).view(np.complex64)[..., 0]


@unittest.skipIf(loss.library is None, 'fused.c cannot be used on this machine')
class Fused(unittest.TestCase):
    def setUp(self):
        rng = np.random.default_rng(5)
        self.flat = model.fresh(3)
        self.X = spectra(rng, 3, 17)
        self.S = self.X * rng.uniform(0, 1.2, self.X.shape).astype(np.float32) + 0.1 * spectra(rng, 3, 17)
        self.S[:, :4] = 0
        self.S[2] = 0
        self.X[1, :, 80:] = self.S[1, :, 80:] = 0
        self.states = rng.uniform(-0.9, 0.9, (model.BLOCKS, 3 * model.PLACES, model.CHANNELS)).astype(np.float32)
        self.weight = rng.uniform(0.5, 2, (3, 17)).astype(np.float32)

    def test_step(self):
        for r in (loss.Recipe(), loss.Recipe(power=0.5, over=2, ratio=0.01, ear=0.5), loss.Recipe(magnitude=0, spectrum=0, activity=0, ratio=1)):
            a, b = self.states.copy(), self.states.copy()
            want, wants = loss.plain(self.flat, self.X, self.S, self.weight, a, r)
            got, gots = loss.fused(self.flat, self.X, self.S, self.weight, b, r)
            np.testing.assert_allclose(b, a, atol=1e-5)
            np.testing.assert_allclose(gots, wants, rtol=2e-4, atol=1e-5)
            a, b = model.views(got), model.views(want)
            for name in a:
                self.assertLess(np.abs(a[name] - b[name]).max(), 2e-3 * np.abs(b[name]).max() + 1e-7, name)

    def test_answer(self):
        y, gain, vad = loss.answer(self.flat, self.X)
        keep, loss.library = loss.library, None
        try:
            y2, gain2, vad2 = loss.answer(self.flat, self.X)
        finally:
            loss.library = keep
        np.testing.assert_allclose(y, y2, atol=1e-5)
        np.testing.assert_allclose(gain, gain2, atol=1e-5)
        np.testing.assert_allclose(vad, vad2, atol=1e-5)

    def test_speed(self):
        X = spectra(np.random.default_rng(1), 8, 100)
        w = np.ones((8, 100), np.float32)
        times = []
        for f in (loss.plain, loss.fused):
            f(self.flat, X, X, w, np.zeros((model.BLOCKS, 8 * model.PLACES, model.CHANNELS), np.float32), loss.Recipe())
            began = time.time()
            f(self.flat, X, X, w, np.zeros((model.BLOCKS, 8 * model.PLACES, model.CHANNELS), np.float32), loss.Recipe())
            times.append(time.time() - began)
        print('%.0f and %.0f times as fast as sound, plain and fused' % tuple(8 / t for t in times))
        self.assertLess(times[1], times[0])


if __name__ == '__main__':
    unittest.main()
