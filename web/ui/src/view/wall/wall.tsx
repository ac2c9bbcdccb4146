// The supervisor's wall: calls and agents with their times, and what can be done about them. Plain tables of
// buttons, so that everything is reached by keyboard.

import { clock as write, elapsed } from '../../model/format';
import { now, online, queueName, state } from '../../model/store';
import { acting, allowed, endCall, forceSignOut, forceState, forceWrapup, leave, supervise, takeOver, wall, watching } from '../../intent/supervise';
import { reason, text } from '../../text/en';
import type { Agent, WallCall } from '../../wire/wire';
import { Icon } from '../parts/icon';
import { card, cls, danger } from '../parts/parts';
import css from './wall.module.css';

export function Wall() {
  const w = wall.value;
  if (!allowed.value || w === null) return null;
  const t = text.wall;
  return (
    <section class={cls(card, css['wall'])} aria-labelledby="wall" data-testid="wall">
      <h2 id="wall"><Icon name="people" />{t.title}</h2>
      <p role="status" class={css['soft']} data-testid="watching" data-mode={watching.value?.mode ?? 'none'}>
        {watching.value === null ? t.notWatching : t.modes[watching.value.mode]}
      </p>
      <h3>{t.calls(w.calls.length)}</h3>
      {w.calls.length === 0 ? <p class={css['soft']}>{t.noCalls}</p> : (
        <ul>{w.calls.map((c) => <CallRow key={c.call_id} c={c} agents={w.agents} />)}</ul>
      )}
      <h3>{t.agents(w.agents.length)}</h3>
      <ul>{w.agents.map((a) => <AgentRow key={a.id} a={a} />)}</ul>
    </section>
  );
}

function CallRow({ c, agents }: { c: WallCall; agents: Agent[] }) {
  const t = text.wall;
  const who = agents.find((a) => a.id === c.agent)?.name ?? '';
  const off = acting.value || !online.value;
  const mine = watching.value?.call_id === c.call_id ? watching.value.mode : null;
  const own = c.agent === state.value.me;
  const since = c.since ?? c.entered;
  return (
    <li data-testid="wall-call" data-state={c.state}>
      <div class={css['row']}>
        <strong>{c.name ?? c.number}</strong>
        <span>{t.states[c.state] ?? c.state}{who !== '' && `: ${who}`}</span>
        <span class={css['soft']}>{queueName(c.queue)}{since !== undefined && ` · ${write(elapsed(since, now.value))}`}</span>
      </div>
      <div class={css['acts']} role="group" aria-label={t.actsOn(c.name ?? c.number)}>
        {(['monitor', 'coach', 'barge'] as const).map((m) => (
          <button key={m} data-testid={`wall-${m}`} aria-pressed={mine === m} disabled={off || own} onClick={() => void supervise(c.call_id, m)}>{t.acts[m]}</button>
        ))}
        {mine !== null && <button data-testid="wall-leave" disabled={off} onClick={() => void leave()}>{t.acts.leave}</button>}
        <button data-testid="wall-takeover" disabled={off || own} onClick={() => void takeOver(c.call_id)}>{t.acts.takeOver}</button>
        <button data-testid="wall-end" class={danger} disabled={off} onClick={() => void endCall(c.call_id)}>{t.acts.end}</button>
      </div>
    </li>
  );
}

function AgentRow({ a }: { a: Agent }) {
  const t = text.wall;
  const off = acting.value || !online.value || a.state === 'offline' || a.id === state.value.me;
  return (
    <li data-testid="wall-agent" data-agent={a.id} data-state={a.state}>
      <div class={css['row']}>
        <strong>{a.name}</strong>
        <span>{text.states[a.state]}{a.reason !== undefined && a.reason !== '' && `: ${reason(a.reason)}`}</span>
        <span class={css['soft']}>{write(elapsed(a.since, now.value))}</span>
      </div>
      <div class={css['acts']} role="group" aria-label={t.actsOn(a.name)}>
        <button data-testid="force-ready" disabled={off || a.state === 'ready'} onClick={() => void forceState(a.id, 'ready')}>{t.acts.ready}</button>
        <button data-testid="force-not-ready" disabled={off || a.state === 'not_ready'} onClick={() => void forceState(a.id, 'not_ready')}>{t.acts.notReady}</button>
        <button data-testid="force-wrapup" disabled={off || (a.state !== 'busy' && a.state !== 'wrapup')} onClick={() => void forceWrapup(a.id)}>
          {a.state === 'wrapup' ? t.acts.endWrapup : t.acts.wrapup}
        </button>
        <button data-testid="force-signout" disabled={off} onClick={() => void forceSignOut(a.id)}>{t.acts.signOut}</button>
      </div>
    </li>
  );
}
