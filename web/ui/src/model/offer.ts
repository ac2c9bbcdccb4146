// What a ring is about and which lines it shows. Pure.

import { mask } from './format';
import type { Offer } from '../wire/wire';

/** OfferKind is what is offered; the words for each stand in text/. */
export type OfferKind = 'call' | 'returned' | 'new_customer' | 'consult' | 'callback' | 'record' | 'written';

export function kindOf(o: Offer): OfferKind {
  if (o.work !== undefined) return 'written';
  if (o.consult !== undefined && o.consult !== '') return 'consult';
  if (o.callback !== undefined) return 'callback';
  if (o.record !== undefined) return 'record';
  return o.class === 1 ? 'returned' : o.class === 2 ? 'new_customer' : 'call';
}

/** Most lines of a ring: the configured variables, and those of whoever asks in a consult. */
export const LINES = 6;
export const CONSULT_LINES = 9;

export interface Line {
  label: string;
  value: string;
}

/**
 * lines are the variables of a ring in the server's order, which leaves secure ones out. A record for which no
 * variables are configured shows what its list holds.
 */
export function lines(o: Offer): Line[] {
  const most = kindOf(o) === 'consult' ? CONSULT_LINES : LINES;
  const configured = (o.variables ?? []).map((v) => ({ label: v.label, value: v.value }));
  const all = configured.length > 0 || o.record === undefined ? configured : Object.entries(o.record.fields ?? {}).map(([label, value]) => ({ label, value }));
  return all.slice(0, most);
}

/** who is the name to show large, or the number but for its last four digits. */
export function who(o: Offer): string {
  if (o.work !== undefined) return o.work.from_name ?? o.work.from;
  const name = o.callback?.name ?? o.record?.name ?? o.from_name ?? '';
  return name === '' ? mask(o.from) : name;
}
