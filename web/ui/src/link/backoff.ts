// Waiting between attempts, so that a thousand desktops do not come back in the same millisecond.

export const FIRST_MS = 250;
export const MOST_MS = 10_000;

/** backoff is the wait before attempt n (0 for the first retry): full jitter below a doubling, capped limit. */
export function backoff(n: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(n, 16)));
}
