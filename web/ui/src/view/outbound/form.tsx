// The two forms. Only Save commits; Escape or the close button leaves everything as it was.

import { useSignal } from '@preact/signals';
import { changeCallback, entryPoints, moveCallback, moveRecord, readSlots, schedule, slots } from '../../intent/outbound';
import { agent, customerLeg, queueName, state } from '../../model/store';
import { text } from '../../text/en';
import type { Callback, CallbackRequest, CampaignRecord, RecordReschedule } from '../../wire/wire';
import { Dialog } from '../dialog';
import { cls, primary } from '../parts/parts';
import css from './outbound.module.css';

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
const two = (n: number) => String(n).padStart(2, '0');

/** wall is a moment's date and time as the clocks of a zone show them. */
function wall(iso: string | undefined, zone: string): { date: string; time: string } {
  if (iso === undefined) return { date: '', time: '' };
  const p = new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'short', timeStyle: 'short', hourCycle: 'h23' }).formatToParts(new Date(iso));
  const part = (type: string) => p.find((x) => x.type === type)?.value ?? '';
  return { date: `${part('year')}-${part('month')}-${part('day')}`, time: `${part('hour')}:${part('minute')}` };
}

export function CallbackForm({ callback, close }: { callback: Callback | null; close: () => void }) {
  const t = text.outbound;
  const zone0 = callback?.zone ?? here;
  const start = wall(callback?.start, zone0);
  const call = customerLeg.value === null ? null : state.value.call;
  const r = useSignal<CallbackRequest>({
    number: callback?.number ?? call?.from ?? '', name: callback?.name ?? call?.from_name ?? '', queue: callback?.queue ?? agent.value?.queues[0] ?? '',
    date: start.date, from: start.time, till: wall(callback?.end, zone0).time, zone: zone0, reason: callback?.reason ?? '',
    assignee: callback?.assignee ?? '', ...(call === null ? {} : { call_id: call.id }),
  });
  const set = (change: Partial<CallbackRequest>) => {
    r.value = { ...r.value, ...change };
    if (change.date !== undefined || change.queue !== undefined || change.zone !== undefined) void readSlots(r.value.queue, r.value.date, r.value.zone);
  };
  const save = async (e: Event) => {
    e.preventDefault();
    const ok = callback === null ? await schedule(r.value) : callback.allowed.includes('change') ? await changeCallback(callback.id, r.value) : await moveCallback(callback.id, r.value);
    if (ok) close();
  };
  const field = (name: 'number' | 'name' | 'date' | 'from' | 'till' | 'zone', label: string, extra: object) => (
    <label>{label}<input required value={r.value[name]} onInput={(e) => set({ [name]: e.currentTarget.value })} data-testid={`callback-${name}`} {...extra} /></label>
  );
  return (
    <Dialog title={t.schedule} lead={t.saveLead} close={close} testid="callback-form">
      <form class={css['fields']} onSubmit={(e) => void save(e)}>
        {field('number', t.number, { minLength: 7, maxLength: 16, inputMode: 'tel', autocomplete: 'off' })}
        {field('name', t.name, { minLength: 3, maxLength: 250, autocomplete: 'off' })}
        <label>{t.queue}
          <select required value={r.value.queue} onChange={(e) => set({ queue: e.currentTarget.value })} data-testid="callback-queue">
            {(agent.value?.queues ?? []).map((q) => <option key={q} value={q}>{queueName(q)}</option>)}
          </select>
        </label>
        {field('zone', t.zone, { list: 'zones' })}
        <datalist id="zones">{Intl.supportedValuesOf('timeZone').map((z) => <option key={z} value={z} />)}</datalist>
        {field('date', t.date, { type: 'date' })}
        {field('from', t.from, { type: 'time' })}
        {field('till', t.till, { type: 'time' })}
        {slots.value.length > 0 && (
          <fieldset class={css['slots']}>
            <legend>{t.slots}</legend>
            {slots.value.map((s) => {
              const from = wall(s.start, r.value.zone).time;
              const till = wall(s.end, r.value.zone).time;
              return (
                <button
                  key={s.start} type="button" class={cls(css['slot'], s.available && css['free'])} disabled={!s.available} aria-pressed={r.value.from === from}
                  onClick={() => set({ from, till })} data-testid="slot"
                >{from}–{till}{s.available ? '' : ` (${t.why[s.why ?? ''] ?? s.why ?? ''})`}</button>
              );
            })}
          </fieldset>
        )}
        {entryPoints.value.length > 1 && (
          <label>{t.entryPoint}
            <select value={r.value.entry_point ?? ''} onChange={(e) => set({ entry_point: e.currentTarget.value })}>
              <option value="" />
              {entryPoints.value.map((p) => <option key={p.number} value={p.number}>{p.name}</option>)}
            </select>
          </label>
        )}
        <label>{t.reason}<textarea maxLength={250} value={r.value.reason} onInput={(e) => set({ reason: e.currentTarget.value })} /></label>
        <label class={css['check']}>
          <input type="checkbox" checked={r.value.assignee === state.value.me} onChange={(e) => set({ assignee: e.currentTarget.checked ? state.value.me : '' })} data-testid="callback-personal" />{t.personal}
        </label>
        <button class={primary} type="submit" data-testid="callback-save">{t.save}</button>
      </form>
    </Dialog>
  );
}

export function RecordForm({ record, close }: { record: CampaignRecord; close: () => void }) {
  const t = text.outbound;
  const zone0 = record.zone === undefined || record.zone === '' ? here : record.zone;
  const soon = new Date(Date.now() + 24 * 3600_000);
  const r = useSignal<RecordReschedule>({
    date: `${soon.getFullYear()}-${two(soon.getMonth() + 1)}-${two(soon.getDate())}`, time: '10:00', zone: zone0, personal: false, number: record.numbers[record.at]?.number ?? '',
  });
  const fresh = useSignal({ number: '', medium: '', from: '', till: '' });
  const save = async (e: Event) => {
    e.preventDefault();
    const add = fresh.value.number === '' ? {} : { add: fresh.value };
    if (await moveRecord(record.id, { ...r.value, ...add })) close();
  };
  return (
    <Dialog title={t.reschedule} lead={t.saveLead} close={close} testid="record-form">
      <form class={css['fields']} onSubmit={(e) => void save(e)}>
        <label>{t.date}<input type="date" required value={r.value.date} onInput={(e) => (r.value = { ...r.value, date: e.currentTarget.value })} data-testid="record-date" /></label>
        <label>{t.time}<input type="time" required value={r.value.time} onInput={(e) => (r.value = { ...r.value, time: e.currentTarget.value })} data-testid="record-time" /></label>
        <label>{t.zone}<input required value={r.value.zone} onInput={(e) => (r.value = { ...r.value, zone: e.currentTarget.value })} /></label>
        <label>{t.number}
          <select value={r.value.number} onChange={(e) => (r.value = { ...r.value, number: e.currentTarget.value })}>
            {record.numbers.map((n) => <option key={n.number} value={n.number}>{n.number} {n.medium ?? ''}</option>)}
          </select>
        </label>
        <fieldset class={css['fields']}>
          <legend>{t.newNumber}</legend>
          <label>{t.number}<input value={fresh.value.number} maxLength={16} onInput={(e) => (fresh.value = { ...fresh.value, number: e.currentTarget.value })} /></label>
          <label>{t.medium}<input value={fresh.value.medium} maxLength={40} onInput={(e) => (fresh.value = { ...fresh.value, medium: e.currentTarget.value })} /></label>
          <label>{t.earliest}<input type="time" value={fresh.value.from} onInput={(e) => (fresh.value = { ...fresh.value, from: e.currentTarget.value })} /></label>
          <label>{t.latest}<input type="time" value={fresh.value.till} onInput={(e) => (fresh.value = { ...fresh.value, till: e.currentTarget.value })} /></label>
        </fieldset>
        <label class={css['check']}><input type="checkbox" checked={r.value.personal ?? false} onChange={(e) => (r.value = { ...r.value, personal: e.currentTarget.checked })} data-testid="record-personal" />{t.personal}</label>
        <button class={primary} type="submit" data-testid="record-save">{t.save}</button>
      </form>
    </Dialog>
  );
}
