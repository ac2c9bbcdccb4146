// The one connection to the server, and how its news become state.

import { signal } from '@preact/signals';
import { Http } from '../link/http';
import { Problem } from '../link/problem';
import { Socket } from '../link/socket';
import * as tokens from '../link/token';
import { Api } from '../wire/api';
import { text } from '../text/en';
import { clock, link, linkLostAt, notice, now, state } from '../model/store';
import { apply, snapshot } from '../model/state';
import type { Event } from '../wire/wire';

export const token = signal('');
/** What the server named at sign-in for the audio's way to it. */
export const iceServers = signal<RTCIceServer[]>([]);
/** The API over HTTP. A refusal is the caller's to show. */
export const api = new Api(new Http(() => token.value).send);

let onRefused: (why: string) => void = () => undefined;
let onSnapshot: () => void = () => undefined;
let renewTimer: ReturnType<typeof setTimeout> | undefined;
let held: Event[] | null = null; // events that came while a snapshot was on its way

export const socket = new Socket({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/v1/events`,
  token: () => token.value,
  tokenRefused: () =>
    api.getAgentsMe().then(
      () => false,
      (err: unknown) => Problem.of(err).status === 401,
    ),
  listener: {
    hello(h, fresh) {
      clock.greet(h.time);
      if (fresh) void readState();
    },
    event(e) {
      clock.learn(e.time);
      tick(); // what the event brings to the page counts from its first moment
      if (held !== null) held.push(e);
      else state.value = apply(state.value, e);
      for (const f of watchers) f(e);
    },
    state(s) {
      if (s === 'waiting' && linkLostAt.value === null) linkLostAt.value = clock.now();
      if (s === 'open' || s === 'closed') linkLostAt.value = null;
      link.value = s;
    },
    refused: (revoked) => onRefused(revoked ? 'token_revoked' : ''),
  },
});

const watchers: ((e: Event) => void)[] = [];

/** watch is told every event, for what is no part of the state. */
export function watch(f: (e: Event) => void): void {
  watchers.push(f);
}

/** owner says who is told when the token is refused, with the code of why where it is known, and when a snapshot has replaced the state. */
export function owner(refused: (why: string) => void, read: () => void): void {
  onRefused = refused;
  onSnapshot = read;
}

/** readState replaces the state by the server's; events on the way are applied after it. */
export async function readState(): Promise<void> {
  const late: Event[] = (held ??= []);
  try {
    const [snap, queues] = await Promise.all([
      api.getAgentsMe(),
      api.getQueues().catch(() => null),
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

/** The API over the socket: what is said there comes in order. A refusal is shown to the agent and thrown on. */
export const commands = new Api(async (r, opt) => {
  try {
    return await socket.send(r, opt);
  } catch (err) {
    fail(err);
    throw err;
  }
});

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
    const fresh = await api.postTokenRefresh();
    take(fresh.token);
    socket.renewed();
  } catch (err) {
    const p = Problem.of(err);
    if (p.status === 401) onRefused(p.code);
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

/** How often the clock of the views moves. */
export const TICK_MS = 250;

/** tick moves the clock the views count by to the moment of the next tick: what is shown until then promises no time that is not there. */
export function tick(): void {
  now.value = clock.now() + TICK_MS;
}
