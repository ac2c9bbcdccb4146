// Playing a recording: all tracks on one clock, each at its place on the recording's time line.

import { signal } from '@preact/signals';
import { choice, route } from './devices';
import { pieces } from './timeline';
import type { Gap, Recording } from '../wire/wire';

/** Speech needs no more, and an hour of a track then takes 230 MB of memory instead of 690. */
const RATE = 16_000;

interface Loaded {
  buffer: AudioBuffer;
  offsetMS: number;
}

export class Player {
  readonly playing = signal(false);
  readonly atMS = signal(0);
  readonly lengthMS: number;
  private ctx: AudioContext | null = null;
  private tracks: Loaded[] = [];
  private nodes: AudioBufferSourceNode[] = [];
  private began = 0; // context time of position 0
  private frame = 0;

  private constructor(
    length: number,
    private readonly gaps: Gap[],
  ) {
    this.lengthMS = length;
  }

  /** load fetches and decodes every track. Rejects when one cannot be fetched or decoded. */
  static async load(rec: Recording, fetchTrack: (id: string) => Promise<ArrayBuffer>): Promise<Player> {
    const decoder = new OfflineAudioContext(1, 1, RATE);
    const tracks = await Promise.all(
      rec.tracks.map(async (t) => ({ buffer: await decoder.decodeAudioData(await fetchTrack(t.id)), offsetMS: t.offset_ms })),
    );
    const ends = tracks.map((t) => t.offsetMS + t.buffer.duration * 1000);
    const player = new Player(Math.max(rec.duration_ms, ...ends), rec.gaps);
    player.tracks = tracks;
    return player;
  }

  /** play starts at a position, or goes on where it stood. */
  async play(fromMS = this.atMS.value): Promise<void> {
    this.halt();
    this.ctx ??= new AudioContext();
    await route(this.ctx, choice.value.out);
    await this.ctx.resume();
    const from = fromMS >= this.lengthMS - 20 ? 0 : fromMS;
    const t0 = this.ctx.currentTime + 0.03;
    this.began = t0 - from / 1000;
    for (const t of this.tracks) {
      for (const p of pieces(t.offsetMS, t.buffer.duration * 1000, this.gaps, this.lengthMS, from)) {
        const node = this.ctx.createBufferSource();
        node.buffer = t.buffer;
        node.connect(this.ctx.destination);
        node.start(t0 + p.inMS / 1000, p.atMS / 1000, p.lengthMS / 1000);
        this.nodes.push(node);
      }
    }
    this.playing.value = true;
    this.follow();
  }

  pause(): void {
    this.halt();
  }

  seek(ms: number): void {
    const to = Math.min(this.lengthMS, Math.max(0, ms));
    if (this.playing.value) void this.play(to);
    else this.atMS.value = to;
  }

  close(): void {
    this.halt();
    void this.ctx?.close();
    this.ctx = null;
    this.tracks = [];
  }

  private follow(): void {
    const step = () => {
      if (this.ctx === null || !this.playing.value) return;
      this.atMS.value = Math.min(this.lengthMS, Math.max(0, (this.ctx.currentTime - this.began) * 1000));
      if (this.atMS.value >= this.lengthMS) this.halt();
      else this.frame = requestAnimationFrame(step);
    };
    step();
  }

  private halt(): void {
    cancelAnimationFrame(this.frame);
    for (const n of this.nodes) {
      n.onended = null;
      n.stop();
      n.disconnect();
    }
    this.nodes = [];
    this.playing.value = false;
  }
}
