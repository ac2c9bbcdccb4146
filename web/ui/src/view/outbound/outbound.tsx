// Callbacks and campaigns beside the call: what waits for me, what runs, and the record I have before me.

import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { manages } from '../../intent/campaigns';
import { draft } from '../../intent/drafts';
import {
  announced, assignCallback, callbacks, campaigns, cancelCallback, completeCallback, dialCallback, dialRecord, doneRecord, entryPoints, leaveRecord, moveCampaign,
  nextRecord, playMessage, record, refreshOutbound, writeRecord,
} from '../../intent/outbound';
import { none } from '../../model/faults';
import { mask } from '../../model/format';
import { agent, queueName, state } from '../../model/store';
import { text } from '../../text/en';
import type { Callback, Campaign, CampaignRecord } from '../../wire/wire';
import { Input } from '../parts/field';
import { Icon } from '../parts/icon';
import { card, cls, danger, primary, quiet } from '../parts/parts';
import { CallbackForm, RecordForm } from './form';
import css from './outbound.module.css';

const when = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export function Callbacks() {
  const t = text.outbound;
  const form = useSignal<'new' | Callback | null>(null);
  return (
    <section class={cls(card, css['list'])} aria-labelledby="callbacks" data-testid="callbacks">
      <div class={css['head']}>
        <h2 id="callbacks">{t.callbacks}</h2>
        {entryPoints.value.length > 0 && <button class={quiet} onClick={() => (form.value = 'new')} data-testid="callback-new">{t.schedule}</button>}
        <button class={quiet} onClick={() => void refreshOutbound()} aria-label={t.refresh}><Icon name="refresh" size={18} /></button>
      </div>
      {entryPoints.value.length === 0 && <p class={css['soft']}>{t.noEntryPoint}</p>}
      {callbacks.value.length === 0 && <p class={css['soft']}>{t.noCallbacks}</p>}
      <ul>{callbacks.value.map((c) => <CallbackRow key={c.id} c={c} edit={() => (form.value = c)} />)}</ul>
      {form.value !== null && <CallbackForm callback={form.value === 'new' ? null : form.value} close={() => (form.value = null)} />}
    </section>
  );
}

function CallbackRow({ c, edit }: { c: Callback; edit: () => void }) {
  const t = text.outbound;
  const may = (what: string) => c.allowed.includes(what);
  const due = c.next ?? c.start ?? c.queued;
  return (
    <li data-testid="callback" data-state={c.state} data-callback={c.id}>
      <strong>{c.name}</strong> <span>{mask(c.number)}</span> <span class={css['state']}>{t.kinds[c.kind]}</span>
      <div class={css['soft']}>
        {t.states[c.state]} · {queueName(c.queue)}{due === undefined ? '' : ` · ${when.format(new Date(due))}`}
        {c.assignee === undefined ? '' : ` · ${c.assignee === state.value.me ? t.mine : c.assignee}`}
        {c.attempts > 0 ? ` · ${t.attempts(c.attempts, c.limit)}` : ''}
      </div>
      <div class={css['buttons']}>
        {c.recording !== undefined && <button class={quiet} onClick={() => void playMessage(c.id)} data-testid="callback-message"><Icon name="play" size={18} />{t.hear}</button>}
        {may('dial') && c.agent === state.value.me && <button class={primary} onClick={() => void dialCallback(c.id)} data-testid="callback-dial">{t.dial}</button>}
        {may('complete') && <button class={quiet} onClick={() => void completeCallback(c.id)} data-testid="callback-complete">{t.complete}</button>}
        {(may('change') || may('reschedule')) && <button class={quiet} onClick={edit} data-testid="callback-edit">{t.change}</button>}
        {may('assign') && <button class={quiet} onClick={() => void assignCallback(c.id, c.assignee === undefined ? state.value.me : '')}>{c.assignee === undefined ? t.take : t.giveBack}</button>}
        {may('cancel') && <button class={danger} onClick={() => void cancelCallback(c.id)} data-testid="callback-cancel">{t.cancel}</button>}
      </div>
    </li>
  );
}

export function Campaigns() {
  const t = text.outbound;
  return (
    <section class={cls(card, css['list'])} aria-labelledby="campaigns" data-testid="campaigns">
      <h2 id="campaigns">{t.campaigns}</h2>
      <p role="status" class={css['soft']}>{announced.value === null ? '' : t.started(announced.value)}</p>
      {campaigns.value.length === 0 && <p class={css['soft']}>{t.noCampaigns}</p>}
      <ul>{campaigns.value.map((c) => <CampaignRow key={c.id} c={c} />)}</ul>
    </section>
  );
}

function CampaignRow({ c }: { c: Campaign }) {
  const t = text.outbound;
  const stopped = c.stopped.includes(state.value.me);
  const ask = c.state === 'running' && (stopped || c.setup.mode === 'preview');
  return (
    <li data-testid="campaign" data-state={c.state}>
      <strong>{c.setup.name}</strong> <span class={css['state']}>{t.campaignStates[c.state]}</span>
      <div class={css['soft']}>{t.modes[c.setup.mode]} · {t.progress(c.closed, c.total)} · {t.abandoned(c.today.abandoned_percent)}</div>
      <progress max={Math.max(1, c.total)} value={c.closed} aria-label={t.progress(c.closed, c.total)} />
      <div class={css['buttons']}>
        {ask && <button class={primary} disabled={agent.value?.state !== 'ready'} onClick={() => void nextRecord(c.id)} data-testid="campaign-next">{stopped ? t.goOn : t.next}</button>}
        {manages.value && (['start', 'pause', 'finish'] as const).filter((v) => c.allowed.includes(v)).map((v) => (
          <button key={v} class={quiet} onClick={() => void moveCampaign(c.id, v)} data-testid={`campaign-${v}`}>{t.moves[v]}</button>
        ))}
      </div>
    </li>
  );
}

/** RecordCard is the record the agent has before them: its data, its numbers and what can be done. */
export function RecordCard() {
  const r = record.value;
  const id = r?.id ?? '';
  const kept = useMemo(() => draft<string>(`disposition.${id}`), [id]);
  const moving = useSignal(false);
  if (r === null) return null;
  const disposition = kept.value.value ?? '';
  const t = text.outbound;
  const may = (what: string) => r.allowed.includes(what);
  const known = campaigns.value.find((c) => c.id === r.campaign)?.setup.dispositions ?? [];
  const done = (stop: boolean) => void doneRecord(r.id, disposition, stop).then((ok) => ok && kept.forget());
  return (
    <section class={cls(card, css['record'])} aria-labelledby="record" data-testid="record" data-state={r.state}>
      <div class={css['head']}>
        <h2 id="record">{r.name === '' ? t.contact : r.name}</h2>
        <span class={css['state']} data-testid="record-state">{text.campaigns.recordStates[r.state]}</span>
        <span class={css['soft']}>{campaigns.value.find((c) => c.id === r.campaign)?.setup.name ?? ''}</span>
      </div>
      {may('change') ? <RecordData key={r.id} r={r} /> : <dl>{Object.entries(r.fields ?? {}).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>}
      <ul>
        {r.numbers.map((n, i) => (
          <li key={n.number}>
            <span>{mask(n.number)} {n.medium ?? ''}{i === r.at ? ` · ${t.turn}` : ''}</span>
            {may('dial') && <button class={i === r.at ? primary : quiet} onClick={() => void dialRecord(r.id, n.number)} data-testid="record-dial">{t.dial}</button>}
          </li>
        ))}
      </ul>
      {r.history.length > 0 && (
        <details class={css['soft']} data-testid="record-history">
          <summary>{t.history(r.history.length)}</summary>
          <ul>{r.history.map((h) => <li key={h.time}>{when.format(new Date(h.time))}: {mask(h.number)}, {h.result.replaceAll('_', ' ')}</li>)}</ul>
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

/** CallbackButton schedules a callback from the call, and shows when one is set. */
export function CallbackButton({ call, class: name }: { call: string; class: string | undefined }) {
  const open = useSignal(false);
  const t = text.outbound;
  const set = callbacks.value.find((c) => c.origin === call && c.state === 'scheduled');
  const due = set?.next ?? set?.start;
  return (
    <>
      <button class={name} aria-haspopup="dialog" aria-pressed={set !== undefined} data-testid="call-callback" onClick={() => (open.value = true)}>
        <Icon name="clock" size={24} /><span>{due === undefined ? t.callBack : t.callBackAt(when.format(new Date(due)))}</span>
      </button>
      {open.value && <CallbackForm callback={set ?? null} close={() => (open.value = false)} />}
    </>
  );
}
