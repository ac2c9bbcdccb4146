// An agent's own calls, newest first.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';
import { state } from '../model/store';
import type { Call } from '../wire/wire';
import { api, say } from './link';

const PAGE = 30;

export const calls = signal<Call[]>([]);
export const next = signal('');
export const trouble = signal('');
export const looking = signal(false);

/** look reads the newest calls, or those after the ones that are shown. */
export async function look(older = false): Promise<void> {
  if (looking.value) return;
  looking.value = true;
  trouble.value = '';
  try {
    const page = await api.getCalls({ agent: state.value.me, limit: PAGE, ...(older ? { cursor: next.value } : {}) });
    calls.value = older ? [...calls.value, ...page.items] : page.items;
    next.value = page.next ?? '';
  } catch (err) {
    trouble.value = say(Problem.of(err));
  } finally {
    looking.value = false;
  }
}
