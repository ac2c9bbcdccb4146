// What those who run campaigns do: lists of contacts, campaigns, their contacts, and numbers nobody calls.

import { computed, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { faults, none, type Faults } from '../model/faults';
import { allows } from '../model/grants';
import type { Campaign, CampaignList, CampaignRecord, CampaignRequest, ContactListing, ContactLists, EntryPoint, EntryPointList, Queue, QueueList, RecordList } from '../wire/wire';
import { http, say, token } from './link';

const UPLOAD_MS = 120_000;
const PAGE = 50;

export const manages = computed(() => allows(tokens.grants(token.value), 'campaign:write'));

export const campaigns = signal<Campaign[]>([]);
export const lists = signal<ContactListing[]>([]);
export const queues = signal<Queue[]>([]);
export const entryPoints = signal<EntryPoint[]>([]);
export const trouble = signal('');
export const busy = signal(false);
/** What the last upload came to, with its errors. */
export const uploaded = signal<ContactListing | null>(null);
/** The campaign whose contacts are open, and they. */
export const opened = signal<string | null>(null);
export const records = signal<CampaignRecord[]>([]);
export const next = signal('');

async function run<T>(f: () => Promise<T>): Promise<T | null> {
  trouble.value = '';
  busy.value = true;
  try {
    return await f();
  } catch (err) {
    trouble.value = say(Problem.of(err));
    return null;
  } finally {
    busy.value = false;
  }
}

/** look reads everything the page shows. */
export async function look(): Promise<void> {
  await run(async () => {
    const [c, l, q, e] = await Promise.all([
      http.json('GET', '/v1/campaigns') as Promise<CampaignList>,
      http.json('GET', '/v1/lists') as Promise<ContactLists>,
      http.json('GET', '/v1/queues') as Promise<QueueList>,
      (http.json('GET', '/v1/callbacks/entry-points') as Promise<EntryPointList>).catch(() => ({ items: [] })),
    ]);
    campaigns.value = c.items;
    lists.value = l.items;
    queues.value = q.items;
    entryPoints.value = e.items;
  });
}

/** refresh reads the progress alone, quietly. */
export async function refresh(): Promise<void> {
  try {
    campaigns.value = ((await http.json('GET', '/v1/campaigns')) as CampaignList).items;
  } catch {
    // the next one may do better; what the person did is told by run
  }
}

export async function upload(name: string, file: Blob): Promise<void> {
  uploaded.value = null;
  await run(async () => {
    const answer = await http.text('POST', `/v1/lists?name=${encodeURIComponent(name)}`, await file.text(), { type: 'text/csv', timeoutMS: UPLOAD_MS });
    uploaded.value = JSON.parse(answer) as ContactListing;
    lists.value = ((await http.json('GET', '/v1/lists')) as ContactLists).items;
  });
}

export async function dropList(id: string): Promise<void> {
  await run(async () => {
    await http.json('DELETE', `/v1/lists/${id}`);
    if (uploaded.value?.id === id) uploaded.value = null;
    lists.value = ((await http.json('GET', '/v1/lists')) as ContactLists).items;
  });
}

/** store makes a campaign (id empty) or changes one; the answer is what the server found wrong. */
export async function store(id: string, r: CampaignRequest): Promise<Faults> {
  try {
    if (id === '') await http.json('POST', '/v1/campaigns', r);
    else await http.json('PUT', `/v1/campaigns/${id}`, r);
  } catch (err) {
    return faults(Problem.of(err));
  }
  await refresh();
  return none;
}

export async function move(id: string, to: 'start' | 'pause' | 'finish'): Promise<void> {
  await run(() => http.json('POST', `/v1/campaigns/${id}/${to}`));
  await refresh();
}

/** open reads a campaign's contacts, or closes them when they are open. */
export async function open(id: string): Promise<void> {
  records.value = [];
  next.value = '';
  opened.value = opened.value === id ? null : id;
  if (opened.value !== null) await more();
}

export async function more(): Promise<void> {
  const id = opened.value;
  if (id === null) return;
  await run(async () => {
    const q = new URLSearchParams({ limit: String(PAGE), ...(next.value === '' ? {} : { cursor: next.value }) });
    const page = (await http.json('GET', `/v1/campaigns/${id}/records?${q.toString()}`)) as RecordList;
    if (opened.value !== id) return;
    records.value = [...records.value, ...page.items];
    next.value = page.next ?? '';
  });
}

/** barred asks whether a number must not be called. */
export async function barred(number: string): Promise<boolean | null> {
  return run(async () => {
    try {
      await http.json('GET', `/v1/do-not-call/${encodeURIComponent(number)}`);
      return true;
    } catch (err) {
      if (Problem.of(err).status === 404) return false;
      throw err;
    }
  });
}

/** bar puts a number on the list of those nobody calls, or takes it off; false when that was refused. */
export async function bar(number: string, on: boolean): Promise<boolean> {
  const ok = await run(async () => {
    if (on) await http.json('POST', '/v1/do-not-call', { numbers: [number] });
    else await http.json('DELETE', `/v1/do-not-call/${encodeURIComponent(number)}`);
    return true;
  });
  return ok === true;
}
