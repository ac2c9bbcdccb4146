// What changed, for ears: one polite live region that says each ring, hold, mute and pause once.

import { useEffect } from 'preact/hooks';
import { effect, signal, untracked } from '@preact/signals';
import { seconds } from '../model/format';
import { who } from '../model/offer';
import { clock, customerLeg, muted, queueName, state } from '../model/store';
import { text } from '../text/en';

const said = signal('');

/** follow speaks whenever a value changes, not for the value it starts with. */
function follow<T>(read: () => T, say: (now: T) => string): () => void {
  let first = true;
  let last: T;
  return effect(() => {
    const v = read();
    if (!first && v !== last) untracked(() => (said.value = say(v)));
    first = false;
    last = v;
  });
}

export function Announce() {
  useEffect(() => {
    const stops = [
      follow(() => state.value.offer?.id, (id) => {
        const o = state.value.offer;
        return id === undefined || o === null ? text.ring.gone : text.ring.spoken(who(o), queueName(o.queue));
      }),
      follow(() => (state.value.call === null ? null : (customerLeg.value?.hold.local ?? false)), (on) =>
        on === null ? '' : on ? text.call.heldSpoken : text.call.resumedSpoken),
      follow(() => muted.value, (on) => (state.value.call === null ? '' : on ? text.call.mutedSpoken : text.call.unmutedSpoken)),
      follow(() => state.value.call?.capture?.id, (id) => (id === undefined ? '' : text.rec.captureSpoken)),
      follow(() => state.value.recording?.state, (s) => (s === 'paused' ? text.rec.pausedSpoken : s === 'recording' ? text.rec.resumedSpoken : '')),
      follow(() => state.value.wrapup?.id, (id) => (id === undefined ? '' : text.wrapup.spoken(seconds(state.value.wrapup?.deadline, clock.now())))),
      follow(() => state.value.agent?.state, (s) => (s === undefined ? '' : text.states[s])),
    ];
    return () => stops.forEach((stop) => stop());
  }, []);
  return <div class="unseen" aria-live="polite" data-testid="spoken">{said.value}</div>;
}
