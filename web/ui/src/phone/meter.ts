// How loud a stream is, twenty times a second.

import { signal, type Signal } from '@preact/signals';
import { context } from './audio';
import { Speaking } from './speaking';

const PERIOD_MS = 50;

/** Meter watches one stream. It keeps its own clone, so a muted track is still seen: close it. */
export class Meter {
  /** 0 (silence) to 1 (full scale), on a scale of 60 dB. */
  readonly level: Signal<number> = signal(0);
  readonly speaking = signal(false);
  readonly clipped = signal(false);
  private readonly copy: MediaStream;
  private readonly node: MediaStreamAudioSourceNode;
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(stream: MediaStream) {
    this.copy = stream.clone();
    this.copy.getTracks().forEach((t) => {
      t.enabled = true;
    });
    const ctx = context();
    const analyser = ctx.createAnalyser();
    analyser.fftSize = 2048;
    this.node = ctx.createMediaStreamSource(this.copy);
    this.node.connect(analyser);
    const buf = new Float32Array(analyser.fftSize);
    const voice = new Speaking();
    let hot = 0;
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(buf);
      let sum = 0;
      let peak = 0;
      for (const v of buf) {
        sum += v * v;
        peak = Math.max(peak, Math.abs(v));
      }
      const db = 10 * Math.log10(sum / buf.length + 1e-9);
      this.level.value = Math.round(Math.min(1, Math.max(0, (db + 60) / 60)) * 100) / 100;
      this.speaking.value = voice.push(db);
      hot = peak > 0.985 ? 20 : Math.max(0, hot - 1); // shown for a second
      this.clipped.value = hot > 0;
    }, PERIOD_MS);
  }

  close(): void {
    clearInterval(this.timer);
    this.node.disconnect();
    this.copy.getTracks().forEach((t) => t.stop());
    this.level.value = 0;
    this.speaking.value = false;
  }
}
