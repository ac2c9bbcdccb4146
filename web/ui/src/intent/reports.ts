// Reading reports and call records, and taking them away as files.

import { batch, computed, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { allows, some } from '../model/grants';
import { SHOWN } from '../model/library';
import { type Ask, anyRecord, recordQuery, type RecordSearch, reportQuery } from '../model/reports';
import { text } from '../text/en';
import type { CallRecord, Report } from '../wire/wire';
import { api, token } from './link';

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

const READ_MS = 60_000; // how long an answer may take
const long = { timeoutMS: 600_000 }; // and a file

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
    const got = await api.getReports(reportQuery(a), { timeoutMS: READ_MS });
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
      const from = cursor;
      const list = await api.getCallRecords({ ...recordQuery(asked), limit: SHOWN, ...(from === '' ? {} : { cursor: from }) }, { timeoutMS: READ_MS });
      if (late()) return;
      found.push(...list.items);
      cursor = list.next ?? '';
      batch(() => {
        records.value = from !== '' ? [...records.value, ...list.items] : list.items;
        next.value = cursor;
      });
    } while (found.length === 0 && cursor !== '');
  });
}

/** saveReport and saveRecords hand the browser a file in a format. */
export const saveReport = (a: Ask, format: 'csv' | 'json'): Promise<void> => save(() => api.getReportsExport({ ...reportQuery(a), format }, long), `report.${format}`);
export const saveRecords = (s: RecordSearch, format: 'csv' | 'json'): Promise<void> => save(() => api.getCallRecordsExport({ ...recordQuery(s), format }, long), `call-records.${format}`);

function save(fetched: () => Promise<Response>, name: string): Promise<void> {
  return doing(async () => {
    const file = await (await fetched()).blob();
    const a = document.createElement('a');
    a.href = URL.createObjectURL(file);
    a.download = name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 60_000);
  });
}
