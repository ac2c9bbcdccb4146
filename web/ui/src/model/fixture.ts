// Objects for tests: whole ones, of which a test names only what it is about.

import type { Agent, Call, Event, EventMap, EventType, Leg, Offer, Recording, Snapshot, Wrapup } from '../wire/wire';
import { nothing, snapshot, type State } from './state';

const t = '2026-03-02T10:00:00.000Z';

export const agent = (more: Partial<Agent> = {}): Agent => ({ id: 'agt_me', name: 'Maja Novak', state: 'ready', since: t, queues: ['que_1'], version: 1, ...more });

export const leg = (more: Partial<Leg> = {}): Leg => ({
  id: 'leg_c', call_id: 'call_1', kind: 'sip', state: 'connected', direction: 'inbound', role: 'customer', muted: false, deafened: false, gain_db: 0,
  hold: { local: false, remote: false }, denoise: { in: 0, out: 0, level: 0 }, created: t, ...more,
});

export const call = (more: Partial<Call> = {}): Call => ({
  id: 'call_1', state: 'connected', direction: 'inbound', from: '+38641234567', to: '100', legs: [leg()], created: t, ...more,
});

export const offer = (more: Partial<Offer> = {}): Offer => ({
  id: 'off_1', call_id: 'call_1', agent: 'agt_me', queue: 'que_1', state: 'open', from: '+38641234567', to: '100', queued: t, created: t, deadline: t, attempt: 1, ...more,
});

export const recording = (more: Partial<Recording> = {}): Recording => ({
  id: 'rec_1', call_id: 'call_1', state: 'recording', started: t, duration_ms: 0, tracks: [], gaps: [], ...more,
});

export const wrapup = (more: Partial<Wrapup> = {}): Wrapup => ({ id: 'wrp_1', call_id: 'call_1', agent: 'agt_me', started: t, deadline: t, extensions_left: 2, ...more });

/** event is the event with the given number. */
export function event<T extends EventType>(seq: number, type: T, data: EventMap[T]): Event {
  return { id: `evt_${seq}`, seq, call_seq: 0, time: t, type, data } as Event;
}

/** signedIn is the state after a snapshot up to event 10. */
export function signedIn(more: Partial<Snapshot> = {}): State {
  return snapshot(nothing, { seq: 10, agent: agent(), ...more });
}
