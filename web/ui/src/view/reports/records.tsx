// What became of contacts: a form of what is looked for and the rows that were found, newest first, each with its
// waits, offers and agents and the way to its recordings.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { seesRecordings, wanted } from '../../intent/library';
import { busy, exportsRecords, look, more, next, records, saveRecords, trouble } from '../../intent/reports';
import { anyRecord, length, type RecordSearch } from '../../model/reports';
import { page, queueName, state } from '../../model/store';
import { text } from '../../text/en';
import { type CallRecord, callOutcomeValues, directionValues } from '../../wire/wire';
import { Icon } from '../parts/icon';
import { card, cls } from '../parts/parts';
import { SearchForm } from '../parts/search';
import css from '../library/library.module.css';
import own from './reports.module.css';

const t = text.records;
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const hour = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

export function RecordsPage() {
  const search = useSignal<RecordSearch>(anyRecord);
  const open = useSignal('');
  useEffect(() => { void look(anyRecord); }, []);
  return (
    <section class={cls(card, css['library'])} aria-labelledby="records" data-testid="records">
      <h1 id="records">{t.title}</h1>
      <SearchForm
        name="records" title={t.title} words={t} search={search} look={look}
        fields={[
          { name: 'from', kind: 'date' }, { name: 'till', kind: 'date' }, { name: 'agent' }, { name: 'queue', options: state.value.queues }, { name: 'number', kind: 'tel' }, { name: 'disposition' },
        ]}
        choices={[
          { name: 'direction', values: directionValues, word: (d) => text.history.ways[d] },
          { name: 'outcome', values: callOutcomeValues, word: (o) => t.outcomes[o] },
        ]}
      >
        {exportsRecords.value && <button type="button" disabled={busy.value} onClick={() => void saveRecords(search.value, 'csv')} data-testid="records-csv">{text.reports.csv}</button>}
        {exportsRecords.value && <button type="button" disabled={busy.value} onClick={() => void saveRecords(search.value, 'json')} data-testid="records-json">{text.reports.json}</button>}
      </SearchForm>
      <p role="alert" class={css['trouble']}>{trouble.value}</p>
      <p role="status" class={css['soft']} data-testid="records-count">{busy.value ? t.looking : records.value.length === 0 ? t.none : t.count(records.value.length, next.value !== '')}</p>
      <ul class={css['list']}>{records.value.map((r) => <Row key={r.id} rec={r} opened={open.value === r.id} toggle={() => (open.value = open.value === r.id ? '' : r.id)} />)}</ul>
      {next.value !== '' && <button onClick={() => void more()} disabled={busy.value} data-testid="records-more">{t.more}</button>}
    </section>
  );
}

function Row({ rec, opened, toggle }: { rec: CallRecord; opened: boolean; toggle: () => void }) {
  const facts = [text.history.ways[rec.direction], t.outcomes[rec.outcome], queueName(rec.queue), rec.agent ?? '', rec.disposition ?? ''].filter((x) => x !== '');
  return (
    <li class={cls(opened && css['opened'])} data-testid="records-row" data-call={rec.id} data-outcome={rec.outcome}>
      <button class={css['row']} aria-expanded={opened} onClick={toggle}>
        <strong>{rec.customer}</strong>
        <span>{day.format(new Date(rec.started))}</span>
        <span class={css['length']}>{length(rec.talk_seconds)}</span>
        <span class={css['soft']}>{facts.join(' · ')}</span>
      </button>
      {opened && <Detail rec={rec} />}
    </li>
  );
}

function Detail({ rec }: { rec: CallRecord }) {
  const f = t.facts;
  const rows: [string, string][] = [
    [f.wait, length(rec.wait_seconds)], [f.talk, length(rec.talk_seconds)], [f.hold, length(rec.hold_seconds)], [f.consult, length(rec.consult_seconds)],
    [f.dialing, length(rec.dialing_seconds)], [f.wrapup, length(rec.wrapup_seconds)], [f.post, length(rec.post_call_seconds)],
    [f.line, rec.line], [f.name, rec.name ?? ''], [f.stage, rec.stage ?? ''], [f.campaign, rec.campaign ?? ''], [f.ended, hour.format(new Date(rec.ended))], [f.id, rec.id],
  ];
  const until = (from: string, till: string) => `${hour.format(new Date(from))}–${hour.format(new Date(till))}`;
  const list = (title: string, lines: string[]) => lines.length > 0 && <section><h2>{title}</h2><ul>{lines.map((l, i) => <li key={i}>{l}</li>)}</ul></section>;
  return (
    <div class={cls(css['detail'], own['parts'])} data-testid="records-detail">
      <dl class={css['facts']}>
        {[...rows, ...Object.entries(rec.variables ?? {})].map(([name, value]) => value !== '' && value !== '0:00' && <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
      </dl>
      {list(t.waits, rec.waits.map((w) => `${queueName(w.queue)}: ${until(w.entered, w.left)}, ${length(w.seconds)}, ${t.ends[w.end] ?? w.end}`))}
      {list(t.offers, rec.offers.map((o) => `${o.agent}: ${hour.format(new Date(o.offered))}, ${t.ends[o.end] ?? o.end}${o.consult === true ? `, ${t.consult}` : ''}`))}
      {list(t.agents, rec.agents.map((a) => `${a.agent} (${t.roles[a.role] ?? a.role}): ${until(a.joined, a.left)}, ${f.talk} ${length(a.talk_seconds)}, ${f.wrapup} ${length(a.wrapup_seconds)}${a.disposition === undefined ? '' : `, ${a.disposition}`}`))}
      {seesRecordings.value && rec.recordings.length > 0 && (
        <div class={css['buttons']}>
          {rec.recordings.map((id) => (
            <button
              key={id} data-testid="records-recording"
              onClick={() => {
                wanted.value = id;
                page.value = 'recordings';
              }}
            ><Icon name="play" size={18} />{t.recording}</button>
          ))}
        </div>
      )}
    </div>
  );
}
