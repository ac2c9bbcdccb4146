// What the form of a callback begins with. Pure.

import { hidden, wall } from './format';
import type { Call, Callback, CallbackRequest, CampaignRecord, ContactRef, DialRequest, Work } from '../wire/wire';

/** About is a contact a callback is made for. */
export interface About {
  number: string;
  name: string;
  queue: string;
  /** The call it is agreed in, by which the server knows a number it does not show. */
  call?: string;
  /** The contact of a list it was found as, by which the server knows it too. */
  contact?: ContactRef;
  /** What else it is about: what is typed is kept under it. */
  key?: string;
}

/** aboutCall is the customer of a call. */
export function aboutCall(c: Call): About {
  return { number: c.direction === 'inbound' ? c.from : c.to, name: c.from_name ?? '', queue: c.queue ?? '', call: c.id };
}

/** aboutWork is the sender of a written request; the number is for the agent to fill in, unless it came from one. */
export function aboutWork(w: Work): About {
  return { number: /^\+?[\d ().-]{7,}$/.test(w.from) ? w.from : '', name: w.from_name ?? w.from, queue: w.queue, key: w.id };
}

/**
 * first is what the form shows before anything is typed: the callback as it is, or what is known of the contact.
 * A number the server hides is left empty: it knows it by the callback, the call or the contact. An existing callback is not
 * of the call that happens to run, so it names none.
 */
export function first(c: Callback | null, about: About | undefined, queues: readonly string[], here: string): CallbackRequest {
  const seen = (number: string) => (hidden(number) ? '' : number);
  const fit = (queue: string) => (queues.includes(queue) ? queue : (queues[0] ?? ''));
  if (c === null) {
    return {
      number: seen(about?.number ?? ''), name: about?.name ?? '', queue: fit(about?.queue ?? ''), date: '', from: '', till: '', zone: here, reason: '', assignee: '',
      ...(about?.call === undefined ? {} : { call_id: about.call }),
      ...(about?.contact === undefined ? {} : { contact: about.contact }),
    };
  }
  const zone = c.zone === undefined || c.zone === '' ? here : c.zone;
  const start = wall(c.start, zone);
  return {
    number: seen(c.number), name: c.name, queue: fit(c.queue), date: start.date, from: start.time, till: wall(c.end, zone).time, zone, reason: c.reason ?? '',
    assignee: c.assignee ?? '', preferred: c.preferred ?? '', entry_point: c.entry_point ?? '', fallback_seconds: c.fallback_seconds ?? 0,
    attempts: c.limit, retry_seconds: c.retry_seconds ?? 0,
  };
}

/** dialOf asks for one number of a record, by its place: it may be shown masked. */
export const dialOf = (r: CampaignRecord, i: number): DialRequest => (i === r.at ? {} : { index: i });
