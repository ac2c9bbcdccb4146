// The waveform: the caller above the line, everybody else below it, gaps hatched and named, markers as flags.

import { useEffect, useRef } from 'preact/hooks';
import { type ReadonlySignal, useComputed } from '@preact/signals';
import { peaks, player } from '../../intent/recordings';
import { clock as write } from '../../model/format';
import { text } from '../../text/en';
import type { Marker, Peaks, Recording } from '../../wire/wire';
import css from './recordings.module.css';

const HEIGHT = 84;
const FOOT = 4; // height of the bars of markers that last
const none: Marker[] = [];

/** Waveform is that of one of my recordings. */
export function Waveform({ rec }: { rec: Recording }) {
  const at = useComputed(() => player.value?.atMS.value ?? 0);
  return <Wave rec={rec} peaks={peaks.value[rec.id]} marks={none} at={at} length={player.value?.lengthMS ?? rec.duration_ms} seek={(ms) => player.value?.seek(ms)} />;
}

interface Props {
  rec: Recording;
  peaks: Peaks | null | undefined; // null: there are none
  marks: Marker[];
  at: ReadonlySignal<number>; // position in milliseconds
  length: number; // of the time line, in milliseconds
  seek: (ms: number) => void;
}

/** Wave draws a recording. It is a picture: what it shows is named, what a click on it does can be done elsewhere by keyboard. */
export function Wave({ rec, peaks: p, marks, at, length, seek }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const c = canvas.current;
    if (c === null) return;
    const paint = () => draw(c, rec, p ?? null, marks, at.value, length);
    paint();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    const size = new ResizeObserver(paint);
    size.observe(c);
    dark.addEventListener('change', paint);
    const stop = at.subscribe(paint);
    return () => {
      size.disconnect();
      dark.removeEventListener('change', paint);
      stop();
    };
  }, [rec, p, marks, at, length]);

  const gaps = rec.gaps.map((g) => text.recordings.gap(text.recordings.causes[g.cause] ?? g.cause, write(g.offset_ms), write(g.length_ms)));
  const what = p === null ? text.recordings.noPeaks : [write(length), ...gaps].join('; ');
  return (
    <canvas
      ref={canvas} class={css['wave']} height={HEIGHT} role="img" aria-label={text.recordings.waveform(what)} data-testid="waveform" data-loaded={p ? 'true' : 'false'}
      onClick={(e) => {
        const box = e.currentTarget.getBoundingClientRect();
        seek(((e.clientX - box.left) / box.width) * length);
      }}
    />
  );
}

/** draw paints one column of one pixel and a space for every two, the loudest value of its stretch. */
function draw(c: HTMLCanvasElement, rec: Recording, p: Peaks | null, marks: Marker[], atMS: number, length: number): void {
  const ctx = c.getContext('2d');
  const width = c.clientWidth;
  if (ctx === null || width === 0 || length <= 0) return;
  const scale = devicePixelRatio;
  if (c.width !== Math.round(width * scale)) {
    c.width = Math.round(width * scale);
    c.height = Math.round(HEIGHT * scale);
  }
  const style = getComputedStyle(c);
  const ink = (name: string) => style.getPropertyValue(name).trim();
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  ctx.clearRect(0, 0, width, HEIGHT);
  const x = (ms: number) => (ms / length) * width;
  const mid = HEIGHT / 2;

  for (const g of rec.gaps) {
    const from = x(g.offset_ms);
    const w = Math.max(3, x(g.length_ms));
    ctx.save();
    ctx.beginPath();
    ctx.rect(from, 0, w, HEIGHT);
    ctx.fillStyle = ink('--warn-soft');
    ctx.fill();
    ctx.clip();
    ctx.strokeStyle = ink('--warn');
    ctx.lineWidth = 1;
    for (let h = from - HEIGHT; h < from + w; h += 8) {
      ctx.beginPath();
      ctx.moveTo(h, HEIGHT);
      ctx.lineTo(h + HEIGHT, 0);
      ctx.stroke();
    }
    ctx.restore();
  }

  const columns = Math.floor(width / 3);
  for (const t of p?.tracks ?? []) {
    const up = t.role === 'customer';
    ctx.fillStyle = ink(up ? '--wave-2' : '--wave');
    for (let i = 0; i < columns; i++) {
      const from = Math.floor(((i / columns) * length - t.offset_ms) / (p?.step_ms ?? 1));
      const till = Math.max(from + 1, Math.floor((((i + 1) / columns) * length - t.offset_ms) / (p?.step_ms ?? 1)));
      let most = 0;
      for (let k = Math.max(0, from); k < till; k++) most = Math.max(most, t.peaks[k] ?? 0);
      const h = (most / 100) * (mid - 3);
      if (h > 0) ctx.fillRect(i * 3, up ? mid - h : mid, 2, h);
    }
  }
  ctx.fillStyle = ink('--line-strong');
  ctx.fillRect(0, mid - 0.5, width, 1);
  ctx.fillStyle = ink('--accent');
  for (const m of marks) {
    const from = x(m.offset_ms);
    ctx.fillRect(from, 0, 1, HEIGHT);
    ctx.fillRect(from, 0, 6, 6);
    if (m.length_ms !== undefined) ctx.fillRect(from, HEIGHT - FOOT, Math.max(2, x(m.length_ms)), FOOT);
  }
  ctx.fillStyle = ink('--ink');
  ctx.fillRect(Math.min(width - 2, x(atMS)), 0, 2, HEIGHT);
}
