// From getStats to a number of bars. Pure: two readings in, one grade out.

/** What one reading of the peer connection's statistics says; counters run from the start of the leg. */
export interface Reading {
  received: number; // packets
  lost: number; // packets
  jitterMS: number;
  roundTripMS: number;
  remoteLoss: number; // 0..1, what the server lost of ours
}

export interface Quality {
  bars: number; // 0 (nothing arrives) to 4
  lossPercent: number; // worse direction
  jitterMS: number;
  roundTripMS: number;
}

/**
 * grade compares two readings. The bars follow the E-model's idea (delay and loss cost points) on a scale
 * that agents can act on: 4 unnoticed, 3 fine, 2 words get lost, 1 hard to follow, 0 nothing arrives.
 * silent counts readings in a row without a packet; the server pauses sending only for short moments.
 */
export function grade(before: Reading, after: Reading, silent = 0): Quality {
  const got = after.received - before.received;
  const lost = Math.max(0, after.lost - before.lost);
  const inLoss = got + lost > 0 ? lost / (got + lost) : 0;
  const loss = Math.max(inLoss, after.remoteLoss);
  const delay = after.roundTripMS / 2 + after.jitterMS * 2 + 40;
  let r = 93 - delay * 0.024 - Math.max(0, delay - 177) * 0.11;
  r -= (95 * loss) / (loss + 0.1); // Opus with concealment
  const bars = silent >= 2 ? 0 : r >= 80 ? 4 : r >= 70 ? 3 : r >= 55 ? 2 : 1;
  return {
    bars,
    lossPercent: Math.round(loss * 1000) / 10,
    jitterMS: Math.round(after.jitterMS),
    roundTripMS: Math.round(after.roundTripMS),
  };
}

/** read picks what grade needs out of a statistics report. */
export function read(report: Iterable<unknown>): Reading {
  const r: Reading = { received: 0, lost: 0, jitterMS: 0, roundTripMS: 0, remoteLoss: 0 };
  for (const entry of report) {
    const s = entry as Record<string, unknown>;
    const n = (key: string) => (typeof s[key] === 'number' ? s[key] : 0);
    if (s['type'] === 'inbound-rtp') {
      r.received += n('packetsReceived');
      r.lost += n('packetsLost');
      r.jitterMS = n('jitter') * 1000;
    } else if (s['type'] === 'candidate-pair' && s['nominated'] === true) {
      r.roundTripMS = Math.max(r.roundTripMS, n('currentRoundTripTime') * 1000);
    } else if (s['type'] === 'remote-inbound-rtp') {
      r.remoteLoss = n('fractionLost');
    }
  }
  return r;
}
