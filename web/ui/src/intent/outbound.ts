// Callbacks and campaigns: the lists this page shows, and what is asked of the server.

import { computed, effect, signal, untracked } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { faults, none, type Faults } from '../model/faults';
import { dialOf } from '../model/callback';
import { records } from '../model/state';
import { allows } from '../model/grants';
import { agent, signedIn, state } from '../model/store';
import type { Callback, CallbackRequest, Campaign, CampaignRecord, EntryPoint, Event, RecordPatch, RecordReschedule, Slot } from '../wire/wire';
import { join } from './call';
import { ask, type Move } from './campaigns';
import { api, fail, readState, token, watch } from './link';

const SHOWN = 50;
const SOUGHT = 200; // of everybody's, to find mine among them
const SETTLE_MS = 300; // several events make one request

export const callbacks = signal<Callback[]>([]);
export const campaigns = signal<Campaign[]>([]);
export const entryPoints = signal<EntryPoint[]>([]);
/** Whether callbacks can be planned, also while no entry point is active. */
export const canSchedule = signal(false);
export const slots = signal<Slot[]>([]);

const grants = computed(() => tokens.grants(token.value));
/** Whether the token is for all callbacks, and may change them. */
export const seesCallbacks = computed(() => allows(grants.value, 'callback:read'));
export const changesCallbacks = computed(() => allows(grants.value, 'callback:write'));
/** The queues a callback can be for: an agent's own, or all. */
export const queueChoices = computed(() => (changesCallbacks.value || agent.value === null ? state.value.queues.map((q) => q.id) : agent.value.queues));
/** What the last campaign message said; a campaign has started. */
export const announced = signal<string | null>(null);
export const message = signal<HTMLAudioElement | null>(null);

/** refreshOutbound reads both lists. */
export async function refreshOutbound(): Promise<void> {
  if (!signedIn.value) return; // the office has no desk
  try {
    const [c, m, e] = await Promise.all([
      api.getCallbacks({ open: true, limit: seesCallbacks.value ? SOUGHT : SHOWN }),
      api.getCampaigns(),
      api.getCallbacksEntryPoints(),
    ]);
    callbacks.value = changesCallbacks.value || seesCallbacks.value ? c.items.filter(mine) : c.items;
    campaigns.value = m.items;
    entryPoints.value = e.items;
    canSchedule.value = e.planning;
  } catch (err) {
    fail(err);
  }
}

/** mine says whether a callback is the agent's business: a token that sees all has a page for the rest. */
function mine(c: Callback): boolean {
  const me = state.value.me;
  return c.assignee === me || c.agent === me || (c.assignee === undefined && (agent.value?.queues.includes(c.queue) ?? false));
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
    case 'offer.created':
      // The customer is on the line already: nobody is asked.
      if (e.data.auto === true && e.data.agent === state.value.me) void join(e.data.call_id, null).then(readState).catch(fail);
      return;
    default:
  }
});

async function act(ask: Promise<unknown>): Promise<boolean> {
  try {
    await ask;
  } catch (err) {
    fail(err);
    return false;
  }
  await refreshOutbound();
  return true;
}

/** store saves a form; the answer is what the server found wrong with it, none when it is saved. */
async function store(ask: Promise<unknown>): Promise<Faults> {
  try {
    await ask;
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
    return (await api.getCallbacks({ number, open: true, limit: SHOWN })).items;
  } catch (err) {
    fail(err);
    return [];
  }
}

export const schedule = (r: CallbackRequest) => store(api.postCallbacks(r));
export const changeCallback = (id: string, r: CallbackRequest) => store(api.putCallback(id, r));
export const moveCallback = (id: string, r: CallbackRequest) => store(api.postCallbackReschedule(id, r));
export const cancelCallback = (id: string) => act(api.deleteCallback(id));
export const dialCallback = (id: string) => act(api.postCallbackDial(id, {}));
export const completeCallback = (id: string) => act(api.postCallbackComplete(id, {}));
/** assignCallback gives a callback to an agent, alone for as many seconds (0: for ever), or with none back to its queue. */
export const assignCallback = (id: string, assignee: string, alone: number) => store(api.postCallbackAssign(id, assignee === '' ? {} : { assignee, fallback_seconds: alone }));
/** takeCallback is for oneself, or gives it back. */
export const takeCallback = (id: string, mine: boolean) => act(api.postCallbackAssign(id, mine ? { assignee: state.value.me } : {}));
export const moveCampaign = (id: string, to: Move) => act(ask(id, to));
/** nextRecord asks for a record. Where it was asked for it is accepted already, and our audio joins its call. */
export async function nextRecord(id: string): Promise<void> {
  if (!(await act(api.postCampaignNext(id)))) return;
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
    const sound = new Audio(URL.createObjectURL(await (await api.getCallbackMessage(id)).blob()));
    message.value = sound;
    await sound.play();
  } catch (err) {
    fail(err);
  }
}

/** dialRecord dials one of the record's numbers. */
export const dialRecord = (r: CampaignRecord, i: number) => act(api.postRecordDial(r.id, dialOf(r, i)));
export const doneRecord = (id: string, disposition: string, stop: boolean) => act(api.postRecordDone(id, { disposition, stop }));
export const moveRecord = (id: string, r: RecordReschedule) => store(api.postRecordReschedule(id, r));
export const writeRecord = async (id: string, p: RecordPatch): Promise<Faults> => {
  try {
    const r = await api.patchRecord(id, p);
    state.value = { ...state.value, records: records(state.value.records, r, state.value.me) };
  } catch (err) {
    return faults(Problem.of(err));
  }
  return none;
};
const leaves = {
  reject: (id: string) => api.postRecordReject(id),
  cancel: (id: string) => api.postRecordCancel(id),
  'do-not-call': (id: string) => api.postRecordDoNotCall(id),
};
export const leaveRecord = (id: string, how: keyof typeof leaves) => act(leaves[how](id));

/** readSlots asks which slots of a day can be chosen. */
export async function readSlots(queue: string, date: string, zone: string): Promise<void> {
  slots.value = [];
  if (queue === '' || date === '' || zone === '') return;
  try {
    slots.value = (await api.getCallbacksSlots({ queue, date, zone })).items;
  } catch (err) {
    fail(err);
  }
}

effect(() => {
  if (signedIn.value) untracked(() => void refreshOutbound());
});
