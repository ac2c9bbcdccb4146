"""The whole suppressor offline, as the streaming one does it, for any of the three rates."""
import numpy as np

import loss
from bands import BINS, analyse, matrices, synthesise


def enhance(flat, x, rate):
    """x (amplitude 1) cleaned, aligned with x, and the voice-activity probability of every frame."""
    spectra = analyse(x, rate)
    bins = spectra.shape[1]
    n = min(bins, BINS)
    known = np.zeros((1, len(spectra), BINS), np.complex64)
    known[0, :, :n] = spectra[:, :n]
    if bins < BINS:  # what lies at half the sample rate is no speech
        known[0, :, bins - 1:] = 0
    z, gain, vad = loss.answer(flat, known)
    up = gain[0] @ matrices()[1]
    y = np.zeros_like(spectra)
    y[:, :n] = z[0, :, :n]
    if bins < BINS:
        y[:, bins - 1] = spectra[:, bins - 1] * up[:, bins - 1]
    if bins > BINS:
        y[:, BINS:] = spectra[:, BINS:] * up[:, BINS - 1:]
    return synthesise(y, rate, len(x)), 1 / (1 + np.exp(-vad[0]))
