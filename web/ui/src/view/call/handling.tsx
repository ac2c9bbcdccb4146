// Who is on the call and what can be done about it. Every button comes from the server's control matrix.

import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { complete, drop, endConsult, exit, merge, reach, search, swap, targets, type Reach } from '../../intent/handling';
import { mask } from '../../model/format';
import { online, state } from '../../model/store';
import { text } from '../../text/en';
import type { Control, Participant, TargetKind } from '../../wire/wire';
import { cls, primary } from '../parts/parts';
import css from './handling.module.css';

export function Handling() {
  const choosing = useSignal<Reach | null>(null);
  const h = state.value.handling;
  const c = h?.controls[state.value.me];
  if (h === null || c === undefined) return null;
  const t = text.handling;
  const button = (id: string, label: string, control: Control, act: () => unknown) =>
    control.visible && (
      <button key={id} data-testid={id} disabled={!control.enabled || !online.value} onClick={() => void act()}>{label}</button>
    );
  const choose = (how: Reach) => () => (choosing.value = choosing.value === how ? null : how);
  const pending = h.consult !== undefined;
  const dropper = (p: Participant) => p.role === 'conference' && p.leg_id !== undefined && button('drop', t.drop(who(p)), c.drop, () => drop(p.leg_id ?? ''));
  return (
    <section class={css['handling']} aria-label={t.title} data-testid="handling" data-state={h.state}>
      <p role="status" class={css['state']} data-testid="handling-state">{t.states[h.state] ?? h.state}</p>
      {pending ? (
        <div class={css['panes']}>
          <People title={t.mainPane} testid="pane-main" here={h.consult?.active === 'main'} list={h.participants.filter((p) => p.role !== 'consulted')} drop={dropper} />
          <People title={t.consultPane} testid="pane-consult" here={h.consult?.active === 'consult'} list={h.participants.filter((p) => p.role === 'consulted')} drop={dropper} />
        </div>
      ) : <People list={h.participants} drop={dropper} />}
      <div class={css['buttons']} role="group" aria-label={t.title}>
        {button('consult', t.consult, c.consult, choose('consult'))}
        {button('add', t.add, c.add, choose('conference'))}
        {!pending && button('transfer', t.transfer, c.transfer, choose('transfer'))}
        {pending && button('complete', t.complete, c.transfer, complete)}
        {button('merge', t.merge, c.conference, merge)}
        {button('swap', h.consult?.active === 'main' ? t.toConsult : t.toCustomer, c.swap, swap)}
        {button('end-consult', t.endConsult, c.end_consult, endConsult)}
        {button('exit', t.exit, c.exit, exit)}
      </div>
      {choosing.value !== null && <Choose how={choosing.value} done={() => (choosing.value = null)} />}
    </section>
  );
}

interface Pane {
  title?: string;
  testid?: string;
  here?: boolean; // whom the agent talks to
  list: Participant[];
  drop: (p: Participant) => ComponentChildren;
}

/** People are those on a call; during a consult they stand in two panes, the customer's and the consulted party's. */
function People({ title, testid, here = false, list, drop }: Pane) {
  const t = text.handling;
  return (
    <div class={cls(title !== undefined && css['pane'], here && css['here'])} data-testid={testid} data-here={here}>
      {title !== undefined && <h3>{title}{here ? `: ${t.here}` : ''}</h3>}
      <ul class={css['people']}>
        {list.map((p) => (
          <li key={p.leg_id ?? p.agent ?? p.number} data-testid={`party-${p.role}`}>
            <span>{who(p)}</span>
            <span class={css['soft']}>{t.roles[p.role]}{p.held ? `, ${t.held}` : ''}{p.leg_id === undefined ? `, ${t.noVoice}` : ''}</span>
            {drop(p)}
          </li>
        ))}
      </ul>
    </div>
  );
}

function who(p: Participant): string {
  return p.name ?? p.agent ?? mask(p.number ?? '');
}

const kinds: TargetKind[] = ['agent', 'queue', 'number', 'entry_point'];

function Choose({ how, done }: { how: Reach; done: () => void }) {
  const kind = useSignal<TargetKind>('agent');
  const target = useSignal('');
  const wait = useSignal(true);
  useEffect(() => void search(''), []);
  const t = text.handling;
  const submit = (e: Event) => {
    e.preventDefault();
    void reach(how, kind.value, target.value.trim(), wait.value);
    done();
  };
  return (
    <form class={css['choose']} onSubmit={submit} data-testid="choose">
      <label>{t.kind}
        <select data-testid="target-kind" value={kind.value} onChange={(e) => (kind.value = e.currentTarget.value as TargetKind)}>
          {kinds.map((k) => <option key={k} value={k}>{t.kinds[k]}</option>)}
        </select>
      </label>
      <label>{t.target}
        <input data-testid="target" list="targets" maxLength={36} required autocomplete="off" value={target.value} onInput={(e) => (target.value = e.currentTarget.value)} />
      </label>
      <datalist id="targets">
        {targets.value.filter((x) => x.kind === kind.value).map((x) => <option key={x.id} value={x.id}>{x.label}{x.free ? '' : ` (${t.busy})`}</option>)}
      </datalist>
      {how === 'consult' && <label class={css['check']}><input type="checkbox" checked={wait.value} onChange={(e) => (wait.value = e.currentTarget.checked)} />{t.holdOthers}</label>}
      <button type="button" onClick={() => void search('')}>{t.refresh}</button>
      <button type="submit" class={primary} data-testid="reach" disabled={!online.value}>{t[how]}</button>
      <button type="button" onClick={done}>{t.cancel}</button>
    </form>
  );
}
