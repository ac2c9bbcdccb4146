// Campaigns for those who run them: lists with what was wrong in them, campaigns with their progress, their contacts.

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { bar, barred, busy, campaigns, dropList, lists, look, more, move, next, open, opened, queues, records, refresh, trouble, upload, uploaded } from '../../intent/campaigns';
import { mask } from '../../model/format';
import { reason, text } from '../../text/en';
import type { Campaign } from '../../wire/wire';
import { Field, Input } from '../parts/field';
import { card, cls, primary, quiet } from '../parts/parts';
import { When } from '../parts/when';
import { FinishSure } from './finish';
import { CampaignForm } from './form';
import css from './campaigns.module.css';

const EVERY_MS = 3_000;

export function CampaignsPage() {
  const form = useSignal<'new' | Campaign | null>(null);
  const t = text.campaigns;
  useEffect(() => {
    void look();
    const timer = setInterval(() => void refresh(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class={css['page']} data-testid="campaigns-page">
      <section class={cls(card, css['part'])} aria-labelledby="campaigns-title">
        <div class={css['head']}>
          <h1 id="campaigns-title">{t.title}</h1>
          <button class={primary} onClick={() => (form.value = 'new')} data-testid="campaign-new">{t.new}</button>
        </div>
        <p role="alert" class={css['trouble']} data-testid="campaigns-trouble">{trouble.value}</p>
        {campaigns.value.length === 0 && <p class={css['soft']}>{t.none}</p>}
        <ul class={css['list']}>{campaigns.value.map((c) => <Row key={c.id} c={c} edit={() => (form.value = c)} />)}</ul>
      </section>
      <Lists />
      <Barred />
      {form.value !== null && <CampaignForm campaign={form.value === 'new' ? null : form.value} close={() => (form.value = null)} />}
    </div>
  );
}

function Row({ c, edit }: { c: Campaign; edit: () => void }) {
  const t = text.campaigns;
  const sure = useSignal(false);
  const isOpen = opened.value === c.id;
  const results = Object.entries(c.results);
  const queue = queues.value.find((q) => q.id === c.setup.queue)?.name ?? c.setup.queue;
  return (
    <li data-testid="campaign-row" data-name={c.setup.name} data-state={c.state}>
      <div class={css['head']}>
        <strong>{c.setup.name}</strong>
        <span class={css['state']}>{text.outbound.campaignStates[c.state]}</span>
        <span class={css['soft']}>{text.outbound.modes[c.setup.mode]} · {queue} · {t.calls(c.calls)}</span>
      </div>
      <progress max={Math.max(1, c.total)} value={c.closed} aria-label={text.outbound.progress(c.closed, c.total)} />
      <p class={css['soft']} data-testid="campaign-progress">{text.outbound.progress(c.closed, c.total)}</p>
      <dl class={css['facts']}>
        <div><dt>{t.day}</dt><dd>{t.tally(c.today.dialled, c.today.answered, c.today.abandoned, c.today.abandoned_percent)}</dd></div>
        <div><dt>{t.month}</dt><dd>{t.tally(c.month.dialled, c.month.answered, c.month.abandoned, c.month.abandoned_percent)}</dd></div>
        <div><dt>{t.results}</dt><dd>{results.length === 0 ? t.noResults : results.map(([k, n]) => `${c.setup.dispositions?.find((d) => d.code === k)?.label ?? reason(k)}: ${n}`).join(', ')}</dd></div>
      </dl>
      <div class={css['buttons']}>
        {c.allowed.includes('start') && <button class={primary} disabled={busy.value} onClick={() => void move(c.id, 'start')} data-testid="campaign-row-start">{text.outbound.moves.start}</button>}
        {c.allowed.includes('pause') && <button disabled={busy.value} onClick={() => void move(c.id, 'pause')} data-testid="campaign-row-pause">{text.outbound.moves.pause}</button>}
        {c.allowed.includes('finish') && <button disabled={busy.value} onClick={() => (sure.value = true)} data-testid="campaign-row-finish">{text.outbound.moves.finish}</button>}
        {c.allowed.includes('change') && <button onClick={edit} data-testid="campaign-row-edit">{t.edit}</button>}
        <button aria-expanded={isOpen} onClick={() => void open(c.id)} data-testid="campaign-row-records">{isOpen ? t.hideRecords : t.records}</button>
      </div>
      {isOpen && <Records />}
      {sure.value && <FinishSure name={c.setup.name} yes={() => void move(c.id, 'finish')} close={() => (sure.value = false)} />}
    </li>
  );
}

function Records() {
  const t = text.campaigns;
  if (records.value.length === 0) return <p class={css['soft']} role="status">{busy.value ? '' : t.noRecords}</p>;
  return (
    <div class={css['scroll']} role="region" aria-label={t.records} tabIndex={0}>
      <table class={css['table']} data-testid="campaign-records">
        <thead><tr>{[t.row, t.contact, t.state, t.result, t.history].map((x) => <th key={x} scope="col">{x}</th>)}</tr></thead>
        <tbody>
          {records.value.map((r) => (
            <tr key={r.id} data-testid="campaign-record">
              <td>{r.row}</td>
              <td>{r.name === '' ? mask(r.numbers[0]?.number ?? '') : r.name}</td>
              <td>{t.recordStates[r.state]}{r.next !== undefined && <>, <When at={r.next} /></>}</td>
              <td>{r.result === undefined || r.result === '' ? '' : reason(r.result)}</td>
              <td>{r.history.map((h) => <div key={h.time}><When at={h.time} />: {mask(h.number)}, {h.result.replaceAll('_', ' ')}{h.agent === undefined ? '' : `, ${h.agent}`}</div>)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {next.value !== '' && <button class={quiet} onClick={() => void more()}>{t.more}</button>}
    </div>
  );
}

function Lists() {
  const t = text.lists;
  const file = useRef<HTMLInputElement>(null);
  const name = useSignal('');
  const chosen = useSignal(false);
  const u = uploaded.value;
  const send = (e: Event) => {
    e.preventDefault();
    const f = file.current?.files?.[0];
    if (f !== undefined) void upload(name.value.trim() === '' ? f.name.replace(/\.csv$/i, '') : name.value.trim(), f);
  };
  return (
    <section class={cls(card, css['part'])} aria-labelledby="lists-title" data-testid="lists">
      <h2 id="lists-title">{t.title}</h2>
      <form class={css['line']} onSubmit={send}>
        <Field label={t.file} name="file"><input ref={file} type="file" accept=".csv,text/csv" required data-testid="list-file" onChange={(e) => (chosen.value = (e.currentTarget.files?.length ?? 0) > 0)} /></Field>
        <Input label={t.name} name="name" type="text" maxLength={100} value={name.value} set={(v) => (name.value = v)} testid="list-name" />
        <button class={primary} disabled={busy.value || !chosen.value} data-testid="list-upload">{busy.value && u === null ? t.uploading : t.upload}</button>
      </form>
      <p class={css['soft']}>{t.hint}</p>
      <div role="status">
        {u !== null && <p data-testid="list-taken">{t.taken(u.contacts)}</p>}
        {u !== null && (u.faults ?? 0) > 0 && (
          <div data-testid="list-faults">
            <p class={css['trouble']}>{t.faults(u.faults ?? 0)} {(u.errors?.length ?? 0) >= 500 ? t.shownFaults(u.errors?.length ?? 0) : ''}</p>
            <div class={css['scroll']} role="region" aria-label={t.faults(u.faults ?? 0)} tabIndex={0}>
              <table class={css['table']}>
                <thead><tr>{[t.row, t.column, t.why].map((x) => <th key={x} scope="col">{x}</th>)}</tr></thead>
                <tbody>{(u.errors ?? []).map((e) => <tr key={`${e.row}${e.column}${e.code}`} data-testid="list-fault" data-row={e.row}><td>{e.row}</td><td>{e.column}</td><td>{e.detail}</td></tr>)}</tbody>
              </table>
            </div>
          </div>
        )}
      </div>
      {lists.value.length === 0 && <p class={css['soft']}>{t.none}</p>}
      <ul class={css['list']}>
        {lists.value.map((l) => (
          <li key={l.id} class={css['head']} data-testid="list-row">
            <span><strong>{l.name}</strong> <span class={css['soft']}>{t.contacts(l.contacts)} · <When at={l.created} /></span></span>
            <button class={quiet} disabled={busy.value} onClick={() => void dropList(l.id)} aria-label={`${t.drop}: ${l.name}`}>{t.drop}</button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Barred() {
  const t = text.barred;
  const number = useSignal('');
  const said = useSignal('');
  const act = async (how: 'ask' | 'bar' | 'free') => {
    const n = number.value.trim();
    said.value = '';
    if (n === '') return;
    if (how === 'ask') {
      const yes = await barred(n);
      said.value = yes === null ? '' : yes ? t.yes(mask(n)) : t.no(mask(n));
    } else if (await bar(n, how === 'bar')) said.value = how === 'bar' ? t.done(mask(n)) : t.freed(mask(n));
  };
  return (
    <section class={cls(card, css['part'])} aria-labelledby="barred-title" data-testid="barred">
      <h2 id="barred-title">{t.title}</h2>
      <form class={css['line']} onSubmit={(e) => { e.preventDefault(); void act('ask'); }}>
        <Input label={t.number} name="number" type="tel" maxLength={20} value={number.value} set={(v) => (number.value = v)} testid="barred-number" />
        <button disabled={busy.value} data-testid="barred-ask">{t.ask}</button>
        <button type="button" disabled={busy.value} onClick={() => void act('bar')} data-testid="barred-bar">{t.bar}</button>
        <button type="button" disabled={busy.value} onClick={() => void act('free')} data-testid="barred-free">{t.free}</button>
      </form>
      <p role="status" data-testid="barred-said">{said.value}</p>
    </section>
  );
}
