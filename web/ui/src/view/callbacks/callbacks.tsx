// All callbacks, for those who run them: looked for by queue, agent and number, given to somebody else, moved, cancelled.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { again, anyCallback, begin, busy, type CallbackSearch, found, look, more, next, trouble } from '../../intent/callbacks';
import { canSchedule, changesCallbacks } from '../../intent/outbound';
import { state } from '../../model/store';
import { text } from '../../text/en';
import type { Callback } from '../../wire/wire';
import { AssignForm } from '../outbound/assign';
import { CallbackForm } from '../outbound/form';
import { CallbackRow } from '../outbound/outbound';
import { card, cls, primary } from '../parts/parts';
import { SearchForm } from '../parts/search';
import css from '../library/library.module.css';
import rows from '../outbound/outbound.module.css';

const EVERY_MS = 3_000;

export function CallbacksPage() {
  const t = text.callbacks;
  const search = useSignal<CallbackSearch>(anyCallback);
  const form = useSignal<'new' | Callback | null>(null);
  const giving = useSignal<Callback | null>(null);
  useEffect(() => {
    void begin();
    void look(anyCallback);
    const timer = setInterval(() => void again(), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const closed = () => {
    form.value = null;
    giving.value = null;
    void again();
  };
  return (
    <section class={cls(card, css['library'])} aria-labelledby="callbacks-title" data-testid="callbacks-page">
      <h1 id="callbacks-title">{t.title}</h1>
      <SearchForm
        name="callbacks" title={t.title} words={t} search={search} look={look}
        fields={[{ name: 'queue', options: state.value.queues }, { name: 'assignee' }, { name: 'number', kind: 'tel' }]}
        checks={[{ name: 'over', label: t.over }]}
      >
        {changesCallbacks.value && canSchedule.value && <button type="button" class={primary} onClick={() => (form.value = 'new')} data-testid="callbacks-new">{text.outbound.schedule}</button>}
      </SearchForm>
      <p role="alert" class={css['trouble']}>{trouble.value}</p>
      {found.value.length === 0 && <p role="status" class={css['soft']}>{busy.value ? '' : t.none}</p>}
      <ul class={rows['plain']}>
        {found.value.map((c) => <CallbackRow key={c.id} c={c} edit={() => (form.value = c)} give={() => (giving.value = c)} done={() => void again()} />)}
      </ul>
      {next.value !== '' && <button onClick={() => void more()} disabled={busy.value} data-testid="callbacks-more">{t.more}</button>}
      {form.value !== null && <CallbackForm callback={form.value === 'new' ? null : form.value} close={closed} />}
      {giving.value !== null && <AssignForm callback={giving.value} close={closed} />}
    </section>
  );
}
