// What those who run campaigns do: lists of contacts, campaigns, their contacts, and numbers nobody calls.

import { computed, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { faults, none, type Faults } from '../model/faults';
import { allows } from '../model/grants';
import type { Campaign, CampaignRecord, CampaignRequest, ContactListing, EntryPoint, Queue } from '../wire/wire';
import { api, say, token } from './link';

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
      api.getCampaigns(),
      api.getLists(),
      api.getQueues(),
      api.getCallbacksEntryPoints().catch(() => ({ items: [], planning: false })),
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
    campaigns.value = (await api.getCampaigns()).items;
  } catch {
    // the next one may do better; what the person did is told by run
  }
}

export async function upload(name: string, file: Blob): Promise<void> {
  uploaded.value = null;
  await run(async () => {
    uploaded.value = await api.postLists(await file.text(), { name }, { timeoutMS: UPLOAD_MS });
    lists.value = (await api.getLists()).items;
  });
}

export async function dropList(id: string): Promise<void> {
  await run(async () => {
    await api.deleteList(id);
    if (uploaded.value?.id === id) uploaded.value = null;
    lists.value = (await api.getLists()).items;
  });
}

/** store makes a campaign (id empty) or changes one; the answer is what the server found wrong. */
export async function store(id: string, r: CampaignRequest): Promise<Faults> {
  try {
    if (id === '') await api.postCampaigns(r);
    else await api.putCampaign(id, r);
  } catch (err) {
    return faults(Problem.of(err));
  }
  await refresh();
  return none;
}

const moves = {
  start: (id: string) => api.postCampaignStart(id),
  pause: (id: string) => api.postCampaignPause(id),
  finish: (id: string) => api.postCampaignFinish(id),
};

/** What can be asked of a campaign. */
export type Move = keyof typeof moves;

/** ask moves a campaign. */
export const ask = (id: string, to: Move): Promise<Campaign> => moves[to](id);

export async function move(id: string, to: Move): Promise<void> {
  await run(() => ask(id, to));
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
    const page = await api.getCampaignRecords(id, { limit: PAGE, ...(next.value === '' ? {} : { cursor: next.value }) });
    if (opened.value !== id) return;
    records.value = [...records.value, ...page.items];
    next.value = page.next ?? '';
  });
}

/** barred asks whether a number must not be called. */
export async function barred(number: string): Promise<boolean | null> {
  return run(async () => {
    try {
      await api.getDoNotCallNumber(number);
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
    if (on) await api.postDoNotCall({ numbers: [number] });
    else await api.deleteDoNotCallNumber(number);
    return true;
  });
  return ok === true;
}
