// Looking colleagues up, to give work to one of them.

import { signal } from '@preact/signals';
import type { Target } from '../wire/wire';
import { api } from './link';

const MOST = 50;

/** The agents found last. */
export const people = signal<Target[]>([]);

let turn = 0; // answers of an older question are dropped

export async function findPeople(words: string): Promise<void> {
  const at = ++turn;
  try {
    const found = await api.getTargets({ limit: MOST, text: words });
    if (at === turn) people.value = found.items.filter((t) => t.kind === 'agent');
  } catch {
    // a suggestion that does not come; the name can be typed
  }
}
