// Where the audio of a track stands on the recording's time line. Pure.

interface Stretch {
  offset_ms: number;
  length_ms: number;
}

/** A piece of a decoded track to be started inMS from now, from atMS of the audio, for lengthMS. */
export interface Piece {
  inMS: number;
  atMS: number;
  lengthMS: number;
}

const CLOSE_MS = 250; // two lengths nearer than this are the same length

/**
 * pieces cuts a track so that it plays in its place from a position on. A track normally carries the time
 * of its gaps; some decoders leave the gaps out and hand back audio that is shorter by just their sum: then
 * the audio is cut at each gap and the rest moved behind it.
 */
export function pieces(offsetMS: number, audioMS: number, gaps: Stretch[], wholeMS: number, fromMS: number): Piece[] {
  const inside = gaps
    .map((g) => ({ from: Math.max(g.offset_ms, offsetMS), till: g.offset_ms + g.length_ms }))
    .filter((g) => g.till > g.from)
    .sort((a, b) => a.from - b.from);
  const missing = inside.reduce((sum, g) => sum + g.till - g.from, 0);
  const squeezed = missing > CLOSE_MS && audioMS <= wholeMS - offsetMS - missing + CLOSE_MS;

  const placed: { onMS: number; atMS: number; lengthMS: number }[] = [];
  if (!squeezed) placed.push({ onMS: offsetMS, atMS: 0, lengthMS: audioMS });
  else {
    let at = 0;
    let on = offsetMS;
    for (const g of inside) {
      const length = Math.min(g.from - on, audioMS - at);
      if (length > 0) placed.push({ onMS: on, atMS: at, lengthMS: length });
      at += Math.max(0, length);
      on = g.till;
    }
    if (audioMS > at) placed.push({ onMS: on, atMS: at, lengthMS: audioMS - at });
  }

  const out: Piece[] = [];
  for (const p of placed) {
    const skip = Math.max(0, fromMS - p.onMS);
    if (skip >= p.lengthMS) continue;
    out.push({ inMS: Math.max(0, p.onMS - fromMS), atMS: p.atMS + skip, lengthMS: p.lengthMS - skip });
  }
  return out;
}
