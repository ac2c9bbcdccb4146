// What waits for this agent's answer, as the requests of the list: the call that rings, callbacks given to the
// agent, the record before them. Pure.

import { mask } from './format';
import { kindOf, who, type OfferKind } from './offer';
import type { Request } from './requests';
import type { Callback, CampaignRecord, Offer } from '../wire/wire';

export interface Task extends Request {
  /** What a press on it does: answers the ring, opens the callback, goes to the record. */
  about: 'offer' | 'callback' | 'record';
  what: OfferKind | 'due' | 'before';
}

/** titleOf writes one line; the words come from text/. */
export type TitleOf = (what: Task['what'], who: string, queue: string) => string;

export function tasks(offers: readonly Offer[], callbacks: readonly Callback[], records: readonly CampaignRecord[], me: string, queue: (id: string) => string, title: TitleOf): Task[] {
  const out: Task[] = [];
  for (const offer of offers) {
    const what = kindOf(offer);
    out.push({ id: offer.id, kind: offer.work?.kind ?? 'call', created: offer.created, about: 'offer', what, title: title(what, who(offer), queue(offer.queue)) });
  }
  for (const c of callbacks) {
    const before = c.agent === me && (c.state === 'preview' || c.state === 'reached');
    const due = c.assignee === me && c.state === 'waiting';
    if (!before && !due) continue;
    const what = before ? 'before' : 'due';
    out.push({ id: c.id, kind: 'call', created: c.queued ?? c.created, about: 'callback', what, title: title(what, c.name === '' ? mask(c.number) : c.name, queue(c.queue)) });
  }
  for (const record of records) {
    if (record.state !== 'preview') continue;
    out.push({ id: record.id, kind: 'call', created: record.history.at(-1)?.time ?? '1970-01-01T00:00:00Z', about: 'record', what: 'record', title: title('record', record.name, '') });
  }
  return out;
}
