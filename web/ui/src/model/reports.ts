// Asking for reports and call records, and how their numbers are written. Pure.

import type { GetCallRecordsQuery, GetReportsQuery } from '../wire/api';
import type { CallOutcome, Direction, ReportEvery, ReportKind } from '../wire/wire';
import { clock } from './format';
import { midnight } from './library';

/** What a report is to be about. Days are local, as the browser's date fields write them; both are part of it. */
export interface Ask {
  from: string;
  till: string;
  zone: string; // IANA
  every: ReportEvery;
  kind: ReportKind;
}

/** today is a day as a date field has it. */
export function today(now: Date): string {
  return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, '0')}-${String(now.getDate()).padStart(2, '0')}`;
}

/**
 * dayIn is the begin of a day as the clocks of a zone show it, or of one some days later, as the server writes
 * times; '' for what is no day or no zone. The offset is the zone's at that moment, found in two steps because it
 * may change close to it.
 */
export function dayIn(day: string, later: number, zone: string): string {
  const m = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  if (m === null) return '';
  const wall = Date.UTC(Number(m[1]), Number(m[2]) - 1, Number(m[3]) + later);
  try {
    let at = wall - offset(wall, zone);
    at = wall - offset(at, zone);
    // Where midnight is skipped the day begins when the clocks go on: at the change, which is when the next hour is.
    if (offset(at, zone) !== wall - at) at = wall - Math.min(offset(at - 7_200_000, zone), offset(at + 7_200_000, zone));
    // Where midnight comes twice it begins with the first.
    const first = wall - offset(at - 3_600_000, zone);
    if (first < at && offset(first, zone) === wall - first) at = first;
    return new Date(at).toISOString().replace('.000Z', 'Z');
  } catch {
    return '';
  }
}

/** offset is how many milliseconds the clocks of a zone are ahead of UTC at a moment. */
function offset(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  }).formatToParts(at);
  const n = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  return Date.UTC(n('year'), n('month') - 1, n('day'), n('hour'), n('minute'), n('second')) - at;
}

/** reportQuery is a report as the server is asked for it. */
export function reportQuery(a: Ask): GetReportsQuery {
  const q: GetReportsQuery = { zone: a.zone, every: a.every, kind: a.kind };
  const since = dayIn(a.from, 0, a.zone);
  const until = dayIn(a.till, 1, a.zone);
  if (since !== '') q.since = since;
  if (until !== '') q.until = until;
  return q;
}

/** What call records are looked for; empty fields look for everything. Days are local. */
export interface RecordSearch {
  from: string;
  till: string;
  agent: string;
  queue: string;
  number: string; // its end
  disposition: string;
  direction: '' | Direction;
  outcome: '' | CallOutcome;
}

export const anyRecord: RecordSearch = { from: '', till: '', agent: '', queue: '', number: '', disposition: '', direction: '', outcome: '' };

/** recordQuery is a search as the server takes it, without page. */
export function recordQuery(s: RecordSearch): Omit<GetCallRecordsQuery, 'cursor' | 'limit'> {
  const q: GetCallRecordsQuery = {};
  const put = (name: 'since' | 'until' | 'agent' | 'queue' | 'number_end' | 'disposition' | 'direction' | 'outcome', value: string) => {
    if (value !== '') q[name] = value;
  };
  put('since', midnight(s.from, 0));
  put('until', midnight(s.till, 1));
  put('agent', s.agent.trim());
  put('queue', s.queue.trim());
  put('number_end', s.number.replace(/\D/g, '').slice(-4)); // more of it is not everybody's to ask
  put('disposition', s.disposition.trim());
  put('direction', s.direction);
  put('outcome', s.outcome);
  return q;
}

/** percent writes a share of 1. */
export function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(share * 100).toFixed(1)} %`;
}

/** length writes seconds as m:ss, what there was none of as a dash. */
export function length(seconds: number | undefined): string {
  return seconds === undefined ? '–' : clock(seconds * 1000);
}
