// The ring: what is offered, its configured lines, and the server's deadline with what happens then. It is a dialog
// that never takes the focus; its keys work from everywhere.

import { accept, decline } from '../../intent/call';
import { elapsed, clock as write, mask, seconds } from '../../model/format';
import { kindOf, lines, who } from '../../model/offer';
import { answering, now, online, queueName, state } from '../../model/store';
import { text } from '../../text/en';
import type { Offer } from '../../wire/wire';
import { Icon, type IconName } from '../parts/icon';
import { card, cls, good, Key } from '../parts/parts';
import css from './ring.module.css';

const icons: Partial<Record<ReturnType<typeof kindOf>, IconName>> = { callback: 'clock', consult: 'people', record: 'people' };

export function Ring() {
  const o = state.value.offer;
  if (o === null || o.auto === true) return null;
  const t = text.offer;
  const kind = kindOf(o);
  const left = seconds(o.deadline, now.value);
  const shown = lines(o);
  const name = who(o);
  const number = o.work === undefined ? mask(o.from) : o.from; // an address is shown whole
  return (
    <section class={cls(card, css['ring'])} role="dialog" aria-labelledby="ring-title" aria-describedby="ring-end" data-testid="ring" data-kind={kind}>
      <div class={css['bell']}><Icon name={icons[kind] ?? 'bell'} size={34} /></div>
      <h1 id="ring-title">{t.titles[kind]} · <span data-testid="ring-status">{t.status}</span></h1>
      <p class={css['who']} data-testid="ring-from">{name}</p>
      {name !== number && <p class={css['number']} data-testid="ring-number">{number}</p>}
      <dl class={css['facts']}>
        {o.queue !== '' && <div><dt>{text.ring.queue}</dt><dd>{queueName(o.queue)}</dd></div>}
        {o.stage !== undefined && o.stage !== '' && <div><dt>{t.campaign}</dt><dd>{o.stage}</dd></div>}
        {o.work === undefined
          ? <div><dt>{t.dialled}</dt><dd data-testid="ring-to">{o.to}</dd></div>
          : <div><dt>{text.written.kinds[o.work.kind]}</dt><dd data-testid="ring-subject">{o.work.subject ?? '–'}</dd></div>}
        <div><dt>{t.wait}</dt><dd data-testid="ring-waited">{write(elapsed(o.queued, now.value))}</dd></div>
      </dl>
      {shown.length > 0 && (
        <dl class={css['lines']} aria-label={t.about} data-testid="ring-lines">
          {shown.map((l) => <div key={l.label}><dt>{l.label}</dt><dd>{l.value === '' ? '–' : l.value}</dd></div>)}
        </dl>
      )}
      {o.attempt > 1 && <p class={css['number']}>{text.ring.attempt(o.attempt)}</p>}
      <RingButtons o={o} />
      <div class={css['left']}>
        <Countdown o={o} />
        <span data-testid="ring-left">{text.ring.left(left)}</span>
        <span id="ring-end">{left === 0 ? t.over : t.atZero}</span>
      </div>
    </section>
  );
}

/** Countdown is a bar of the time that is left. */
export function Countdown({ o }: { o: Offer }) {
  const left = Date.parse(o.deadline) - now.value;
  const whole = Math.max(1, Date.parse(o.deadline) - Date.parse(o.created));
  return <div class={css['track']} aria-hidden="true"><div class={css['bar']} style={{ width: `${Math.max(0, Math.min(1, left / whole)) * 100}%` }} /></div>;
}

/** RingButtons take the offer or turn it down; popover is for the second pair of them on the page. */
export function RingButtons({ o, popover }: { o: Offer; popover?: boolean }) {
  const busy = answering.value !== null;
  const off = busy || !online.value || seconds(o.deadline, now.value) === 0;
  const id = popover === true ? 'popover-' : '';
  const size = popover === true ? '' : css['big'];
  return (
    <div class={css['buttons']}>
      <button class={cls(good, size)} data-testid={`${id}accept`} onClick={() => void accept()} disabled={off} aria-keyshortcuts="a">
        <Icon name="phone" />{busy ? text.ring.accepting : text.ring.accept} <Key>A</Key>
      </button>
      {o.no_decline !== true && (
        <button class={size} data-testid={`${id}decline`} onClick={() => void decline()} disabled={off} aria-keyshortcuts="d">
          <Icon name="phoneOff" />{text.ring.decline} <Key>D</Key>
        </button>
      )}
      {(o.links ?? []).map((l) => <a key={l.label} class={css['link']} href={l.url} target="_blank" rel="noopener noreferrer" data-testid={`${id}ring-link`}>{l.label}</a>)}
    </div>
  );
}
