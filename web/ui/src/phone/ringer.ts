// The ring: a soft chime made here, so there is no file to load and no licence to mind. It loops inside
// the audio system, so a background tab, whose timers the browser slows down, rings as well.

import { choice, route } from './devices';

const RATE = 24_000;
const SECONDS = 3.2;

/** chime renders one round of the ring: four struck tones that die away, then rest. Full scale is 1. */
export function chime(rate: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(Math.round(rate * SECONDS));
  const notes: [number, number][] = [
    [0, 587.33],
    [0.17, 880],
    [0.34, 739.99],
    [0.62, 880],
  ];
  for (const [at, hz] of notes) {
    const from = Math.round(at * rate);
    for (let i = 0; from + i < out.length; i++) {
      const t = i / rate;
      const attack = Math.min(1, t / 0.006);
      const body = Math.sin(2 * Math.PI * hz * t) * Math.exp(-t * 4.2);
      const bell = 0.22 * Math.sin(2 * Math.PI * hz * 3.01 * t) * Math.exp(-t * 11);
      out[from + i] = (out[from + i] ?? 0) + 0.3 * attack * (body + bell);
    }
  }
  return out;
}

/** Ringer rings on the device chosen for ringing. */
export class Ringer {
  private ctx: AudioContext | null = null;
  private source: AudioBufferSourceNode | null = null;

  async start(loop = true): Promise<void> {
    this.stop();
    if (choice.value.silent && loop) return;
    this.ctx ??= new AudioContext();
    const ctx = this.ctx;
    const source = ctx.createBufferSource();
    this.source = source;
    await route(ctx, choice.value.ring);
    if (ctx.state === 'suspended') await Promise.race([ctx.resume(), new Promise((r) => setTimeout(r, 300))]);
    if (this.source !== source) return; // stopped in the meantime
    const samples = chime(RATE);
    const buffer = ctx.createBuffer(1, samples.length, RATE);
    buffer.copyToChannel(samples, 0);
    source.buffer = buffer;
    source.loop = loop;
    source.connect(ctx.destination);
    source.start();
  }

  stop(): void {
    this.source?.disconnect();
    this.source = null;
  }
}

/** testTone plays a short two-tone on the device callers are heard on, and resolves when it is over. */
export async function testTone(device: string): Promise<void> {
  const ctx = new AudioContext();
  await route(ctx, device);
  const gain = ctx.createGain();
  gain.connect(ctx.destination);
  const t0 = ctx.currentTime + 0.05;
  for (const [i, hz] of [440, 554.37].entries()) {
    const osc = ctx.createOscillator();
    osc.frequency.value = hz;
    osc.connect(gain);
    osc.start(t0 + i * 0.5);
    osc.stop(t0 + i * 0.5 + 0.45);
  }
  gain.gain.setValueAtTime(0, t0);
  gain.gain.linearRampToValueAtTime(0.25, t0 + 0.05);
  gain.gain.setValueAtTime(0.25, t0 + 0.85);
  gain.gain.linearRampToValueAtTime(0, t0 + 0.95);
  await new Promise((r) => setTimeout(r, 1_100));
  await ctx.close();
}
