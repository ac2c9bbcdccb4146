// Finding, hearing, holding and deleting recordings, and reading the audit log: what the office pages do.

import { batch, computed, effect, signal, untracked } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { mayDo, some } from '../model/grants';
import { everything, query, SHOWN, type Search } from '../model/library';
import { admin, signedIn, state } from '../model/store';
import { CopyPlayer } from '../phone/copyplayer';
import { text } from '../text/en';
import type { GetAuditQuery } from '../wire/api';
import type { AuditEntry, Marker, Peaks, Recording } from '../wire/wire';
import { api, token } from './link';
import { readPeaks } from './peaks';
import { player as mine } from './recordings';

const grants = computed(() => tokens.grants(token.value));
const me = computed(() => tokens.claims(token.value)?.agent ?? state.value.me);

/** What of the office the token may see. */
export const seesRecordings = computed(() => some(grants.value, 'recording:read'));
export const seesAudit = computed(() => some(grants.value, 'audit:read'));
export const seesConfig = computed(() => some(grants.value, 'config:read') || some(grants.value, 'config:write'));

/** may says whether the token covers doing something to a recording. */
export function may(what: 'listen' | 'hold' | 'delete', rec: Recording): boolean {
  return mayDo(grants.value, `recording:${what}`, rec, me.value);
}

export const found = signal<Recording[]>([]);
/** The recording another page wants to be shown; looked for instead of everything when the page opens. */
export const wanted = signal('');
export const next = signal(''); // cursor of the page after; empty: there is none
export const looking = signal(false);
export const trouble = signal(''); // what went wrong last, in words
export const said = signal(''); // what was done last, in words

/** The recording that is open, and what is known of it. */
export const open = signal<string | null>(null);
export const peaks = signal<Peaks | null>(null);
export const markers = signal<Marker[]>([]);
export const player = signal<CopyPlayer | null>(null);
export const fetching = signal(false);
export const acting = signal(false);

let asked: Search = everything;
let turn = 0; // answers of an older search or row are dropped

function wrong(err: unknown): void {
  const p = Problem.of(err);
  trouble.value = p.code === 'copy_pending' ? text.library.pending : (text.problems[p.code] ?? text.problem(p.detail));
}

/** look starts a search anew. */
export async function look(s: Search): Promise<void> {
  asked = s;
  show(null);
  await page('');
}

/** begin is what the page does first: it shows the recording that is wanted, or looks for everything. */
export async function begin(): Promise<void> {
  const id = wanted.value;
  if (id === '') return look(everything);
  wanted.value = '';
  const at = ++turn;
  looking.value = true;
  trouble.value = '';
  try {
    const rec = await api.getRecording(id);
    if (at !== turn) return;
    batch(() => {
      found.value = [rec];
      next.value = '';
    });
    show(id);
  } catch (err) {
    if (at === turn) {
      found.value = [];
      wrong(err);
    }
  } finally {
    if (at === turn) looking.value = false;
  }
}

/** more reads the next page of the search. */
export async function more(): Promise<void> {
  if (next.value !== '' && !looking.value) await page(next.value);
}

async function page(cursor: string): Promise<void> {
  const at = ++turn;
  looking.value = true;
  trouble.value = '';
  try {
    const list = await api.getRecordings(query(asked, cursor));
    if (at !== turn) return;
    batch(() => {
      found.value = cursor === '' ? list.items : [...found.value, ...list.items];
      next.value = list.next ?? '';
    });
  } catch (err) {
    if (at === turn) wrong(err);
  } finally {
    if (at === turn) looking.value = false;
  }
}

/** show opens a recording, or none: its waveform and its markers are read. */
export function show(id: string | null): void {
  player.value?.close();
  batch(() => {
    player.value = null;
    peaks.value = null;
    markers.value = [];
    open.value = id;
    trouble.value = '';
    said.value = '';
  });
  if (id === null) return;
  const rec = found.value.find((r) => r.id === id);
  // A recording without waveform or markers still plays.
  if (rec !== undefined && may('listen', rec)) {
    void readPeaks(api, id, () => open.value === id).then((v) => {
      if (open.value === id) peaks.value = v;
    });
  }
  void api.getRecordingMarkers(id).then((v) => {
    if (open.value === id) markers.value = v.items;
  }, () => undefined);
}

/** toggle plays the open recording or pauses it; its copy is fetched first. */
export async function toggle(rec: Recording): Promise<void> {
  if (open.value !== rec.id) show(rec.id);
  const p = player.value ?? (await fetchCopy(rec));
  if (p === null) return;
  if (p.playing.value) {
    p.pause();
    return;
  }
  mine.value?.pause();
  await p.play().catch(() => (trouble.value = text.recordings.failed));
}

/** seek goes to a place on the recording's time line, before the copy was fetched, too. */
export async function seek(rec: Recording, ms: number): Promise<void> {
  (player.value ?? (await fetchCopy(rec)))?.seek(ms);
}

async function fetchCopy(rec: Recording): Promise<CopyPlayer | null> {
  if (fetching.value) return null;
  fetching.value = true;
  trouble.value = '';
  try {
    const file = await (await api.getRecordingTrack(rec.id, 'copy')).blob();
    const p = await CopyPlayer.load(file, rec.gaps, rec.duration_ms);
    if (open.value !== rec.id) {
      p.close();
      return null;
    }
    player.value = p;
    return p;
  } catch (err) {
    if (err instanceof Problem) wrong(err);
    else trouble.value = text.recordings.failed;
    return null;
  } finally {
    fetching.value = false;
  }
}

/** save hands the listening copy to the browser as a file. */
export function save(rec: Recording): Promise<boolean> {
  return act(async () => {
    const link = await api.getRecordingTrackLink(rec.id, 'copy');
    const file = await (await api.getRecordingTrack(rec.id, 'copy', { download: true })).blob();
    const a = document.createElement('a');
    a.href = URL.createObjectURL(file);
    a.download = link.name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 60_000); // the browser reads it meanwhile
  });
}

async function act(f: () => Promise<void>): Promise<boolean> {
  if (acting.value) return false;
  acting.value = true;
  trouble.value = '';
  said.value = '';
  try {
    await f();
    return true;
  } catch (err) {
    wrong(err);
    return false;
  } finally {
    acting.value = false;
  }
}

/** hold sets a recording's legal hold, or releases it. */
export function hold(rec: Recording, on: boolean, reason: string): Promise<boolean> {
  return act(async () => {
    const held = await api.postRecordingHold(rec.id, { on, reason });
    found.value = found.value.map((r) => (r.id === held.id ? held : r));
    said.value = on ? text.library.nowHeld : text.library.nowReleased;
  });
}

/** remove deletes a recording. What the archive does not let go at once goes by itself, and is shown as such. */
export function remove(rec: Recording, reason: string): Promise<boolean> {
  return act(async () => {
    const gone = (await api.deleteRecording(rec.id, reason === '' ? {} : { reason })) === 204;
    show(null);
    found.value = gone ? found.value.filter((r) => r.id !== rec.id) : found.value.map((r) => (r.id === rec.id ? { ...r, state: 'deleting' } : r));
    said.value = gone ? text.library.gone : text.library.going;
  });
}

/** What of the audit log is looked for; empty fields look for everything. */
export interface AuditSearch {
  actor: string;
  action: string;
  object: string;
}

export const entries = signal<AuditEntry[]>([]);
export const older = signal(''); // cursor of the page after; empty: there is none
let audited: AuditSearch = { actor: '', action: '', object: '' };

/** lookAudit starts a search in the audit log anew; moreAudit reads its next page. */
export async function lookAudit(s: AuditSearch): Promise<void> {
  audited = s;
  await auditPage('');
}

export async function moreAudit(): Promise<void> {
  if (older.value !== '') await auditPage(older.value);
}

async function auditPage(cursor: string): Promise<void> {
  const q: GetAuditQuery = { limit: SHOWN };
  for (const [name, value] of Object.entries({ ...audited, cursor })) {
    if (value.trim() !== '') q[name as keyof typeof audited | 'cursor'] = value.trim();
  }
  await act(async () => {
    const list = await api.getAudit(q);
    entries.value = cursor === '' ? list.items : [...entries.value, ...list.items];
    older.value = list.next ?? '';
  });
}

/** start forgets everything when the token goes, and is silent when a call comes or another player plays; called once. */
export function start(): void {
  effect(() => {
    if (signedIn.value || admin.value) return;
    untracked(() => {
      show(null);
      found.value = [];
      entries.value = [];
      next.value = older.value = '';
    });
  });
  const busy = computed(() => state.value.call !== null || state.value.offer !== null || mine.value?.playing.value === true);
  effect(() => {
    if (busy.value) untracked(() => player.value?.pause());
  });
}
