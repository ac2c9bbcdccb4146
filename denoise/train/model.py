"""The network: one small recurrence over time, shared by 16 places along frequency, and small products that
mix the places. Every layer is a matrix product with a few kilobytes of weights.

  4 channels x 64 bands -> conv 8/4 -> 16 places x 32 channels
  twice: GRU over time (one set of weights for all places) and product, then a mix of places in 4 heads
  16 places -> 4 band gains, 4 x 3 complex taps and a share of the voice-activity logit each
"""
import torch
import torch.nn as nn

from bands import BANDS, BINS, FLOOR, LOW, TAPS, matrices

PLACES = BANDS // 4
CHANNELS = 32
BLOCKS = 2
HEADS = 4
OUT = 32          # 4 gains, 24 taps, 1 voice activity, 3 unused: a multiple of 8


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        c = CHANNELS
        self.gru = nn.GRU(c, c, batch_first=False)
        self.after = nn.Linear(c, c, bias=False)
        self.norm1 = nn.BatchNorm1d(c)
        eye = torch.eye(PLACES).expand(HEADS, -1, -1)
        self.mix = nn.Parameter(0.5 * eye + 0.15 * torch.randn(HEADS, PLACES, PLACES))
        self.place = nn.Parameter(torch.zeros(PLACES, c))
        self.out = nn.Linear(c, c, bias=False)
        self.norm2 = nn.BatchNorm1d(c)

    def forward(self, x, state=None):
        """x is T x B x PLACES x CHANNELS."""
        t, b, p, c = x.shape
        h, state = self.gru(x.reshape(t, b * p, c), state)
        y = self.norm1(self.after(h).reshape(-1, c)).view(t, b, p, c)
        x = x + y
        heads = x.reshape(t * b, p, HEADS, c // HEADS).permute(2, 1, 0, 3).reshape(HEADS, p, -1)
        m = torch.bmm(self.mix, heads).view(HEADS, p, t * b, c // HEADS).permute(2, 1, 0, 3).reshape(t, b, p, c)
        m = torch.relu(m + self.place)
        return x + self.norm2(self.out(m).reshape(-1, c)).view(t, b, p, c), state


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        c = CHANNELS
        self.enc = nn.Conv1d(4, c, 8, stride=4, padding=2, bias=False)
        self.norm = nn.BatchNorm1d(c)
        self.place = nn.Parameter(torch.zeros(PLACES, c))
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.dec = nn.Linear(c, c)
        self.head = nn.Linear(2 * c, OUT)
        self.bias = nn.Parameter(torch.zeros(PLACES, OUT))
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.weight[4:28] *= 0.1
            self.bias[:, :4] = 1.0
        down, up = matrices()
        self.register_buffer('down', torch.tensor(down))
        self.register_buffer('up', torch.tensor(up))

    def features(self, re, im):
        """T x B x 4 x BANDS: logarithm of the power now and one frame ago, compressed real and imaginary part."""
        f = (torch.log10((re * re + im * im) @ self.down + FLOOR) + 6.0) * 0.3
        before = torch.cat([torch.full_like(f[:1], -1.8), f[:-1]], 0)
        r, i = re[..., :LOW], im[..., :LOW]
        m = 4 * (r * r + i * i + FLOOR) ** -0.35
        zero = torch.zeros_like(f[..., LOW:])
        return torch.stack([f, before, torch.cat([r * m, zero], -1), torch.cat([i * m, zero], -1)], 2)

    def infer(self, re, im):
        """Gains (T x B x BANDS), taps (T x B x LOW x TAPS x 2) and voice-activity logits (T x B)."""
        t, b, _ = re.shape
        x = self.enc(self.features(re, im).reshape(t * b, 4, BANDS))
        e = torch.relu(self.norm(x).transpose(1, 2) + self.place).view(t, b, PLACES, CHANNELS)
        x = e
        for block in self.blocks:
            x, _ = block(x)
        d = torch.relu(self.dec(x))
        o = self.head(torch.cat([d, e], -1)) + self.bias
        gain = torch.sigmoid(o[..., :4]).reshape(t, b, BANDS)
        taps = torch.tanh(o[..., 4:28]).reshape(t, b, PLACES, 4, TAPS, 2).reshape(t, b, BANDS, TAPS, 2)[:, :, :LOW]
        return gain, taps, o[..., 28].mean(-1)

    def forward(self, re, im):
        """Spectra T x B x BINS in and out (real, imaginary), then the gains and the voice-activity logits."""
        gain, taps, vad = self.infer(re, im)
        g = gain @ self.up
        yr, yi = re * g, im * g
        lr, li = yr[..., :LOW], yi[..., :LOW]
        xr, xi = re[..., :LOW], im[..., :LOW]
        for k in range(TAPS):
            if k:
                z = torch.zeros_like(xr[:1])
                xr, xi = torch.cat([z, xr[:-1]], 0), torch.cat([z, xi[:-1]], 0)
            cr, ci = taps[..., k, 0], taps[..., k, 1]
            lr = lr + cr * xr - ci * xi
            li = li + cr * xi + ci * xr
        return torch.cat([lr, yr[..., LOW:]], -1), torch.cat([li, yi[..., LOW:]], -1), gain, vad
