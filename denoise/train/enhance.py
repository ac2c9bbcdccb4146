"""The whole suppressor offline, as the streaming one does it, for any of the three rates."""
import numpy as np
import torch

from bands import BINS, analyse, synthesise


def enhance(net, x, rate):
    """x (amplitude 1) cleaned, aligned with x, and the voice-activity probability of every frame."""
    spectra = analyse(x, rate)
    bins = spectra.shape[1]
    n = min(bins, BINS)
    known = np.zeros((len(spectra), BINS), np.complex64)
    known[:, :n] = spectra[:, :n]
    if bins < BINS:  # what lies at half the sample rate is no speech
        known[:, bins - 1:] = 0
    with torch.no_grad():
        z = torch.from_numpy(known)[:, None]
        yr, yi, gain, vad = net(z.real.contiguous(), z.imag.contiguous())
        up = (gain @ net.up)[:, 0].numpy()
    y = np.zeros_like(spectra)
    y[:, :n] = (yr + 1j * yi)[:, 0, :n].numpy()
    if bins < BINS:
        y[:, bins - 1] = spectra[:, bins - 1] * up[:, bins - 1]
    if bins > BINS:
        y[:, BINS:] = spectra[:, BINS:] * up[:, BINS - 1:]
    return synthesise(y, rate, len(x)), torch.sigmoid(vad[:, 0]).numpy()
