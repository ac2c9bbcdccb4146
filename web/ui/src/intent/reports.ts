// Reading reports and call records, and taking them away as files.

import { batch, computed, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { allows, some } from '../model/grants';
import { SHOWN } from '../model/library';
import { type Ask, anyRecord, recordQuery, type RecordSearch, reportQuery } from '../model/reports';
import { text } from '../text/en';
import type { CallRecord, CallRecordList, Report } from '../wire/wire';
import { http, token } from './link';

const grants = computed(() => tokens.grants(token.value));

/** What of the past the token may see. */
export const seesReports = computed(() => allows(grants.value, 'report:read'));
export const seesRecords = computed(() => some(grants.value, 'call-record:read'));
export const exportsRecords = computed(() => allows(grants.value, 'call-record:read'));

export const report = signal<Report | null>(null);
export const records = signal<CallRecord[]>([]);
export const next = signal(''); // cursor of the page after; empty: there is none
export const busy = signal(false);
export const trouble = signal(''); // what went wrong last, in words

let turn = 0; // answers of an older question are dropped
let asked: RecordSearch = anyRecord;

/** EXPORT_MS is how long a file may take. */
const EXPORT_MS = 600_000;

async function doing(act: (late: () => boolean) => Promise<void>): Promise<void> {
  const at = ++turn;
  busy.value = true;
  trouble.value = '';
  try {
    await act(() => at !== turn);
  } catch (err) {
    if (at === turn) {
      const p = Problem.of(err);
      trouble.value = text.problems[p.code] ?? text.problem(p.detail);
    }
  } finally {
    if (at === turn) busy.value = false;
  }
}

/** ask reads a report. */
export function ask(a: Ask): Promise<void> {
  return doing(async (late) => {
    const got = (await http.json('GET', `/v1/reports?${reportQuery(a)}`, undefined, { timeoutMS: 60_000 })) as Report;
    if (!late()) report.value = got;
  });
}

/** look starts a search for call records anew. */
export function look(s: RecordSearch): Promise<void> {
  asked = s;
  return page('');
}

/** more reads the next page of the search. */
export async function more(): Promise<void> {
  if (next.value !== '' && !busy.value) await page(next.value);
}

/** page reads on until there is something to show: a page of the server's may be empty and not the last. */
function page(cursor: string): Promise<void> {
  return doing(async (late) => {
    const found: CallRecord[] = [];
    do {
      const q = recordQuery(asked);
      q.set('limit', String(SHOWN));
      if (cursor !== '') q.set('cursor', cursor);
      const list = (await http.json('GET', `/v1/call-records?${q}`, undefined, { timeoutMS: 60_000 })) as CallRecordList;
      if (late()) return;
      found.push(...list.items);
      cursor = list.next ?? '';
      batch(() => {
        records.value = q.has('cursor') ? [...records.value, ...list.items] : list.items;
        next.value = cursor;
      });
    } while (found.length === 0 && cursor !== '');
  });
}

/** saveReport and saveRecords hand the browser a file in a format. */
export const saveReport = (a: Ask, format: 'csv' | 'json'): Promise<void> => save(`/v1/reports/export?${reportQuery(a)}&format=${format}`, `report.${format}`);
export function saveRecords(s: RecordSearch, format: 'csv' | 'json'): Promise<void> {
  const q = recordQuery(s);
  q.set('format', format);
  return save(`/v1/call-records/export?${q}`, `call-records.${format}`);
}

function save(path: string, name: string): Promise<void> {
  return doing(async () => {
    const file = await http.blob(path, EXPORT_MS);
    const a = document.createElement('a');
    a.href = URL.createObjectURL(file);
    a.download = name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
  });
}
