// The ring. The countdown is the server's deadline; focus is not stolen, the keys work from everywhere.

import { elapsed, clock as write, mask, seconds } from '../../model/format';
import { answering, now, online, queueName, state } from '../../model/store';
import { accept, decline } from '../../intent/call';
import { text } from '../../text/en';
import { Icon } from '../parts/icon';
import { card, cls, good, Key } from '../parts/parts';
import css from './ring.module.css';

export function Ring() {
  const offer = state.value.offer;
  if (offer === null) return null;
  const left = seconds(offer.deadline, now.value);
  const whole = Math.max(1, (Date.parse(offer.deadline) - Date.parse(offer.created)) / 1000);
  const share = Math.min(1, left / whole);
  const busy = answering.value !== null;
  return (
    <section class={cls(card, css['ring'])} data-testid="ring" aria-label={text.ring.title}>
      <div class={css['bell']}><Icon name="bell" size={34} /></div>
      <h1>{text.ring.title}</h1>
      <p class={css['who']} data-testid="ring-from">{offer.from_name ?? mask(offer.from)}</p>
      {offer.from_name !== undefined && <p class={css['number']}>{mask(offer.from)}</p>}
      <dl class={css['facts']}>
        <div><dt>{text.ring.queue}</dt><dd>{queueName(offer.queue)}</dd></div>
        <div><dt>{text.ring.waited}</dt><dd>{write(elapsed(offer.queued, now.value))}</dd></div>
      </dl>
      {offer.attempt > 1 && <p class={css['number']}>{text.ring.attempt(offer.attempt)}</p>}
      <div class={css['buttons']}>
        <button class={cls(good, css['big'])} data-testid="accept" onClick={() => void accept()} disabled={busy || !online.value} aria-keyshortcuts="a">
          <Icon name="phone" />{busy ? text.ring.accepting : text.ring.accept} <Key>A</Key>
        </button>
        <button class={css['big']} data-testid="decline" onClick={() => void decline()} disabled={busy || !online.value} aria-keyshortcuts="d">
          <Icon name="phoneOff" />{text.ring.decline} <Key>D</Key>
        </button>
      </div>
      <div class={css['left']}>
        <div class={css['track']}><div class={css['bar']} style={{ width: `${share * 100}%` }} /></div>
        <span data-testid="ring-left">{text.ring.left(left)}</span>
      </div>
    </section>
  );
}
