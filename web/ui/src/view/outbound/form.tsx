// The form of a callback. Only Save commits; closing leaves everything as it was and keeps what was typed for the next time.

import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { draft } from '../../intent/drafts';
import { callbacksOf, cancelCallback, changeCallback, entryPoints, moveCallback, queueChoices, readSlots, schedule, slots } from '../../intent/outbound';
import { type About, aboutCall, first } from '../../model/callback';
import { none } from '../../model/faults';
import { hidden, wall } from '../../model/format';
import { customerLeg, queueName, state } from '../../model/store';
import { text } from '../../text/en';
import type { Callback, CallbackRequest } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Field, Input } from '../parts/field';
import { Person } from '../parts/person';
import { When } from '../parts/when';
import { here, Zone } from '../parts/zone';
import { cls, danger, primary, quiet } from '../parts/parts';
import css from './outbound.module.css';

/** about is whom a callback would be for without a word: the customer of the call. */
const ofCall = (): About | undefined => {
  const call = customerLeg.value === null ? null : state.value.call;
  return call === null ? undefined : aboutCall(call);
};

/** CallbackForm opens on the schedule; its second tab is the callbacks of the same customer, each to be changed or cancelled. */
export function CallbackForm({ callback, about, close }: { callback: Callback | null; about?: About | undefined; close: () => void }) {
  const t = text.outbound;
  const tab = useSignal<'schedule' | 'all'>('schedule');
  const chosen = useSignal(callback);
  const c = chosen.value;
  const tabs = [['schedule', t.tabNew], ['all', t.tabAll]] as const;
  const walk = (e: KeyboardEvent) => {
    if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
    tab.value = tab.value === 'schedule' ? 'all' : 'schedule';
    document.getElementById(`tab-${tab.value}`)?.focus();
  };
  return (
    <Dialog title={c === null ? t.schedule : t.change} lead={t.saveLead} close={close} testid="callback-form">
      <div class={css['buttons']} role="tablist" aria-label={t.tabs} onKeyDown={walk}>
        {tabs.map(([k, label]) => (
          <button
            key={k} type="button" role="tab" id={`tab-${k}`} aria-selected={tab.value === k} aria-controls={`panel-${k}`} tabIndex={tab.value === k ? 0 : -1}
            class={cls(quiet, tab.value === k && css['free'])} data-testid={`callback-tab-${k}`} onClick={() => (tab.value = k)}
          >{label}</button>
        ))}
      </div>
      <div role="tabpanel" id={`panel-${tab.value}`} aria-labelledby={`tab-${tab.value}`} data-testid={`callback-panel-${tab.value}`}>
        {tab.value === 'schedule'
          ? <Schedule key={c?.id ?? 'new'} callback={c} about={about ?? ofCall()} close={close} />
          : <OfCustomer number={c?.number ?? (about ?? ofCall())?.number ?? ''} edit={(x) => { chosen.value = x; tab.value = 'schedule'; }} />}
      </div>
    </Dialog>
  );
}

/** OfCustomer is the callbacks of a number that are not over. */
function OfCustomer({ number, edit }: { number: string; edit: (c: Callback) => void }) {
  const t = text.outbound;
  const list = useSignal<Callback[]>([]);
  const read = async () => (list.value = await callbacksOf(number));
  useEffect(() => void read(), [number]);
  return (
    <>
      {list.value.length === 0 && <p class={css['soft']} role="status">{t.noneOfCustomer}</p>}
      <ul class={css['fields']}>
        {list.value.map((c) => (
          <li key={c.id} data-testid="customer-callback">
            <strong>{c.name}</strong> {t.states[c.state]} {c.start !== undefined && <When at={c.start} />}
            <div class={css['buttons']}>
              {(c.allowed.includes('change') || c.allowed.includes('reschedule')) && <button type="button" class={quiet} onClick={() => edit(c)} data-testid="customer-callback-edit">{t.change}</button>}
              {c.allowed.includes('cancel') && <button type="button" class={danger} onClick={() => void cancelCallback(c.id).then(read)} data-testid="customer-callback-cancel">{t.cancel}</button>}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

function Schedule({ callback, about, close }: { callback: Callback | null; about: About | undefined; close: () => void }) {
  const t = text.outbound;
  const key = `callback.${callback?.id ?? about?.call ?? about?.key ?? about?.number ?? 'new'}`;
  const kept = useMemo(() => draft<CallbackRequest>(key), [key]);
  const start = useMemo(() => first(callback, about, queueChoices.value, here), [key]);
  // What the server does not show us it finds by what the callback is about, while nothing else is typed.
  const secret = hidden(callback?.number ?? about?.number ?? '') ? (callback?.number ?? about?.number ?? '') : '';
  const faults = useSignal(none);
  const r = kept.value.value ?? start;
  const bad = faults.value.fields;
  useEffect(() => void readSlots(r.queue, r.date, r.zone), [r.queue, r.date, r.zone]);
  const me = state.value.me;
  const set = (change: Partial<CallbackRequest>) => kept.type({ ...r, ...change });
  // The one it has stays to be chosen also while it is not active.
  const points = entryPoints.value.some((p) => p.number === r.entry_point) || (r.entry_point ?? '') === '' ? entryPoints.value : [...entryPoints.value, { number: r.entry_point ?? '', name: r.entry_point ?? '' }];
  const save = async (e: Event) => {
    e.preventDefault();
    faults.value = callback === null ? await schedule(r) : callback.allowed.includes('change') ? await changeCallback(callback.id, r) : await moveCallback(callback.id, r);
    if (faults.value !== none) return;
    kept.forget();
    close();
  };
  return (
    <form class={css['form']} onSubmit={(e) => void save(e)} noValidate>
      <Input
        label={secret === '' ? t.number : t.numberOr(secret)} name="number" type="tel" required={secret === ''} maxLength={30} placeholder={secret} value={r.number}
        set={(number) => set({ number })} fault={bad['number']} testid="callback-number"
      />
      <Input label={t.name} name="name" type="text" required maxLength={300} value={r.name} set={(name) => set({ name })} fault={bad['name']} testid="callback-name" />
      <Field label={t.queue} name="queue" fault={bad['queue']}>
        <select required value={r.queue} onChange={(e) => set({ queue: e.currentTarget.value })} data-testid="callback-queue">
          {queueChoices.value.map((q) => <option key={q} value={q}>{queueName(q)}</option>)}
        </select>
      </Field>
      <Zone label={t.zone} required value={r.zone} set={(zone) => set({ zone })} fault={bad['zone']} testid="callback-zone" />
      <Input label={t.date} name="date" type="date" required value={r.date} set={(date) => set({ date })} fault={bad['date']} testid="callback-date" />
      <Input label={t.from} name="from" type="time" required value={r.from} set={(from) => set({ from })} fault={bad['from']} testid="callback-from" />
      <Input label={t.till} name="till" type="time" required value={r.till} set={(till) => set({ till })} fault={bad['till']} testid="callback-till" />
      {slots.value.length > 0 && (
        <fieldset class={css['slots']}>
          <legend>{t.slots}</legend>
          {slots.value.map((s) => {
            const from = wall(s.start, r.zone).time;
            const till = wall(s.end, r.zone).time;
            return (
              <button
                key={s.start} type="button" class={cls(css['slot'], s.available && css['free'])} disabled={!s.available} aria-pressed={r.from === from}
                onClick={() => set({ from, till })} data-testid="slot"
              >{from}–{till}{s.available ? '' : ` (${t.why[s.why ?? ''] ?? s.why ?? ''})`}</button>
            );
          })}
        </fieldset>
      )}
      {(points.length > 1 || bad['entry_point'] !== undefined) && (
        <Field label={t.entryPoint} name="entry_point" fault={bad['entry_point']}>
          <select value={r.entry_point ?? ''} onChange={(e) => set({ entry_point: e.currentTarget.value })} data-testid="callback-entry">
            <option value="">{t.firstEntry}</option>
            {points.map((p) => <option key={p.number} value={p.number}>{p.name}</option>)}
          </select>
        </Field>
      )}
      <Field label={t.reason} name="reason" fault={bad['reason']}>
        <textarea rows={2} maxLength={300} value={r.reason} onInput={(e) => set({ reason: e.currentTarget.value })} data-testid="callback-reason" />
      </Field>
      {me !== '' && (
        <label class={css['check']}>
          <input type="checkbox" checked={r.assignee === me} onChange={(e) => set({ assignee: e.currentTarget.checked ? me : '' })} data-testid="callback-personal" />{t.personal}
        </label>
      )}
      {r.assignee !== me && <Person label={t.assignee} name="assignee" value={r.assignee ?? ''} set={(assignee) => set({ assignee })} fault={bad['assignee']} testid="callback-assignee" />}
      {r.assignee !== '' && (
        <Input
          label={t.fallback} name="fallback_seconds" type="number" min={0} value={String(Math.round((r.fallback_seconds ?? 0) / 60))}
          set={(v) => set({ fallback_seconds: Math.round(Number(v) * 60) })} fault={bad['fallback_seconds']} testid="callback-fallback"
        />
      )}
      {r.assignee === '' && <Person label={t.preferred} name="preferred" value={r.preferred ?? ''} set={(preferred) => set({ preferred })} fault={bad['preferred']} testid="callback-preferred" />}
      <p role="alert" class={css['trouble']} data-testid="callback-trouble">{faults.value.detail}{r.assignee === me && bad['assignee'] !== undefined ? ` ${bad['assignee']}` : ''}</p>
      <div class={css['buttons']}>
        <button class={primary} type="submit" data-testid="callback-save">{t.save}</button>
        <button type="button" onClick={close} data-testid="callback-close">{t.close}</button>
      </div>
    </form>
  );
}
