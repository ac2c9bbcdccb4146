// The server's clock as seen from here. Every deadline the agent sees was set by the server, so every
// countdown asks this clock and never the computer's own, which may be wrong by hours.

/** A monotonic local clock in milliseconds: setting the computer's time does not move it. */
export function monotonic(): number {
  return performance.timeOrigin + performance.now();
}

/** How much faster than the server's our clock may run, per millisecond: quartz is some tens of parts in a million off. */
const DRIFT = 2e-4;

/** A stamp that is so much older than our estimate says is of a clock that was set back, or of another server. */
const STEP_MS = 2_000;

/**
 * ServerClock learns the offset from time stamps in frames. A stamp is always a little old when it arrives, so the
 * largest (stamp - arrival) seen is the closest to the truth, and a new connection, whose first frame may come late,
 * takes nothing of it away. What was learned ages as fast as our clock may run away; a computer that slept has
 * stopped its clock, and the next stamp shows it.
 */
export class ServerClock {
  private offset: number | null = null;
  private at = 0; // local time of the frame it was learned from

  constructor(private readonly local: () => number = monotonic) {}

  /** greet takes the stamp a connection begins with, which is new: one that is far behind is a clock that was set back. */
  greet(stamp: string): void {
    const t = Date.parse(stamp);
    if (this.offset !== null && t - this.local() < this.offset - STEP_MS) this.offset = null;
    this.learn(stamp);
  }

  /** learn takes an RFC 3339 time the server stamped on a frame that has just arrived, or has waited a while. */
  learn(stamp: string): void {
    const t = Date.parse(stamp);
    if (Number.isNaN(t)) return;
    const now = this.local();
    if (this.offset !== null && t - now <= this.offset - DRIFT * (now - this.at)) return;
    this.offset = t - now;
    this.at = now;
  }

  /** now is the server's time in milliseconds since 1970; the local clock until the first stamp. */
  now(): number {
    return this.local() + (this.offset ?? 0);
  }
}
