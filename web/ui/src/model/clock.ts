// The server's clock as seen from here. Every deadline the agent sees was set by the server, so every
// countdown asks this clock and never the computer's own, which may be wrong by hours.

/** A monotonic local clock in milliseconds: setting the computer's time does not move it. */
export function monotonic(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * ServerClock learns the offset from time stamps in frames. A stamp is always a little old when it
 * arrives, so the largest (stamp - arrival) seen is the closest to the truth; `reset` starts afresh after
 * a new connection, because a suspended computer may have stopped its clock.
 */
export class ServerClock {
  private offset: number | null = null;

  constructor(private readonly local: () => number = monotonic) {}

  reset(): void {
    this.offset = null;
  }

  /** learn takes an RFC 3339 time the server stamped on a frame that has just arrived. */
  learn(stamp: string): void {
    const t = Date.parse(stamp);
    if (Number.isNaN(t)) return;
    const offset = t - this.local();
    if (this.offset === null || offset > this.offset) this.offset = offset;
  }

  /** now is the server's time in milliseconds since 1970; the local clock until the first stamp. */
  now(): number {
    return this.local() + (this.offset ?? 0);
  }
}
