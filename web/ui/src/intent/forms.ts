// The customer's record that the server opens with a call of a campaign stage. It is found again after a reload.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';
import { faults, none, type Faults } from '../model/faults';
import { hidden } from '../model/format';
import { state } from '../model/store';
import type { ContactMatch, RecordForm } from '../wire/wire';
import { drafts } from './drafts';
import { api, fail, watch } from './link';

const key = (call: string): string => `form.${call}`;

/** Counts up when a form was opened. */
const opened = signal(0);

watch((e) => {
  if (e.type !== 'record.opened' || e.data.agent !== state.value.me) return;
  drafts.set(key(e.data.call_id), e.data);
  opened.value++;
});

/** formOf is the form of a call, null for one of no stage. */
export function formOf(call: string): RecordForm | null {
  return opened.value < 0 ? null : (drafts.get(key(call)) as RecordForm | null);
}

/** What was found of a customer who has called back. */
export const customer = signal<ContactMatch | null>(null);

/** findCustomer looks for the record of a number that is shown. */
export async function findCustomer(f: RecordForm): Promise<void> {
  customer.value = null;
  if (f.new || hidden(f.number)) return;
  try {
    customer.value = (await api.getContacts({ text: f.number.replace(/\D/g, ''), limit: 1 })).items[0] ?? null;
  } catch (err) {
    fail(err);
  }
}

/** keepCustomer makes a contact of the customer of a call; the answer is what the server found wrong. */
export async function keepCustomer(f: RecordForm, name: string, note: string): Promise<Faults> {
  try {
    await api.postCallContact(f.call_id, { stage: f.stage, name, ...(note === '' ? {} : { note }) });
  } catch (err) {
    return faults(Problem.of(err));
  }
  return none;
}
