// The form that sets another time for a record of a campaign. Only Save commits.

import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { draft } from '../../intent/drafts';
import { campaigns, moveRecord } from '../../intent/outbound';
import { none } from '../../model/faults';
import { mask, wall } from '../../model/format';
import { now } from '../../model/store';
import { text } from '../../text/en';
import type { CampaignRecord, ContactNumber, RecordReschedule } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Field, Input } from '../parts/field';
import { primary } from '../parts/parts';
import { here, Zone } from '../parts/zone';
import css from './outbound.module.css';

const DAY_MS = 24 * 3600_000;

export function RecordForm({ record, close }: { record: CampaignRecord; close: () => void }) {
  const t = text.outbound;
  const zone0 = record.zone === undefined || record.zone === '' ? here : record.zone;
  const policy = campaigns.value.find((c) => c.id === record.campaign)?.setup.personal ?? '';
  const kept = useMemo(() => draft<RecordReschedule>(`record.${record.id}`), [record.id]);
  const start = useMemo((): RecordReschedule => {
    return {
      date: wall(new Date(now.value + DAY_MS).toISOString(), zone0).date, time: '10:00', zone: zone0, personal: policy === 'personal', index: record.at,
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
      <form class={css['form']} onSubmit={(e) => void save(e)} noValidate>
        <Input label={t.date} name="date" type="date" required value={r.date} set={(date) => set({ date })} fault={bad['date']} testid="record-date" />
        <Input label={t.time} name="time" type="time" required value={r.time} set={(time) => set({ time })} fault={bad['time']} testid="record-time" />
        <Zone label={t.zone} value={r.zone ?? ''} set={(zone) => set({ zone })} fault={bad['zone']} testid="record-zone" />
        <Field label={t.number} name="number" fault={bad['number']}>
          <select value={String(r.index ?? record.at)} onChange={(e) => set({ index: Number(e.currentTarget.value) })} data-testid="record-number">
            {record.numbers.map((n, i) => <option key={i} value={String(i)}>{mask(n.number)} {n.medium ?? ''}</option>)}
          </select>
        </Field>
        <fieldset class={css['form']}>
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
