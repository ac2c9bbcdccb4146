// The callbacks of everybody, for those who may see them all.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';
import { state } from '../model/store';
import type { GetCallbacksQuery } from '../wire/api';
import type { Callback } from '../wire/wire';
import { canSchedule, entryPoints } from './outbound';
import { api, say } from './link';

const PAGE = 50;

/** What is looked for; empty fields choose nothing. */
export interface CallbackSearch {
  queue: string;
  assignee: string;
  number: string;
  over: boolean; // those that are over too
}

export const anyCallback: CallbackSearch = { queue: '', assignee: '', number: '', over: false };

export const found = signal<Callback[]>([]);
export const next = signal(''); // cursor of the page after; empty: there is none
export const busy = signal(false);
export const trouble = signal('');

let asked = anyCallback;
let turn = 0; // answers of an older question are dropped

function query(s: CallbackSearch): GetCallbacksQuery {
  const q: GetCallbacksQuery = { limit: PAGE };
  if (!s.over) q.open = true;
  if (s.queue !== '') q.queue = s.queue;
  if (s.assignee !== '') q.assignee = s.assignee;
  if (s.number !== '') q.number = s.number;
  return q;
}

async function read(cursor: string): Promise<void> {
  const at = ++turn;
  busy.value = true;
  try {
    const list = await api.getCallbacks({ ...query(asked), ...(cursor === '' ? {} : { cursor }) });
    if (at !== turn) return;
    found.value = cursor === '' ? list.items : [...found.value, ...list.items];
    next.value = list.next ?? '';
    trouble.value = '';
  } catch (err) {
    if (at === turn) trouble.value = say(Problem.of(err));
  } finally {
    if (at === turn) busy.value = false;
  }
}

/** look searches anew. */
export async function look(s: CallbackSearch): Promise<void> {
  asked = s;
  await read('');
}

/** more reads the next page. */
export const more = (): Promise<void> => read(next.value);

/** again reads the first page of the same search once more, unless further ones are shown. */
export const again = (): Promise<void> => (found.value.length > PAGE ? Promise.resolve() : read(''));

/** begin reads what the forms of the page choose from, where nobody has done it: an office has no desk. */
export async function begin(): Promise<void> {
  const [q, e] = await Promise.all([api.getQueues().catch(() => null), api.getCallbacksEntryPoints().catch(() => null)]);
  if (q !== null) state.value = { ...state.value, queues: q.items };
  if (e === null) return;
  entryPoints.value = e.items;
  canSchedule.value = e.planning;
}
