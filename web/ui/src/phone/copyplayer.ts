// Playing a recording's listening copy: one file, played by the browser's own player as it comes, so that an hour
// takes no more memory than its bytes. Its clock is translated to the recording's time line.

import { signal } from '@preact/signals';
import { line, type Line } from '../model/library';
import type { Gap } from '../wire/wire';
import { choice, route } from './devices';

export class CopyPlayer {
  readonly playing = signal(false);
  readonly atMS = signal(0); // on the recording's time line
  private readonly audio = new Audio();
  private readonly url: string;
  private frame = 0;
  private map: Line;

  private constructor(
    file: Blob,
    gaps: readonly Gap[],
    readonly lengthMS: number,
  ) {
    this.url = URL.createObjectURL(file);
    this.map = line(gaps, lengthMS, lengthMS);
    this.audio.preload = 'auto';
    this.audio.onplay = () => {
      this.playing.value = true;
      this.follow();
    };
    this.audio.onpause = () => this.stopped();
    this.audio.onended = () => {
      this.stopped();
      this.atMS.value = lengthMS;
    };
  }

  /** load takes the copy's bytes. Rejects when the browser cannot play them. */
  static async load(file: Blob, gaps: readonly Gap[], lengthMS: number): Promise<CopyPlayer> {
    const p = new CopyPlayer(file, gaps, lengthMS);
    try {
      await new Promise<void>((resolve, reject) => {
        p.audio.onloadedmetadata = () => resolve();
        p.audio.onerror = () => reject(new Error(p.audio.error?.message ?? 'not playable'));
        p.audio.src = p.url;
      });
    } catch (err) {
      p.close();
      throw err;
    }
    p.map = line(gaps, lengthMS, p.audio.duration * 1000);
    return p;
  }

  async play(): Promise<void> {
    if (this.atMS.value >= this.lengthMS - 20) this.seek(0);
    await route(this.audio, choice.value.out);
    await this.audio.play();
  }

  pause(): void {
    this.audio.pause();
  }

  seek(ms: number): void {
    const to = Math.min(this.lengthMS, Math.max(0, ms));
    this.audio.currentTime = this.map.toCopy(to) / 1000;
    this.atMS.value = to;
  }

  close(): void {
    this.audio.pause();
    cancelAnimationFrame(this.frame);
    this.playing.value = false;
    this.audio.removeAttribute('src');
    URL.revokeObjectURL(this.url);
  }

  private stopped(): void {
    cancelAnimationFrame(this.frame);
    this.playing.value = false;
  }

  private follow(): void {
    const step = () => {
      if (!this.playing.value) return;
      if (!this.audio.seeking) this.atMS.value = Math.min(this.lengthMS, this.map.toLine(this.audio.currentTime * 1000));
      this.frame = requestAnimationFrame(step);
    };
    cancelAnimationFrame(this.frame);
    step();
  }
}
