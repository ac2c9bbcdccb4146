// Finding recordings: a form of what is looked for and the rows that were found, newest first.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { begin, found, look, looking, more, next, open, said, show, trouble } from '../../intent/library';
import { clock as write, mask } from '../../model/format';
import { everything, type Search } from '../../model/library';
import { queueName, state } from '../../model/store';
import { text } from '../../text/en';
import { type Recording, recordingStateValues } from '../../wire/wire';
import { card, cls } from '../parts/parts';
import { SearchForm } from '../parts/search';
import { When } from '../parts/when';
import { Detail } from './detail';
import css from './library.module.css';

export function LibraryPage() {
  const t = text.library;
  const search = useSignal<Search>(everything);
  useEffect(() => { void begin(); }, []);
  const status = looking.value ? t.looking : found.value.length === 0 ? t.none : t.count(found.value.length, next.value !== '');
  return (
    <section class={cls(card, css['library'])} aria-labelledby="library" data-testid="library">
      <h1 id="library">{t.title}</h1>
      <SearchForm
        name="library" title={t.title} words={t} search={search} look={look}
        fields={[{ name: 'from', kind: 'date' }, { name: 'till', kind: 'date' }, { name: 'agent' }, { name: 'queue', options: state.value.queues }, { name: 'number', kind: 'tel' }]}
        choices={[
          { name: 'state', values: recordingStateValues, word: (s) => text.recordings.states[s] },
          { name: 'held', values: ['true', 'false'], word: (h) => (h === 'true' ? t.yes : t.no) },
        ]}
      >
        <button
          type="button" data-testid="library-clear"
          onClick={() => {
            search.value = everything;
            void look(everything);
          }}
        >{t.clear}</button>
      </SearchForm>
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
        <span><When at={rec.started} /></span>
        <span class={css['length']}>{write(rec.duration_ms)}</span>
        <span class={css['soft']}>{facts.join(' · ')}</span>
      </button>
      {opened && <Detail rec={rec} />}
    </li>
  );
}
