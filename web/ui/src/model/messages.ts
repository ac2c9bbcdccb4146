// What the agent has been told and may want to read again, newest first. Pure.

import type { Event } from '../wire/wire';

export type MessageKind = 'signout_pending' | 'signed_out' | 'signout_taken_back' | 'campaign' | 'callback_due';

export interface Message {
  id: string;
  time: string; // RFC 3339, the server's
  kind: MessageKind;
  /** What the message is about: a campaign's name, a customer's, or who did it. */
  about: string;
}

/** How many are kept. */
export const KEPT = 30;

/** message is what an event says to an agent, null for nothing. pending says whether the sign-out was waiting before it. */
export function message(e: Event, me: string, pending: boolean): Message | null {
  const make = (kind: MessageKind, about = ''): Message => ({ id: e.id, time: e.time, kind, about });
  switch (e.type) {
    case 'agent.signout_pending':
      return e.data.id === me ? make('signout_pending') : null;
    case 'agent.signed_out':
      return e.data.id === me ? make('signed_out') : null;
    case 'agent.state_changed':
      return e.data.id === me && pending && e.data.signout === undefined && e.data.state !== 'offline' ? make('signout_taken_back') : null;
    case 'campaign.announced':
      return e.data.agent === me ? make('campaign', e.data.name) : null;
    case 'callback.due':
      return e.data.assignee === me ? make('callback_due', e.data.name) : null;
    default:
      return null;
  }
}

/** added puts a message before the others; one that is there already stays alone. */
export function added(all: readonly Message[], m: Message | null): readonly Message[] {
  if (m === null || all.some((x) => x.id === m.id)) return all;
  return [m, ...all].slice(0, KEPT);
}
