// What administrators do about who may come in: tokens taken back, accounts disabled and enabled again.

import { computed, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import * as tokens from '../link/token';
import { faults, none, type Faults } from '../model/faults';
import { allows } from '../model/grants';
import type { Revocation, RevocationRequest } from '../wire/wire';
import { api, say, token } from './link';

const grants = computed(() => tokens.grants(token.value));
export const seesAccess = computed(() => allows(grants.value, 'token:read'));
export const changesAccess = computed(() => allows(grants.value, 'token:revoke'));

export const revocations = signal<Revocation[]>([]);
export const trouble = signal(''); // what went wrong last, in words
export const busy = signal(false);

async function run(f: () => Promise<void>): Promise<void> {
  trouble.value = '';
  busy.value = true;
  try {
    await f();
  } catch (err) {
    trouble.value = say(Problem.of(err));
  } finally {
    busy.value = false;
  }
}

export const look = (): Promise<void> => run(async () => {
  revocations.value = (await api.getRevocations()).items;
});

/** revoke takes a token back or disables an account; the answer is what the server found wrong. */
export async function revoke(r: RevocationRequest): Promise<Faults> {
  try {
    await api.postRevocations(r);
  } catch (err) {
    return faults(Problem.of(err));
  }
  await look();
  return none;
}

/** enable lets a disabled account in again. */
export const enable = (id: string): Promise<void> => run(async () => {
  await api.deleteRevocation(id);
  revocations.value = (await api.getRevocations()).items;
});
