// Looking a contact up in the lists.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';
import type { ContactMatch } from '../wire/wire';
import { api, say } from './link';

const MOST = 20;

export const found = signal<ContactMatch[] | null>(null); // null: nothing was looked for
export const trouble = signal('');

export async function findContacts(words: string): Promise<void> {
  trouble.value = '';
  found.value = null;
  try {
    found.value = (await api.getContacts({ text: words, limit: MOST })).items;
  } catch (err) {
    trouble.value = say(Problem.of(err));
  }
}
