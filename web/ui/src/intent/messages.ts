// The messages of this tab. They outlive a sign-out, so that its grant can be read, and go with the page.

import { signal } from '@preact/signals';
import { added, message, type Message } from '../model/messages';
import { state } from '../model/store';
import { watch } from './link';

export const messages = signal<readonly Message[]>([]);

let pending = false;

watch((e) => {
  messages.value = added(messages.value, message(e, state.value.me, pending));
  pending = state.value.agent?.signout !== undefined;
});
