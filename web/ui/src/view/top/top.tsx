// The bar at the top: who I am, my state and for how long, sound check, keys, sign-out.

import { clock as write, elapsed, initials } from '../../model/format';
import { signoutLine } from '../../model/signout';
import { agent, now, online, rules, wanted } from '../../model/store';
import { setState, signOut } from '../../intent/session';
import { reason, text } from '../../text/en';
import { helpOpen, soundOpen } from '../keys';
import { Pages } from '../office/office';
import { Icon, type IconName } from '../parts/icon';
import { cls, Key, quiet } from '../parts/parts';
import type { AgentState } from '../../wire/wire';
import css from './top.module.css';

const icons: Record<AgentState, IconName> = {
  offline: 'out', not_ready: 'moon', ready: 'check', reserved: 'bell', busy: 'phone', wrapup: 'clock', signout_pending: 'out',
};

export function Top() {
  const a = agent.value;
  if (a === null) return null;
  return (
    <header class={css['top']}>
      <span class={css['brand']}><img src="/icon.svg" alt="" />{text.product}</span>
      <StateSwitch />
      <span class={css['gap']} />
      <Pages />
      <button class={quiet} onClick={() => (soundOpen.value = true)} data-testid="devices" aria-haspopup="dialog">
        <Icon name="sound" />{text.top.devices} <Key>S</Key>
      </button>
      <button class={quiet} onClick={() => (helpOpen.value = true)} aria-haspopup="dialog" aria-keyshortcuts="?">
        <Icon name="keys" />{text.top.help} <Key>?</Key>
      </button>
      <span class={css['who']}><span class={css['badge']} aria-hidden="true">{initials(a.name)}</span>{a.name}</span>
      <button class={quiet} onClick={() => void signOut()} data-testid="signout" title={text.top.signOut} aria-label={text.top.signOut}><Icon name="out" /></button>
    </header>
  );
}

function StateSwitch() {
  const a = agent.value;
  if (a === null) return null;
  const open = online.value && a.state !== 'offline';
  const chosen = a.state === 'signout_pending' ? 'signout_pending' : (wanted.value ?? a.state);
  const later = a.state === 'signout_pending' || a.state === 'reserved' || a.state === 'busy' || a.state === 'wrapup';
  const leaving = signoutLine(a.signout, now.value, text.signout);
  const writing = a.state === 'busy' && a.work_id !== undefined;
  const why = a.state === 'not_ready' && a.reason && a.reason !== 'signed_in' ? reason(a.reason) : '';
  return (
    <div class={css['state']} role="group" aria-label={text.top.state}>
      <span class={cls(css['now'], css[a.state])} title={leaving} data-testid="agent-state" data-state={a.state}>
        <Icon name={writing ? 'keys' : icons[a.state]} size={18} />
        <strong>{writing ? text.written.state : text.states[a.state]}</strong>
        {why !== '' && <span>{why}</span>}
        {leaving !== '' && <span data-testid="signout-left" role="status">{leaving}</span>}
        <span class={css['since']}>{write(elapsed(a.since, now.value))}</span>
      </span>
      {later && <span class={css['since']}>{text.top.later}</span>}
      <button
        onClick={() => void setState('ready')} data-testid="state-ready" aria-pressed={chosen === 'ready'} aria-keyshortcuts="r"
        disabled={!open || chosen === 'ready'}
      >{text.top.ready} <Key>R</Key></button>
      <button
        onClick={() => void setState('not_ready', rules.value.notReady[0])} data-testid="state-not-ready" aria-pressed={chosen === 'not_ready'}
        aria-keyshortcuts="n" disabled={!open || chosen === 'not_ready'}
      >{text.top.notReady} <Key>N</Key></button>
      <label class="unseen" for="reason">{text.top.reason}</label>
      <select
        id="reason" data-testid="not-ready-reason" disabled={!open} value=""
        onChange={(e) => {
          const picked = e.currentTarget.value;
          e.currentTarget.value = '';
          if (picked !== '') void setState('not_ready', picked);
        }}
      >
        <option value="">{text.top.because}</option>
        {rules.value.notReady.map((r) => <option key={r} value={r}>{reason(r)}</option>)}
      </select>
    </div>
  );
}
