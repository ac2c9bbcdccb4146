// What queues and agents did: a form of period, zone and length of a row, the table, and the same as a file.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { ask, busy, report, saveReport, trouble } from '../../intent/reports';
import { type Ask, length, percent, today } from '../../model/reports';
import { text } from '../../text/en';
import { reportEveryValues, reportKindValues, type ReportRow } from '../../wire/wire';
import { Icon } from '../parts/icon';
import { card, cls, primary } from '../parts/parts';
import css from '../library/library.module.css';
import line from '../parts/search.module.css';
import own from './reports.module.css';

const t = text.reports;

/** A column: its words, what they mean, and a row's cell. */
type Column = [keyof typeof t.columns, (r: ReportRow) => string | number];

const queueColumns: Column[] = [
  ['offered', (r) => r.offered], ['answered', (r) => r.answered], ['abandoned', (r) => r.abandoned], ['short', (r) => r.short_abandoned], ['elsewhere', (r) => r.elsewhere],
  ['level', (r) => percent(r.service_level)], ['speed', (r) => length(r.answer_speed_seconds)], ['longest', (r) => length(r.longest_wait_seconds)],
];
const agentColumns: Column[] = [
  ['missed', (r) => r.missed], ['declined', (r) => r.declined], ['outbound', (r) => r.outbound], ['assisted', (r) => r.assisted],
];
const bothColumns: Column[] = [
  ['handled', (r) => r.handled], ['handle', (r) => length(r.handle_time_seconds)], ['talk', (r) => length(r.talk_seconds)], ['hold', (r) => length(r.hold_seconds)],
  ['consult', (r) => length(r.consult_seconds)], ['wrapup', (r) => length(r.wrapup_seconds)], ['post', (r) => length(r.post_call_seconds)],
  ['ready', (r) => length(r.ready_seconds)], ['notReady', (r) => length(r.not_ready_seconds)], ['occupancy', (r) => percent(r.occupancy)],
];

export function ReportsPage() {
  const day = today(new Date());
  const form = useSignal<Ask>({ from: day, till: day, zone: Intl.DateTimeFormat().resolvedOptions().timeZone, every: 'hour', kind: 'queue' });
  useEffect(() => { void ask(form.value); }, []);
  const set = (change: Partial<Ask>) => (form.value = { ...form.value, ...change });
  const field = (name: 'from' | 'till' | 'zone', extra: object) => (
    <label>{t[name]}<input value={form.value[name]} required onInput={(e) => set({ [name]: e.currentTarget.value })} data-testid={`reports-${name}`} {...extra} /></label>
  );
  return (
    <section class={cls(card, css['library'])} aria-labelledby="reports" data-testid="reports">
      <h1 id="reports">{t.title}</h1>
      <form
        class={line['search']} aria-label={t.title}
        onSubmit={(e) => {
          e.preventDefault();
          void ask(form.value);
        }}
      >
        {field('from', { type: 'date' })}
        {field('till', { type: 'date', min: form.value.from })}
        {field('zone', { type: 'text', autocomplete: 'off' })}
        <label>{t.every}
          <select value={form.value.every} onChange={(e) => set({ every: e.currentTarget.value as Ask['every'] })} data-testid="reports-every">
            {reportEveryValues.map((x) => <option key={x} value={x}>{t.lengths[x]}</option>)}
          </select>
        </label>
        <label>{t.kind}
          <select
            value={form.value.kind} data-testid="reports-kind"
            onChange={(e) => {
              set({ kind: e.currentTarget.value as Ask['kind'] });
              void ask(form.value);
            }}
          >
            {reportKindValues.map((x) => <option key={x} value={x}>{t.kinds[x]}</option>)}
          </select>
        </label>
        <div class={cls(css['buttons'], own['wide'])}>
          <button type="submit" class={primary} disabled={busy.value} data-testid="reports-show"><Icon name="search" size={18} />{t.show}</button>
          <button type="button" disabled={busy.value} onClick={() => void saveReport(form.value, 'csv')} data-testid="reports-csv">{t.csv}</button>
          <button type="button" disabled={busy.value} onClick={() => void saveReport(form.value, 'json')} data-testid="reports-json">{t.json}</button>
        </div>
      </form>
      <p role="alert" class={css['trouble']} data-testid="reports-trouble">{trouble.value}</p>
      <p role="status" class={css['soft']}>{busy.value ? t.reading : report.value?.items.length === 0 ? t.none : ''}</p>
      <Table />
      <p class={css['soft']}>{t.lead}</p>
    </section>
  );
}

function Table() {
  const r = report.value;
  if (r === null || r.items.length === 0) return null;
  const agents = r.items.some((x) => x.kind === 'agent');
  const columns = [...(agents ? agentColumns : queueColumns), ...bothColumns];
  const all = r.every === 'all';
  const at = new Intl.DateTimeFormat(undefined, {
    timeZone: r.zone, month: 'short', day: 'numeric', ...(r.every === 'day' ? {} : { hour: '2-digit', minute: '2-digit', timeZoneName: 'shortOffset' }),
  });
  return (
    <div class={css['scroll']} role="region" aria-labelledby="reports" tabIndex={0}>
      <table class={cls(css['table'], own['numbers'])} data-testid="reports-table">
        <thead>
          <tr>
            {!all && <th scope="col">{t.when}</th>}
            <th scope="col">{agents ? t.agent : t.queue}</th>
            {columns.map(([name]) => <th key={name} scope="col"><abbr title={t.meanings[name]}>{t.columns[name]}</abbr></th>)}
          </tr>
        </thead>
        <tbody>
          {r.items.map((x) => (
            <tr key={`${x.from} ${x.id}`} data-testid="reports-row" data-id={x.id} data-from={x.from}>
              {!all && <td>{at.format(new Date(x.from))}</td>}
              <th scope="row">{x.name}</th>
              {columns.map(([name, cell]) => <td key={name} data-column={name}>{cell(x)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
