// The quiet screen between calls.

import { agent, answering, online, shown, state } from '../../model/store';
import { setState } from '../../intent/session';
import { text } from '../../text/en';
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
  else if (a.reason === 'rona') [icon, title, body] = ['bell', t.ronaTitle, t.ronaText];
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
