// My finished recordings: the list, the waveforms and the one player.

import { computed, effect, signal, untracked } from '@preact/signals';
import { signedIn, state } from '../model/store';
import { Player } from '../phone/player';
import type { Peaks, Recording } from '../wire/wire';
import { api, fail } from './link';
import { readPeaks } from './peaks';

const SHOWN = 20;
const SETTLE_MS = 400; // several events about one recording make one request

export const recordings = signal<Recording[]>([]);
export const peaks = signal<Record<string, Peaks | null>>({}); // null: there are none
export const open = signal<string | null>(null);
export const player = signal<Player | null>(null);
export const loading = signal<string | null>(null);
export const broken = signal<string | null>(null); // cannot be played

/** refresh reads the newest of my recordings. */
export async function refresh(): Promise<void> {
  const me = state.value.me;
  if (me === '') return;
  try {
    const list = await api.getRecordings({ agent: me, limit: SHOWN });
    recordings.value = list.items;
  } catch (err) {
    fail(err);
  }
}

/** show opens a row: its waveform is fetched once. */
export function show(id: string | null): void {
  if (open.value === id) return;
  player.value?.close();
  player.value = null;
  open.value = id;
  if (id !== null) void draw(id);
}

async function draw(id: string): Promise<void> {
  if (peaks.value[id] !== undefined) return;
  const got = await readPeaks(api, id, () => open.value === id);
  if (got !== null || open.value === id) peaks.value = { ...peaks.value, [id]: got }; // without one it still plays
}

/** toggle plays or pauses a recording, loading it first. */
export async function toggle(rec: Recording): Promise<void> {
  show(rec.id);
  if (player.value !== null) {
    if (player.value.playing.value) player.value.pause();
    else await player.value.play();
    return;
  }
  if (loading.value !== null) return;
  loading.value = rec.id;
  broken.value = null;
  try {
    const p = await Player.load(rec, async (track) => (await api.getRecordingTrack(rec.id, track)).arrayBuffer());
    if (open.value !== rec.id) {
      p.close();
      return;
    }
    player.value = p;
    await p.play();
  } catch {
    broken.value = rec.id;
  } finally {
    loading.value = null;
  }
}

/** start keeps the list fresh; called once. */
export function start(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const archive = computed(() => state.value.archive);
  const busy = computed(() => state.value.call !== null || state.value.offer !== null);
  effect(() => {
    const on = signedIn.value;
    const changes = archive.value;
    clearTimeout(timer);
    if (on && changes >= 0) timer = setTimeout(() => void refresh(), SETTLE_MS);
    else {
      untracked(() => {
        show(null);
        recordings.value = [];
        peaks.value = {};
      });
    }
  });
  // A call that starts stops the player: two voices at once help nobody.
  effect(() => {
    if (busy.value) untracked(() => player.value?.pause());
  });
}
