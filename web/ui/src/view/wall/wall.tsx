// The supervisor's wall: alerts, queues, calls and agents with their times, and what can be done about them. Plain
// lists of buttons, so that everything is reached by keyboard; what cannot be taken back is asked for twice.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { callBack, convertsWaiting, prefer, prefersWaiting, acting, alerts, endCall, forceSignOut, forceState, forceWrapup, leave, look, may, supervise, takeOver, takes, wall, watching } from '../../intent/supervise';
import { clock as write, elapsed, mask } from '../../model/format';
import { admin, now, online, state } from '../../model/store';
import { reason, text } from '../../text/en';
import type { Agent, Queue, WallCall } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Field } from '../parts/field';
import { Icon } from '../parts/icon';
import { card, cls, danger, primary } from '../parts/parts';
import css from './wall.module.css';

/** Question is an act that is asked for twice. */
interface Question {
  title: string;
  lead: string;
  yes: string;
  act: () => unknown;
}

const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

/** off says whether acts cannot be sent just now; the office has no event link, and needs none for them. */
const off = (): boolean => acting.value || !(online.value || admin.value);

export function WallPage() {
  const asked = useSignal<Question | null>(null);
  useEffect(() => void look(), []);
  const w = wall.value;
  const t = text.wall;
  const s = text.supervise;
  const ask = (q: Question) => (asked.value = q);
  return (
    <section class={cls(card, css['wall'])} aria-labelledby="wall" data-testid="wall">
      <h1 id="wall"><Icon name="people" />{t.title}</h1>
      <p role="status" class={css['soft']} data-testid="watching" data-mode={watching.value?.mode ?? 'none'}>
        {watching.value === null ? t.notWatching : t.modes[watching.value.mode]}
      </p>
      {alerts.value.length > 0 && (
        <div class={css['alerts']} role="log" aria-label={s.alerts} data-testid="wall-alerts">
          <h2>{s.alerts}</h2>
          <ul>{alerts.value.map((a) => <li key={a.key}><Icon name="bell" size={16} /> {time.format(new Date(a.time))} {a.alarm.detail}{a.alarm.queue === undefined ? '' : ` (${nameOf(w?.queues ?? [], a.alarm.queue)})`}</li>)}</ul>
        </div>
      )}
      {w !== null && (
        <>
          <h2>{s.queues(w.queues.length)}</h2>
          <ul class={css['queues']}>
            {w.queues.map((q) => (
              <li key={q.id} data-testid="wall-queue">
                <strong>{q.name}</strong> <span class={cls(q.waiting > 0 && css['some'])}>{s.waiting(q.waiting)}</span>
                <span class={css['soft']}>{q.oldest_since === undefined ? '' : `${text.queues.oldest(write(elapsed(q.oldest_since, now.value)))} · `}{text.queues.ready(q.ready)}</span>
              </li>
            ))}
          </ul>
          <h2>{t.calls(w.calls.length)}</h2>
          {w.calls.length === 0 ? <p class={css['soft']}>{t.noCalls}</p> : (
            <ul>{w.calls.map((c) => <CallRow key={c.call_id} c={c} agents={w.agents} queues={w.queues} ask={ask} />)}</ul>
          )}
          <h2>{t.agents(w.agents.length)}</h2>
          <ul>{w.agents.map((a) => <AgentRow key={a.id} a={a} ask={ask} />)}</ul>
        </>
      )}
      {asked.value !== null && <Confirm q={asked.value} close={() => (asked.value = null)} />}
    </section>
  );
}

function nameOf(queues: Queue[], id: string | undefined): string {
  return queues.find((q) => q.id === id)?.name ?? id ?? '';
}

function Confirm({ q, close }: { q: Question; close: () => void }) {
  return (
    <Dialog title={q.title} lead={q.lead} close={close} testid="wall-confirm">
      <div class={css['acts']}>
        <button class={danger} onClick={() => { close(); void q.act(); }} data-testid="wall-yes">{q.yes}</button>
        <button onClick={close} data-testid="wall-no">{text.supervise.confirm.no}</button>
      </div>
    </Dialog>
  );
}

/** The states of a call in which there is an agent to listen to. */
const spoken = new Set(['connected', 'held', 'consult_requested', 'consulting', 'conference', 'post_call', 'away']);

function CallRow({ c, agents, queues, ask }: { c: WallCall; agents: Agent[]; queues: Queue[]; ask: (q: Question) => void }) {
  const t = text.wall;
  const q = text.supervise.confirm;
  const who = agents.find((a) => a.id === c.agent)?.name ?? '';
  const mine = watching.value?.call_id === c.call_id ? watching.value.mode : null;
  const own = c.agent === state.value.me && state.value.me !== '';
  const since = c.since ?? c.entered;
  const name = c.name ?? mask(c.number);
  const heard = spoken.has(c.state) && !own;
  const preferring = useSignal(false);
  return (
    <li data-testid="wall-call" data-state={c.state} data-call={c.call_id}>
      <div class={css['row']}>
        <strong>{name}</strong>
        <span>{t.states[c.state] ?? c.state}{who !== '' && `: ${who}`}</span>
        <span class={css['soft']}>{nameOf(queues, c.queue)}{since !== undefined && ` · ${write(elapsed(since, now.value))}`}</span>
      </div>
      <div class={css['acts']} role="group" aria-label={t.actsOn(name)}>
        {heard && (['monitor', 'coach', 'barge'] as const).filter(may).map((m) => (
          <button key={m} data-testid={`wall-${m}`} aria-pressed={mine === m} disabled={off()} onClick={() => void supervise(c.call_id, m)}>{t.acts[m]}</button>
        ))}
        {mine !== null && <button data-testid="wall-leave" disabled={off()} onClick={() => void leave()}>{t.acts.leave}</button>}
        {takes.value && heard && (
          <button data-testid="wall-takeover" disabled={off()} onClick={() => ask({ title: q.takeOver(name), lead: q.takeOverLead, yes: t.acts.takeOver, act: () => takeOver(c.call_id) })}>{t.acts.takeOver}</button>
        )}
        {c.state === 'queued' && convertsWaiting.value && (['courtesy', 'voice'] as const).map((k) => (
          <button key={k} data-testid={`wall-callback-${k}`} disabled={off()} onClick={() => ask({ title: q.callBack(name), lead: q.callBackLead[k], yes: t.acts[k], act: () => callBack(c.call_id, k) })}>{t.acts[k]}</button>
        ))}
        {c.state === 'queued' && prefersWaiting.value && <button data-testid="wall-prefer" disabled={off()} onClick={() => (preferring.value = true)}>{t.prefer}</button>}
        {may('end') && (
          <button data-testid="wall-end" class={danger} disabled={off()} onClick={() => ask({ title: q.end(name), lead: q.endLead, yes: t.acts.end, act: () => endCall(c.call_id) })}>{t.acts.end}</button>
        )}
      </div>
      {preferring.value && <Prefer c={c} name={name} agents={agents} close={() => (preferring.value = false)} />}
    </li>
  );
}

/** Prefer asks which agent a waiting call waits for first. */
function Prefer({ c, name, agents, close }: { c: WallCall; name: string; agents: Agent[]; close: () => void }) {
  const t = text.supervise.prefer;
  const who = useSignal('');
  const save = (e: Event) => {
    e.preventDefault();
    close();
    void prefer(c.call_id, who.value);
  };
  return (
    <Dialog title={t.title(name)} lead={t.lead} close={close} testid="wall-prefer-form">
      <form onSubmit={save}>
        <Field label={t.agent} name="agent">
          <select required value={who.value} onChange={(e) => (who.value = e.currentTarget.value)} data-testid="wall-prefer-agent">
            <option value="" />
            {agents.filter((a) => c.queue === undefined || a.queues.includes(c.queue)).map((a) => <option key={a.id} value={a.id}>{a.name} ({text.states[a.state]})</option>)}
          </select>
        </Field>
        <div class={css['acts']}>
          <button class={primary} type="submit" disabled={who.value === ''} data-testid="wall-prefer-save">{t.yes}</button>
          <button type="button" onClick={close}>{text.supervise.confirm.no}</button>
        </div>
      </form>
    </Dialog>
  );
}

function AgentRow({ a, ask }: { a: Agent; ask: (q: Question) => void }) {
  const t = text.wall;
  const q = text.supervise.confirm;
  const acts = a.state !== 'offline' && a.id !== state.value.me;
  const wraps = a.wrapup_id !== undefined;
  const talks = a.state === 'busy' || (a.state === 'signout_pending' && a.call_id !== undefined && a.offer_id === undefined);
  return (
    <li data-testid="wall-agent" data-agent={a.id} data-state={a.state}>
      <div class={css['row']}>
        <strong>{a.name}</strong>
        <span>{text.states[a.state]}{a.reason !== undefined && a.reason !== '' && `: ${reason(a.reason)}`}</span>
        <span class={css['soft']}>{write(elapsed(a.since, now.value))}</span>
      </div>
      {acts && (
        <div class={css['acts']} role="group" aria-label={t.actsOn(a.name)}>
          {may('state') && a.state !== 'ready' && <button data-testid="force-ready" disabled={off()} onClick={() => void forceState(a.id, 'ready')}>{t.acts.ready}</button>}
          {may('state') && a.state !== 'not_ready' && <button data-testid="force-not-ready" disabled={off()} onClick={() => void forceState(a.id, 'not_ready')}>{t.acts.notReady}</button>}
          {may('wrapup') && (talks || wraps) && <button data-testid="force-wrapup" disabled={off()} onClick={() => void forceWrapup(a.id)}>{wraps ? t.acts.endWrapup : t.acts.wrapup}</button>}
          {may('signout') && a.signout === undefined && (
            <button data-testid="force-signout" disabled={off()} onClick={() => ask({ title: q.signOut(a.name), lead: q.signOutLead, yes: t.acts.signOut, act: () => forceSignOut(a.id) })}>{t.acts.signOut}</button>
          )}
        </div>
      )}
    </li>
  );
}

/** WatchBar stands on every page while a supervisor is in somebody's call, so that leaving is never far. */
export function WatchBar() {
  const s = watching.value;
  if (s === null) return null;
  return (
    <aside class={css['bar']} aria-label={text.wall.title} data-testid="watch-bar" data-mode={s.mode}>
      <Icon name="people" size={18} />
      <span>{text.wall.modes[s.mode]}</span>
      <button disabled={off()} onClick={() => void leave()} data-testid="watch-leave">{text.wall.acts.leave}</button>
    </aside>
  );
}
