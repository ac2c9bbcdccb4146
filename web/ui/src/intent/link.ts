// The one connection to the server, and how its news become state.

import { signal } from '@preact/signals';
import { Http } from '../link/http';
import { Problem } from '../link/problem';
import { Socket } from '../link/socket';
import * as tokens from '../link/token';
import { text } from '../text/en';
import { clock, link, linkLostAt, notice, now, state } from '../model/store';
import { apply, snapshot } from '../model/state';
import type { Event, QueueList, Snapshot, Token } from '../wire/wire';

export const token = signal('');
/** What the server named at sign-in for the audio's way to it. */
export const iceServers = signal<RTCIceServer[]>([]);
export const http = new Http(() => token.value);

let onRefused: () => void = () => undefined;
let onSnapshot: () => void = () => undefined;
let renewTimer: ReturnType<typeof setTimeout> | undefined;
let held: Event[] | null = null; // events that came while a snapshot was on its way

export const socket = new Socket({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/events`,
  token: () => token.value,
  tokenRefused: () =>
    http.json('GET', '/v1/agents/me').then(
      () => false,
      (err: unknown) => Problem.of(err).status === 401,
    ),
  listener: {
    hello(h, fresh) {
      clock.reset();
      clock.learn(h.time);
      if (fresh) void readState();
    },
    event(e) {
      clock.learn(e.time);
      if (held !== null) held.push(e);
      else state.value = apply(state.value, e);
      for (const f of watchers) f(e);
    },
    state(s) {
      if (s === 'waiting' && linkLostAt.value === null) linkLostAt.value = clock.now();
      if (s === 'open' || s === 'closed') linkLostAt.value = null;
      link.value = s;
    },
    refused: () => onRefused(),
  },
});

const watchers: ((e: Event) => void)[] = [];

/** watch is told every event, for what is no part of the state. */
export function watch(f: (e: Event) => void): void {
  watchers.push(f);
}

/** owner says who is told when the token is refused and when a snapshot has replaced the state. */
export function owner(refused: () => void, read: () => void): void {
  onRefused = refused;
  onSnapshot = read;
}

/** readState replaces the state by the server's; events on the way are applied after it. */
export async function readState(): Promise<void> {
  const late: Event[] = (held ??= []);
  try {
    const [snap, queues] = await Promise.all([
      http.json('GET', '/v1/agents/me') as Promise<Snapshot>,
      (http.json('GET', '/v1/queues') as Promise<QueueList>).catch(() => null),
    ]);
    let next = snapshot(state.value, snap);
    if (queues !== null) next = { ...next, queues: queues.items };
    for (const e of late) next = apply(next, e);
    held = null;
    state.value = next;
  } catch (err) {
    for (const e of late) state.value = apply(state.value, e);
    held = null;
    throw err;
  }
  onSnapshot();
}

/** command sends one over the socket. A refusal is shown to the agent and thrown on. */
export async function command(method: string, path: string, body?: unknown): Promise<unknown> {
  try {
    return await socket.request(method, path, body);
  } catch (err) {
    fail(err);
    throw err;
  }
}

/** fail shows what went wrong in words. */
export function fail(err: unknown): void {
  notice.value = { kind: 'error', text: say(Problem.of(err)) };
}

/** say is a refusal in words: ours for what never reached the server, else the server's own sentence. */
export function say(p: Problem): string {
  return text.problems[p.code] ?? text.problem(p.detail);
}

/** take uses a token from now on and renews it in time. */
export function take(t: string): void {
  token.value = t;
  tokens.save(t);
  clearTimeout(renewTimer);
  const c = tokens.claims(t);
  if (c === null) return;
  const wait = tokens.renewIn(c, clock.now());
  if (wait === Infinity) return;
  renewTimer = setTimeout(() => void renew(), Math.max(wait, 1_000));
}

async function renew(): Promise<void> {
  try {
    const fresh = (await http.json('POST', '/v1/token/refresh')) as Token;
    take(fresh.token);
    socket.renewed();
  } catch (err) {
    if (Problem.of(err).status === 401) onRefused();
    else renewTimer = setTimeout(() => void renew(), 5_000);
  }
}

/** forget drops the connection and the token. */
export function forget(): void {
  clearTimeout(renewTimer);
  socket.stop();
  tokens.clear();
  token.value = '';
}

/** tick moves the clock the views count by. */
export function tick(): void {
  now.value = clock.now();
}
