// The records of campaigns the agent has before them.

import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { draft } from '../../intent/drafts';
import { campaigns, dialRecord, doneRecord, leaveRecord, writeRecord } from '../../intent/outbound';
import { none } from '../../model/faults';
import { mask } from '../../model/format';
import { state } from '../../model/store';
import { text } from '../../text/en';
import type { CampaignRecord } from '../../wire/wire';
import { Input } from '../parts/field';
import { card, cls, danger, primary, quiet } from '../parts/parts';
import { When } from '../parts/when';
import { RecordForm } from './recordform';
import css from './outbound.module.css';

/** RecordCards are the records of campaigns the agent has before them and has not closed. */
export function RecordCards() {
  return <>{state.value.records.map((r) => <RecordCard key={r.id} r={r} />)}</>;
}

/** RecordCard is one: its data, its numbers and what can be done. */
function RecordCard({ r }: { r: CampaignRecord }) {
  const kept = useMemo(() => draft<string>(`disposition.${r.id}`), [r.id]);
  const moving = useSignal(false);
  const id = `record-${r.id}`;
  const disposition = kept.value.value ?? '';
  const t = text.outbound;
  const may = (what: string) => r.allowed.includes(what);
  const known = campaigns.value.find((c) => c.id === r.campaign)?.setup.dispositions ?? [];
  const done = (stop: boolean) => void doneRecord(r.id, disposition, stop).then((ok) => ok && kept.forget());
  return (
    <section class={cls(card, css['record'])} aria-labelledby={id} data-testid="record" data-state={r.state}>
      <div class={css['head']}>
        <h2 id={id}>{r.name === '' ? t.contact : r.name}</h2>
        <span class={css['state']} data-testid="record-state">{text.campaigns.recordStates[r.state]}</span>
        <span class={css['soft']}>{campaigns.value.find((c) => c.id === r.campaign)?.setup.name ?? ''}</span>
      </div>
      {may('change') ? <RecordData key={r.id} r={r} /> : <dl>{Object.entries(r.fields ?? {}).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>}
      <ul>
        {r.numbers.map((n, i) => (
          <li key={i}>
            <span>{mask(n.number)} {n.medium ?? ''}{i === r.at ? ` · ${t.turn}` : ''}</span>
            {may('dial') && <button class={i === r.at ? primary : quiet} onClick={() => void dialRecord(r, i)} data-testid="record-dial">{t.dial}</button>}
          </li>
        ))}
      </ul>
      {r.history.length > 0 && (
        <details class={css['soft']} data-testid="record-history">
          <summary>{t.history(r.history.length)}</summary>
          <ul>{r.history.map((h) => <li key={h.time}><When at={h.time} />: {mask(h.number)}, {h.result.replaceAll('_', ' ')}</li>)}</ul>
        </details>
      )}
      {may('done') && (
        <form class={css['fields']} onSubmit={(e) => { e.preventDefault(); done(false); }}>
          <label>{t.disposition}
            {known.length === 0
              ? <input required maxLength={100} value={disposition} onInput={(e) => kept.type(e.currentTarget.value)} data-testid="record-disposition" />
              : (
                <select required value={disposition} onChange={(e) => kept.type(e.currentTarget.value)} data-testid="record-disposition">
                  <option value="" />
                  {known.map((d) => <option key={d.code} value={d.code}>{d.label === '' ? d.code : d.label}</option>)}
                </select>
              )}
          </label>
          <div class={css['buttons']}>
            <button class={primary} type="submit" data-testid="record-done">{t.done}</button>
            <button class={quiet} type="button" disabled={disposition === ''} onClick={() => done(true)} data-testid="record-done-stop">{t.doneStop}</button>
          </div>
        </form>
      )}
      <div class={css['buttons']}>
        {may('reschedule') && <button class={quiet} onClick={() => (moving.value = true)} data-testid="record-reschedule">{t.reschedule}</button>}
        {may('reject') && <button class={quiet} onClick={() => void leaveRecord(r.id, 'reject')} data-testid="record-reject">{t.reject}</button>}
        {may('cancel') && <button class={quiet} onClick={() => void leaveRecord(r.id, 'cancel')} data-testid="record-cancel">{t.drop}</button>}
        {may('do_not_call') && <button class={danger} onClick={() => void leaveRecord(r.id, 'do-not-call')} data-testid="record-dnc">{t.doNotCall}</button>}
      </div>
      {moving.value && <RecordForm record={r} close={() => (moving.value = false)} />}
    </section>
  );
}

/** RecordData is what is known about the contact, to be put right while talking. What is typed stays until it is saved. */
function RecordData({ r }: { r: CampaignRecord }) {
  const t = text.outbound;
  const kept = useMemo(() => draft<{ name: string; fields: Record<string, string> }>(`record-data.${r.id}`), [r.id]);
  const wrong = useSignal(none);
  const saved = useSignal(false);
  const v = kept.value.value ?? { name: r.name, fields: r.fields ?? {} };
  const type = (change: Partial<typeof v>) => {
    saved.value = false;
    kept.type({ ...v, ...change });
  };
  const save = async (e: Event) => {
    e.preventDefault();
    wrong.value = await writeRecord(r.id, v);
    if (wrong.value !== none) return;
    kept.forget();
    saved.value = true;
  };
  return (
    <form class={css['fields']} onSubmit={(e) => void save(e)} aria-label={t.data} data-testid="record-data">
      <Input label={t.name} name="name" type="text" required maxLength={250} value={v.name} set={(name) => type({ name })} fault={wrong.value.fields['name']} testid="record-name" />
      {Object.entries(v.fields).map(([k, x]) => (
        <Input key={k} label={k} name={`fields.${k}`} type="text" maxLength={256} value={x} set={(value) => type({ fields: { ...v.fields, [k]: value } })} fault={wrong.value.fields[`fields.${k}`]} testid={`record-field-${k}`} />
      ))}
      <p role="alert" class={css['trouble']}>{wrong.value.detail}</p>
      <div class={css['buttons']}>
        <button class={quiet} type="submit" disabled={kept.value.value === null} data-testid="record-data-save">{t.saveData}</button>
        <span role="status" class={css['soft']}>{saved.value ? t.dataSaved : ''}</span>
      </div>
    </form>
  );
}
