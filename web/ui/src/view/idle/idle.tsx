// The quiet screen between calls.

import { mask } from '../../model/format';
import { who } from '../../model/offer';
import { agent, answering, online, queueName, rules, shown, state } from '../../model/store';
import { setState } from '../../intent/session';
import { text } from '../../text/en';
import type { Agent } from '../../wire/wire';
import { Icon, type IconName } from '../parts/icon';
import { card, cls, Key, primary } from '../parts/parts';
import css from './idle.module.css';

export function Idle() {
  const a = agent.value;
  if (a === null || shown.value !== 'idle') return null;
  const t = text.idle;
  const joining = answering.value !== null || (a.state === 'busy' && state.value.call === null);
  let [icon, title, body]: [IconName, string, string] = ['moon', t.notReadyTitle, t.notReadyText];
  if (joining) [icon, title, body] = ['phone', t.joiningTitle, t.joiningText];
  else if (a.state === 'ready') [icon, title, body] = ['check', t.readyTitle, t.readyText];
  else if (a.state === 'offline') [icon, title, body] = ['out', t.offlineTitle, t.offlineText];
  else if (a.state === 'reserved') [icon, title, body] = ['bell', text.offer.connecting, text.offer.connectingText];
  else if (putAside(a)) return <Aftermath code={a.reason ?? ''} />;
  return (
    <section class={cls(card, css['idle'], a.state === 'ready' && css['ready'])} data-testid="idle">
      <div class={css['mark']}><Icon name={icon} size={32} /></div>
      <h1>{title}</h1>
      <p>{body}</p>
      {a.state === 'not_ready' && (
        <button class={cls(primary, css['go'])} onClick={() => void setState('ready')} disabled={!online.value} aria-keyshortcuts="r">
          <Icon name="check" />{t.goReady} <Key>R</Key>
        </button>
      )}
    </section>
  );
}

/** putAside says whether the server has set the agent not ready for something that happened. */
export function putAside(a: Agent): boolean {
  return a.state === 'not_ready' && a.reason !== undefined && text.aftermath.titles[a.reason] !== undefined;
}

/** stay keeps the agent not ready by their own choice, which puts the message away. */
export const stay = (): Promise<void> => setState('not_ready', rules.value.notReady[0]);

const at = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

/** Aftermath says why the agent was set not ready, and offers ready or to stay so. */
function Aftermath({ code }: { code: string }) {
  const t = text.aftermath;
  const o = code === 'rona' ? state.value.missed : null;
  return (
    <section class={cls(card, css['idle'], css['aside'])} data-testid="aftermath" data-reason={code} role="dialog" aria-labelledby="aftermath" aria-describedby="aftermath-text">
      <div class={css['mark']}><Icon name="bell" size={32} /></div>
      <h1 id="aftermath">{t.titles[code]}</h1>
      <p id="aftermath-text">{t.texts[code]}</p>
      {o !== null && <p data-testid="missed">{t.who(who(o) === '' ? mask(o.from) : who(o), queueName(o.queue), at.format(new Date(o.deadline)))}</p>}
      <div class={css['choice']}>
        <button class={cls(primary, css['go'])} onClick={() => void setState('ready')} disabled={!online.value} aria-keyshortcuts="r" data-testid="aftermath-ready">
          <Icon name="check" />{t.ready} <Key>R</Key>
        </button>
        <button class={css['go']} onClick={() => void stay()} disabled={!online.value} aria-keyshortcuts="n" data-testid="aftermath-stay">
          <Icon name="moon" />{t.stay} <Key>N</Key>
        </button>
      </div>
    </section>
  );
}
