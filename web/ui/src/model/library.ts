// Looking for recordings: what is asked of the server, how a recording's time line and its listening copy's lie
// on each other, and which markers are worth a line. Pure.

import type { GetRecordingsQuery } from '../wire/api';
import type { Gap, Marker, RecordingState } from '../wire/wire';

/** What is looked for; empty fields look for everything. Days are local, as the browser's date fields write them. */
export interface Search {
  from: string; // first day, "2026-11-21"
  till: string; // last day, itself included
  agent: string;
  queue: string;
  number: string;
  state: '' | RecordingState;
  held: '' | 'true' | 'false';
}

export const everything: Search = { from: '', till: '', agent: '', queue: '', number: '', state: '', held: '' };

/** SHOWN is how many rows a page of a list has. */
export const SHOWN = 25;

const DIGITS = /^[\d\s()./-]+$/;

/** query is a search as the server takes it. A number without its country is looked for by its end. */
export function query(s: Search, cursor = ''): GetRecordingsQuery {
  const q: GetRecordingsQuery = { limit: SHOWN };
  const put = (name: 'since' | 'until' | 'agent' | 'queue' | 'number' | 'number_end' | 'state' | 'cursor', value: string) => {
    if (value !== '') q[name] = value;
  };
  put('since', midnight(s.from, 0));
  put('until', midnight(s.till, 1));
  put('agent', s.agent.trim());
  put('queue', s.queue.trim());
  const number = s.number.trim();
  put(DIGITS.test(number) ? 'number_end' : 'number', number);
  put('state', s.state);
  if (s.held !== '') q.held = s.held === 'true';
  put('cursor', cursor);
  return q;
}

/** midnight is the begin of a local day, or of one some days later, as the server writes times. */
export function midnight(day: string, later: number): string {
  const m = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  if (m === null) return '';
  const d = new Date(Number(m[1]), Number(m[2]) - 1, Number(m[3]) + later);
  return d.toISOString().replace('.000Z', 'Z');
}

/** A place on two clocks: the recording's and its listening copy's, both in milliseconds. */
interface Knot {
  line: number;
  copy: number;
}

/** Line translates between a recording's time line and that of its listening copy. */
export interface Line {
  toCopy: (ms: number) => number;
  toLine: (ms: number) => number;
}

const CLOSE_MS = 250; // two lengths nearer than this are the same length

/**
 * line lays the time line of a recording and its listening copy on each other. They differ where the copy leaves
 * pauses out, or has silence for pauses that the tracks leave out; which of it is so shows in the copy's length.
 */
export function line(gaps: readonly Gap[], lineMS: number, copyMS: number): Line {
  const same: Line = { toCopy: (ms) => ms, toLine: (ms) => ms };
  const pauses = gaps.filter((g) => g.cause === 'pause' && g.length_ms > 0).sort((a, b) => a.offset_ms - b.offset_ms);
  const sum = pauses.reduce((all, g) => all + g.length_ms, 0);
  const more = copyMS - lineMS;
  if (!Number.isFinite(copyMS) || sum === 0 || Math.abs(more) <= CLOSE_MS) return same;
  const knots: Knot[] = [{ line: 0, copy: 0 }];
  let shift = 0; // the copy's clock before the recording's
  for (const g of pauses) {
    // A marker tone may stand for what is left out: what the copy has more than the rest is shared among them.
    const onLine = more < 0 ? g.length_ms : 0;
    const inCopy = more < 0 ? Math.max(0, (sum + more) / pauses.length) : more / sum * g.length_ms;
    knots.push({ line: g.offset_ms, copy: g.offset_ms + shift }, { line: g.offset_ms + onLine, copy: g.offset_ms + shift + inCopy });
    shift += inCopy - onLine;
  }
  knots.push({ line: lineMS, copy: lineMS + shift });
  return { toCopy: (ms) => between(knots, ms, 'line', 'copy'), toLine: (ms) => between(knots, ms, 'copy', 'line') };
}

function between(knots: readonly Knot[], at: number, from: keyof Knot, to: keyof Knot): number {
  let last = knots[0] ?? { line: 0, copy: 0 };
  if (at <= last[from]) return last[to];
  for (const k of knots.slice(1)) {
    if (at < k[from]) return last[to] + ((at - last[from]) / (k[from] - last[from])) * (k[to] - last[to]);
    last = k;
  }
  return last[to];
}

/** told are the markers worth a line in the list: all but turns of speech, which the waveform shows. */
export function told(all: readonly Marker[]): Marker[] {
  return all.filter((m) => m.type !== 'speech');
}

/** span is how long a marker lasts, at least. */
export function span(m: Marker): number {
  return m.length_ms ?? 0;
}
