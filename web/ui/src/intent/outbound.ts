// Callbacks and campaigns: the lists this page shows, and what is asked of the server.

import { effect, signal, untracked } from '@preact/signals';
import { Problem } from '../link/problem';
import { faults, none, type Faults } from '../model/faults';
import { signedIn, state } from '../model/store';
import type { Callback, CallbackList, CallbackRequest, Campaign, CampaignList, EntryPoint, EntryPointList, CampaignRecord, Event, RecordPatch, RecordReschedule, Slot, SlotList } from '../wire/wire';
import { join } from './call';
import { fail, http, readState, watch } from './link';

const SHOWN = 50;
const SETTLE_MS = 300; // several events make one request

export const callbacks = signal<Callback[]>([]);
export const campaigns = signal<Campaign[]>([]);
export const entryPoints = signal<EntryPoint[]>([]);
export const slots = signal<Slot[]>([]);
/** The record the agent has before them, until it is closed. */
export const record = signal<CampaignRecord | null>(null);
/** What the last campaign message said; a campaign has started. */
export const announced = signal<string | null>(null);
export const message = signal<HTMLAudioElement | null>(null);

/** refreshOutbound reads both lists. */
export async function refreshOutbound(): Promise<void> {
  if (!signedIn.value) return;
  try {
    const [c, m, e] = await Promise.all([
      http.json('GET', `/v1/callbacks?open=true&limit=${SHOWN}`) as Promise<CallbackList>,
      http.json('GET', '/v1/campaigns') as Promise<CampaignList>,
      http.json('GET', '/v1/callbacks/entry-points') as Promise<EntryPointList>,
    ]);
    callbacks.value = c.items;
    campaigns.value = m.items;
    entryPoints.value = e.items;
  } catch (err) {
    fail(err);
  }
}

let timer: ReturnType<typeof setTimeout> | undefined;

function changed(): void {
  clearTimeout(timer);
  timer = setTimeout(() => void refreshOutbound(), SETTLE_MS);
}

watch((e: Event) => {
  switch (e.type) {
    case 'callback.requested':
    case 'callback.scheduled':
    case 'callback.changed':
    case 'callback.due':
    case 'callback.completed':
    case 'callback.failed':
    case 'callback.cancelled':
    case 'campaign.changed':
    case 'campaign.started':
    case 'campaign.stopped':
      changed();
      return;
    case 'campaign.announced':
      announced.value = e.data.name;
      return;
    case 'record.changed':
      recordChanged(e.data);
      return;
    case 'offer.created':
      // The customer is on the line already: nobody is asked.
      if (e.data.auto === true && e.data.agent === state.value.me) void join(e.data.call_id, null).then(readState).catch(fail);
      return;
    default:
  }
});

/** recordChanged keeps the record that is the agent's own. */
function recordChanged(r: CampaignRecord): void {
  const me = state.value.me;
  if (r.agent === me && (r.state === 'preview' || r.state === 'dialing' || r.state === 'talking' || r.state === 'review')) record.value = r;
  else if (record.value?.id === r.id) record.value = null;
}

async function act(method: string, path: string, body?: unknown): Promise<boolean> {
  try {
    await http.json(method, path, body);
  } catch (err) {
    fail(err);
    return false;
  }
  await refreshOutbound();
  return true;
}

/** store saves a form; the answer is what the server found wrong with it, none when it is saved. */
async function store(method: string, path: string, body: object): Promise<Faults> {
  try {
    await http.json(method, path, body);
  } catch (err) {
    return faults(Problem.of(err));
  }
  await refreshOutbound();
  return none;
}

/** callbacksOf reads the callbacks of a number that are not over. */
export async function callbacksOf(number: string): Promise<Callback[]> {
  if (number === '') return [];
  try {
    const q = new URLSearchParams({ number, open: 'true', limit: String(SHOWN) });
    return ((await http.json('GET', `/v1/callbacks?${q.toString()}`)) as CallbackList).items;
  } catch (err) {
    fail(err);
    return [];
  }
}

export const schedule = (r: CallbackRequest) => store('POST', '/v1/callbacks', r);
export const changeCallback = (id: string, r: CallbackRequest) => store('PUT', `/v1/callbacks/${id}`, r);
export const moveCallback = (id: string, r: CallbackRequest) => store('POST', `/v1/callbacks/${id}/reschedule`, r);
export const cancelCallback = (id: string) => act('DELETE', `/v1/callbacks/${id}`);
export const dialCallback = (id: string) => act('POST', `/v1/callbacks/${id}/dial`, {});
export const completeCallback = (id: string) => act('POST', `/v1/callbacks/${id}/complete`, {});
export const assignCallback = (id: string, assignee: string) => act('POST', `/v1/callbacks/${id}/assign`, assignee === '' ? {} : { assignee });
export const moveCampaign = (id: string, to: 'start' | 'pause' | 'finish') => act('POST', `/v1/campaigns/${id}/${to}`);
/** nextRecord asks for a record. Where it was asked for it is accepted already, and our audio joins its call. */
export async function nextRecord(id: string): Promise<void> {
  if (!(await act('POST', `/v1/campaigns/${id}/next`))) return;
  try {
    await readState();
    const call = state.value.agent?.call_id;
    if (state.value.agent?.state === 'reserved' && state.value.offer === null && call !== undefined) {
      await join(call, null);
      await readState();
    }
  } catch (err) {
    fail(err);
  }
}

/** playMessage plays a caller's voice message. */
export async function playMessage(id: string): Promise<void> {
  message.value?.pause();
  if (message.value !== null) URL.revokeObjectURL(message.value.src);
  try {
    const sound = new Audio(URL.createObjectURL(new Blob([await http.bytes(`/v1/callbacks/${id}/message`)], { type: 'audio/ogg' })));
    message.value = sound;
    await sound.play();
  } catch (err) {
    fail(err);
  }
}

export const dialRecord = (id: string, number: string) => act('POST', `/v1/records/${id}/dial`, { number });
export const doneRecord = (id: string, disposition: string, stop: boolean) => act('POST', `/v1/records/${id}/done`, { disposition, stop });
export const moveRecord = (id: string, r: RecordReschedule) => store('POST', `/v1/records/${id}/reschedule`, r);
export const writeRecord = async (id: string, p: RecordPatch): Promise<Faults> => {
  try {
    recordChanged((await http.json('PATCH', `/v1/records/${id}`, JSON.stringify(p), { type: 'application/merge-patch+json' })) as CampaignRecord);
  } catch (err) {
    return faults(Problem.of(err));
  }
  return none;
};
export const leaveRecord = (id: string, how: 'reject' | 'cancel' | 'do-not-call') => act('POST', `/v1/records/${id}/${how}`);

/** readSlots asks which slots of a day can be chosen. */
export async function readSlots(queue: string, date: string, zone: string): Promise<void> {
  slots.value = [];
  if (queue === '' || date === '' || zone === '') return;
  try {
    const q = new URLSearchParams({ queue, date, zone });
    slots.value = ((await http.json('GET', `/v1/callbacks/slots?${q.toString()}`)) as SlotList).items;
  } catch (err) {
    fail(err);
  }
}

effect(() => {
  if (signedIn.value) untracked(() => void refreshOutbound());
});
