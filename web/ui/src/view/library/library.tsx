// Finding recordings: a form of what is looked for and the rows that were found, newest first.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { begin, found, look, looking, more, next, open, said, show, trouble } from '../../intent/library';
import { clock as write, mask } from '../../model/format';
import { everything, type Search } from '../../model/library';
import { queueName, state } from '../../model/store';
import { text } from '../../text/en';
import { type Recording, recordingStateValues } from '../../wire/wire';
import { Icon } from '../parts/icon';
import { card, cls, primary } from '../parts/parts';
import { Detail } from './detail';
import css from './library.module.css';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export function LibraryPage() {
  const t = text.library;
  const search = useSignal<Search>(everything);
  useEffect(() => { void begin(); }, []);
  const set = (change: Partial<Search>) => (search.value = { ...search.value, ...change });
  const field = (name: 'from' | 'till' | 'agent' | 'queue' | 'number', extra: object) => (
    <label>{t[name]}<input value={search.value[name]} onInput={(e) => set({ [name]: e.currentTarget.value })} data-testid={`library-${name}`} {...extra} /></label>
  );
  const status = looking.value ? t.looking : found.value.length === 0 ? t.none : t.count(found.value.length, next.value !== '');
  return (
    <section class={cls(card, css['library'])} aria-labelledby="library" data-testid="library">
      <h1 id="library">{t.title}</h1>
      <form
        class={css['search']} role="search" aria-label={t.title}
        onSubmit={(e) => {
          e.preventDefault();
          void look(search.value);
        }}
      >
        {field('from', { type: 'date' })}
        {field('till', { type: 'date' })}
        {field('agent', { type: 'text', autocomplete: 'off' })}
        {field('queue', { type: 'text', autocomplete: 'off', list: 'library-queues' })}
        <datalist id="library-queues">{state.value.queues.map((q) => <option key={q.id} value={q.id}>{q.name}</option>)}</datalist>
        {field('number', { type: 'text', autocomplete: 'off', inputMode: 'tel' })}
        <label>{t.state}
          <select value={search.value.state} onChange={(e) => set({ state: e.currentTarget.value as Search['state'] })} data-testid="library-state">
            <option value="">{t.any}</option>
            {recordingStateValues.map((s) => <option key={s} value={s}>{text.recordings.states[s]}</option>)}
          </select>
        </label>
        <label>{t.held}
          <select value={search.value.held} onChange={(e) => set({ held: e.currentTarget.value as Search['held'] })} data-testid="library-held">
            <option value="">{t.any}</option>
            <option value="true">{t.yes}</option>
            <option value="false">{t.no}</option>
          </select>
        </label>
        <div class={css['buttons']}>
          <button type="submit" class={primary} data-testid="library-search"><Icon name="search" size={18} />{t.search}</button>
          <button
            type="button" data-testid="library-clear"
            onClick={() => {
              search.value = everything;
              void look(everything);
            }}
          >{t.clear}</button>
        </div>
      </form>
      <p role="status" class={css['soft']} data-testid="library-count">{status}</p>
      <p role="status" class={css['done']} data-testid="library-done">{said.value}</p>
      {open.value === null && <p role="alert" class={css['trouble']}>{trouble.value}</p>}
      <ul class={css['list']}>{found.value.map((r) => <Row key={r.id} rec={r} />)}</ul>
      {next.value !== '' && <button onClick={() => void more()} disabled={looking.value} data-testid="library-more">{t.more}</button>}
    </section>
  );
}

function Row({ rec }: { rec: Recording }) {
  const t = text.library;
  const opened = open.value === rec.id;
  const pauses = rec.gaps.filter((g) => g.cause === 'pause').length;
  const facts = [
    queueName(rec.queue), (rec.agents ?? [rec.agent ?? '']).join(', '), rec.state === 'stored' ? '' : text.recordings.states[rec.state],
    pauses > 0 ? text.recordings.gaps(pauses) : '', rec.hold === undefined ? '' : t.held,
  ].filter((x) => x !== '');
  return (
    <li class={cls(opened && css['opened'])} data-testid="library-row" data-recording={rec.id} data-state={rec.state} data-held={String(rec.hold !== undefined)}>
      <button class={css['row']} aria-expanded={opened} onClick={() => show(opened ? null : rec.id)}>
        <strong>{mask(rec.from ?? '')}</strong>
        <span>{day.format(new Date(rec.started))}</span>
        <span class={css['length']}>{write(rec.duration_ms)}</span>
        <span class={css['soft']}>{facts.join(' · ')}</span>
      </button>
      {opened && <Detail rec={rec} />}
    </li>
  );
}
