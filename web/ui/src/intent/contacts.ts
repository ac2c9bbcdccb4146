// Looking a contact up in the lists.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';
import type { ContactMatch, ContactMatches } from '../wire/wire';
import { http, say } from './link';

const MOST = 20;

export const found = signal<ContactMatch[] | null>(null); // null: nothing was looked for
export const trouble = signal('');

export async function findContacts(words: string): Promise<void> {
  trouble.value = '';
  found.value = null;
  try {
    const q = new URLSearchParams({ text: words, limit: String(MOST) });
    found.value = ((await http.json('GET', `/v1/contacts?${q.toString()}`)) as ContactMatches).items;
  } catch (err) {
    trouble.value = say(Problem.of(err));
  }
}
