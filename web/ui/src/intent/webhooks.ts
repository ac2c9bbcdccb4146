// What administrators do with webhooks: see how they do, make, test, enable, disable and forget them, and send dead
// letters again.

import { computed, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { faults, none, type Faults } from '../model/faults';
import { allows } from '../model/grants';
import { text } from '../text/en';
import type { DeadLetter, Webhook, WebhookAttempt, WebhookRequest, WebhookSecret } from '../wire/wire';
import { api, say, token } from './link';

const PAGE = 50;

const grants = computed(() => tokens.grants(token.value));
export const seesWebhooks = computed(() => allows(grants.value, 'webhook:read'));
export const writesWebhooks = computed(() => allows(grants.value, 'webhook:write'));

export const webhooks = signal<Webhook[]>([]);
export const trouble = signal(''); // what went wrong last, in words
export const said = signal(''); // what was done last, in words
export const busy = signal(false);
/** The secret that is shown once. */
export const secret = signal<WebhookSecret | null>(null);
/** The webhook whose attempts or dead letters are open, and they. */
export const opened = signal<{ id: string; what: 'attempts' | 'dead' } | null>(null);
export const attempts = signal<WebhookAttempt[]>([]);
export const dead = signal<DeadLetter[]>([]);
export const next = signal('');

async function run<T>(f: () => Promise<T>): Promise<T | null> {
  trouble.value = '';
  said.value = '';
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

async function read(): Promise<void> {
  webhooks.value = (await api.getWebhooks()).items;
  const o = opened.value;
  if (o === null) return;
  if (!webhooks.value.some((w) => w.id === o.id)) {
    opened.value = null;
    return;
  }
  if (o.what === 'attempts') {
    attempts.value = (await api.getWebhookAttempts(o.id)).items;
  } else if (dead.value.length <= PAGE) { // further pages stay as they were read
    const list = await api.getWebhookDead(o.id, { limit: PAGE });
    dead.value = list.items;
    next.value = list.next ?? '';
  }
}

/** look reads everything the page shows. */
export async function look(): Promise<void> {
  await run(read);
}

/** refresh reads it again, quietly. */
export async function refresh(): Promise<void> {
  if (busy.value) return;
  try {
    await read();
  } catch {
    // the next time will tell
  }
}

/** make makes a webhook; its secret is shown. What the server finds wrong with the fields comes back. */
export async function make(r: WebhookRequest): Promise<Faults> {
  trouble.value = '';
  said.value = '';
  busy.value = true;
  try {
    secret.value = await api.postWebhooks(r);
    await read();
    return none;
  } catch (err) {
    const p = Problem.of(err);
    const found = faults(p);
    trouble.value = Object.keys(found.fields).length === 0 ? say(p) : found.detail;
    return found;
  } finally {
    busy.value = false;
  }
}

/** test sends a test event now and says how it went. */
export async function test(id: string): Promise<void> {
  await run(async () => {
    const a = await api.postWebhookTest(id, { timeoutMS: 70_000 });
    await read();
    const ok = a.status !== undefined && a.status >= 200 && a.status < 300;
    if (ok) said.value = text.webhooks.tested(a.status ?? 0, a.ms);
    else trouble.value = text.webhooks.testFailed(a.error ?? String(a.status ?? ''));
  });
}

/** enable lets a webhook go on where it stopped, or stops it. */
export async function enable(id: string, on: boolean): Promise<void> {
  await run(async () => {
    await api.patchWebhook(id, { enabled: on });
    await read();
  });
}

/** rotate makes a new secret; the old one signs too for a day. */
export async function rotate(id: string): Promise<void> {
  await run(async () => {
    secret.value = await api.postWebhookRotate(id, {});
    await read();
  });
}

/** forget removes a webhook with its dead letters. */
export async function forget(id: string): Promise<void> {
  await run(async () => {
    await api.deleteWebhook(id);
    await read();
  });
}

/** open shows or hides the attempts or the dead letters of a webhook. */
export async function open(id: string, what: 'attempts' | 'dead'): Promise<void> {
  const o = opened.value;
  attempts.value = [];
  dead.value = [];
  next.value = '';
  opened.value = o !== null && o.id === id && o.what === what ? null : { id, what };
  if (opened.value !== null) await run(read);
}

/** more reads the next page of dead letters. */
export async function more(): Promise<void> {
  const o = opened.value;
  if (o === null || next.value === '') return;
  await run(async () => {
    const list = await api.getWebhookDead(o.id, { limit: PAGE, cursor: next.value });
    dead.value = [...dead.value, ...list.items];
    next.value = list.next ?? '';
  });
}

/** replay sends dead letters again: those of the sequence numbers, or all. */
export async function replay(id: string, seqs: number[] | 'all'): Promise<void> {
  await run(async () => {
    const a = await api.postWebhookReplay(id, seqs === 'all' ? { all: true } : { seqs });
    await read();
    said.value = text.webhooks.replayed(a.count);
  });
}
