// The signals the views read. They hold State and what only this page knows; intents write them.

import { computed, signal } from '@preact/signals';
import type { LinkState } from '../link/socket';
import { ServerClock } from './clock';
import { controlsOf } from './controls';
import { customer, nothing, ownLeg, screen, type State } from './state';

export const state = signal<State>(nothing);
export const link = signal<LinkState>('closed');
export const linkLostAt = signal<number | null>(null); // server time
export const signedIn = signal(false);
export const admin = signal(false); // the page is an administrator's
export type Page = 'desk' | 'history' | 'wall' | 'callbacks' | 'access' | 'campaigns' | 'reports' | 'records' | 'recordings' | 'audit' | 'webhooks' | 'config';
/** The page that is shown while there is no call; of those the token may see. */
export const page = signal<Page>('desk');
export const signingIn = signal(false);
/** What went wrong last, in words; shown until dismissed or replaced. */
export const notice = signal<{ kind: 'error' | 'info'; text: string } | null>(null);

/** The house rules, from the server where it says them. */
export const rules = signal<{ pauseSeconds: number; notReady: string[]; wrapup: string[] }>({
  pauseSeconds: 0, // 0: the server's default
  notReady: [],
  wrapup: [],
});

export const clock = new ServerClock();
/** Server time at the next tick (intent/link). */
export const now = signal(clock.now());

/** The state asked for during a call or its wrap-up; the server takes it up afterwards. */
export const wanted = signal<'ready' | 'not_ready' | null>(null);
/** The message about a pending sign-out is open; the time left shows at the state as well. */
export const leavingOpen = signal(false);
/** The offer whose acceptance is under way, so that its buttons are pressed once. */
export const answering = signal<string | null>(null);
/** Mute as the agent wants it; the server follows. */
export const muted = signal(false);

export const agent = computed(() => state.value.agent);
export const shown = computed(() => screen(state.value));
export const customerLeg = computed(() => customer(state.value.call));
export const myLeg = computed(() => ownLeg(state.value.call, state.value.me));
export const held = computed(() => customerLeg.value?.hold.local ?? false);
/** What I may do with the call now, by the server's matrix. */
export const controls = computed(() => controlsOf(state.value.handling, state.value.me));
export const online = computed(() => link.value === 'open');

/** queueName is a queue's name by id, the id itself where unknown. */
export function queueName(id: string | undefined): string {
  if (id === undefined) return '';
  return state.value.queues.find((q) => q.id === id)?.name ?? id;
}
