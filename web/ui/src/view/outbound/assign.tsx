// Giving a callback to somebody else, or back to its queue.

import { useSignal } from '@preact/signals';
import { assignCallback } from '../../intent/outbound';
import { none } from '../../model/faults';
import { text } from '../../text/en';
import type { Callback } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Input } from '../parts/field';
import { primary } from '../parts/parts';
import { Person } from '../parts/person';
import css from './outbound.module.css';

export function AssignForm({ callback, close }: { callback: Callback; close: () => void }) {
  const t = text.outbound;
  const who = useSignal(callback.assignee ?? '');
  const minutes = useSignal(String(Math.round((callback.fallback_seconds ?? 0) / 60)));
  const faults = useSignal(none);
  const save = async (e: Event) => {
    e.preventDefault();
    faults.value = await assignCallback(callback.id, who.value, who.value === '' ? 0 : Math.round(Number(minutes.value) * 60));
    if (faults.value === none) close();
  };
  const bad = faults.value.fields;
  return (
    <Dialog title={t.giveTo(callback.name)} lead={t.giveLead} close={close} testid="assign-form">
      <form class={css['fields']} onSubmit={(e) => void save(e)} noValidate>
        <Person label={t.assignee} name="assignee" value={who.value} set={(v) => (who.value = v)} fault={bad['assignee']} testid="assign-agent" />
        {who.value !== '' && <Input label={t.fallback} name="fallback_seconds" type="number" min={0} value={minutes.value} set={(v) => (minutes.value = v)} fault={bad['fallback_seconds']} testid="assign-fallback" />}
        <p role="alert" class={css['trouble']} data-testid="assign-trouble">{faults.value.detail}</p>
        <div class={css['buttons']}>
          <button class={primary} type="submit" data-testid="assign-save">{t.save}</button>
          <button type="button" onClick={close}>{t.close}</button>
        </div>
      </form>
    </Dialog>
  );
}
