// The two forms. Only Save commits; closing leaves everything as it was and keeps what was typed for the next time.

import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { draft } from '../../intent/drafts';
import { callbacksOf, campaigns, cancelCallback, changeCallback, entryPoints, moveCallback, moveRecord, readSlots, schedule, slots } from '../../intent/outbound';
import { none } from '../../model/faults';
import { agent, customerLeg, queueName, state } from '../../model/store';
import { text } from '../../text/en';
import type { Callback, CallbackRequest, CampaignRecord, ContactNumber, RecordReschedule } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Field, Input } from '../parts/field';
import { cls, danger, primary, quiet } from '../parts/parts';
import css from './outbound.module.css';

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
const zones = Intl.supportedValuesOf('timeZone');
const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const two = (n: number) => String(n).padStart(2, '0');

/** wall is a moment's date and time as the clocks of a zone show them. */
function wall(iso: string | undefined, zone: string): { date: string; time: string } {
  if (iso === undefined) return { date: '', time: '' };
  const p = new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'short', timeStyle: 'short', hourCycle: 'h23' }).formatToParts(new Date(iso));
  const part = (type: string) => p.find((x) => x.type === type)?.value ?? '';
  return { date: `${part('year')}-${part('month')}-${part('day')}`, time: `${part('hour')}:${part('minute')}` };
}

/** About is a contact a callback is made for. */
export interface About {
  number: string;
  name: string;
  queue: string;
  call?: string;
}

function first(c: Callback | null, about: About | undefined): CallbackRequest {
  const zone = c?.zone === undefined || c.zone === '' ? here : c.zone;
  const start = wall(c?.start, zone);
  const call = customerLeg.value === null ? null : state.value.call;
  const of = about ?? (call === null ? undefined : { number: call.direction === 'inbound' ? call.from : call.to, name: call.from_name ?? '', queue: call.queue ?? '', call: call.id });
  const queues = agent.value?.queues ?? [];
  const queue = c?.queue ?? of?.queue ?? '';
  return {
    number: c?.number ?? of?.number ?? '', name: c?.name ?? of?.name ?? '', queue: queues.includes(queue) ? queue : (queues[0] ?? ''),
    date: start.date, from: start.time, till: wall(c?.end, zone).time, zone, reason: c?.reason ?? '',
    assignee: c?.assignee ?? '', ...(of?.call === undefined ? {} : { call_id: of.call }),
  };
}

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
          ? <Schedule key={c?.id ?? 'new'} callback={c} about={about} close={close} />
          : <OfCustomer number={first(c, about).number} edit={(x) => { chosen.value = x; tab.value = 'schedule'; }} />}
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
            <strong>{c.name}</strong> {t.states[c.state]} {c.start === undefined ? '' : when.format(new Date(c.start))}
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
  const key = `callback.${callback?.id ?? about?.call ?? about?.number ?? state.value.call?.id ?? 'new'}`;
  const kept = useMemo(() => draft<CallbackRequest>(key), [key]);
  const start = useMemo(() => first(callback, about), [key]);
  const faults = useSignal(none);
  const r = kept.value.value ?? start;
  const bad = faults.value.fields;
  useEffect(() => void readSlots(r.queue, r.date, r.zone), [r.queue, r.date, r.zone]);
  const set = (change: Partial<CallbackRequest>) => kept.type({ ...r, ...change });
  const save = async (e: Event) => {
    e.preventDefault();
    faults.value = callback === null ? await schedule(r) : callback.allowed.includes('change') ? await changeCallback(callback.id, r) : await moveCallback(callback.id, r);
    if (faults.value !== none) return;
    kept.forget();
    close();
  };
  return (
    <form class={css['fields']} onSubmit={(e) => void save(e)} noValidate>
      <Input label={t.number} name="number" type="tel" required maxLength={30} value={r.number} set={(number) => set({ number })} fault={bad['number']} testid="callback-number" />
      <Input label={t.name} name="name" type="text" required maxLength={300} value={r.name} set={(name) => set({ name })} fault={bad['name']} testid="callback-name" />
      <Field label={t.queue} name="queue" fault={bad['queue']}>
        <select required value={r.queue} onChange={(e) => set({ queue: e.currentTarget.value })} data-testid="callback-queue">
          {(agent.value?.queues ?? []).map((q) => <option key={q} value={q}>{queueName(q)}</option>)}
        </select>
      </Field>
      <Input label={t.zone} name="zone" type="text" list="zones" required value={r.zone} set={(zone) => set({ zone })} fault={bad['zone']} testid="callback-zone" />
      <datalist id="zones">{zones.map((z) => <option key={z} value={z} />)}</datalist>
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
      {entryPoints.value.length > 1 && (
        <Field label={t.entryPoint} name="entry_point" fault={bad['entry_point']}>
          <select value={r.entry_point ?? ''} onChange={(e) => set({ entry_point: e.currentTarget.value })}>
            <option value="" />
            {entryPoints.value.map((p) => <option key={p.number} value={p.number}>{p.name}</option>)}
          </select>
        </Field>
      )}
      <Field label={t.reason} name="reason" fault={bad['reason']}>
        <textarea rows={2} maxLength={300} value={r.reason} onInput={(e) => set({ reason: e.currentTarget.value })} data-testid="callback-reason" />
      </Field>
      <label class={css['check']}>
        <input type="checkbox" checked={r.assignee === state.value.me} onChange={(e) => set({ assignee: e.currentTarget.checked ? state.value.me : '' })} data-testid="callback-personal" />{t.personal}
      </label>
      <p role="alert" class={css['trouble']} data-testid="callback-trouble">{faults.value.detail}{bad['assignee'] === undefined ? '' : ` ${bad['assignee']}`}</p>
      <div class={css['buttons']}>
        <button class={primary} type="submit" data-testid="callback-save">{t.save}</button>
        <button type="button" onClick={close} data-testid="callback-close">{t.close}</button>
      </div>
    </form>
  );
}

export function RecordForm({ record, close }: { record: CampaignRecord; close: () => void }) {
  const t = text.outbound;
  const zone0 = record.zone === undefined || record.zone === '' ? here : record.zone;
  const policy = campaigns.value.find((c) => c.id === record.campaign)?.setup.personal ?? '';
  const kept = useMemo(() => draft<RecordReschedule>(`record.${record.id}`), [record.id]);
  const start = useMemo((): RecordReschedule => {
    const soon = new Date(Date.now() + 24 * 3600_000);
    return {
      date: `${soon.getFullYear()}-${two(soon.getMonth() + 1)}-${two(soon.getDate())}`, time: '10:00', zone: zone0, personal: policy === 'personal',
      number: record.numbers[record.at]?.number ?? '',
    };
  }, [record.id]);
  const faults = useSignal(none);
  const r = kept.value.value ?? start;
  const set = (change: Partial<RecordReschedule>) => kept.type({ ...r, ...change });
  const add: ContactNumber = r.add ?? { number: '' };
  const bad = faults.value.fields;
  const save = async (e: Event) => {
    e.preventDefault();
    const { add: extra, ...rest } = r;
    faults.value = await moveRecord(record.id, extra === undefined || extra.number === '' ? rest : r);
    if (faults.value !== none) return;
    kept.forget();
    close();
  };
  return (
    <Dialog title={t.reschedule} lead={t.saveLead} close={close} testid="record-form">
      <form class={css['fields']} onSubmit={(e) => void save(e)} noValidate>
        <Input label={t.date} name="date" type="date" required value={r.date} set={(date) => set({ date })} fault={bad['date']} testid="record-date" />
        <Input label={t.time} name="time" type="time" required value={r.time} set={(time) => set({ time })} fault={bad['time']} testid="record-time" />
        <Input label={t.zone} name="zone" type="text" value={r.zone ?? ''} set={(zone) => set({ zone })} fault={bad['zone']} />
        <Field label={t.number} name="number" fault={bad['number']}>
          <select value={r.number} onChange={(e) => set({ number: e.currentTarget.value })} data-testid="record-number">
            {record.numbers.map((n) => <option key={n.number} value={n.number}>{n.number} {n.medium ?? ''}</option>)}
          </select>
        </Field>
        <fieldset class={css['fields']}>
          <legend>{t.newNumber}</legend>
          <Input label={t.number} name="add.number" type="tel" maxLength={20} value={add.number} set={(number) => set({ add: { ...add, number } })} fault={bad['add.number']} testid="record-add" />
          <Input label={t.medium} name="add.medium" type="text" maxLength={40} value={add.medium ?? ''} set={(medium) => set({ add: { ...add, medium } })} fault={bad['add.medium']} />
          <Input label={t.earliest} name="add.from" type="time" value={add.from ?? ''} set={(from) => set({ add: { ...add, from } })} fault={bad['add.from']} />
          <Input label={t.latest} name="add.till" type="time" value={add.till ?? ''} set={(till) => set({ add: { ...add, till } })} fault={bad['add.till']} />
        </fieldset>
        {policy !== 'campaign' && (
          <label class={css['check']}>
            <input type="checkbox" checked={policy === 'personal' || (r.personal ?? false)} disabled={policy === 'personal'} onChange={(e) => set({ personal: e.currentTarget.checked })} data-testid="record-personal" />{t.personal}
          </label>
        )}
        <p role="alert" class={css['trouble']} data-testid="record-trouble">{faults.value.detail}</p>
        <div class={css['buttons']}>
          <button class={primary} type="submit" data-testid="record-save">{t.save}</button>
          <button type="button" onClick={close}>{t.close}</button>
        </div>
      </form>
    </Dialog>
  );
}
