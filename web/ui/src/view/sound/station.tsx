// Where an agent's calls ring: here, or at a desk phone.

import { useSignal } from '@preact/signals';
import { station } from '../../intent/session';
import { none } from '../../model/faults';
import { agent, online, state } from '../../model/store';
import { text } from '../../text/en';
import { Input } from '../parts/field';
import { cls } from '../parts/parts';
import css from './sound.module.css';

export function Station() {
  const t = text.station;
  const now = agent.value?.station ?? '';
  const typed = useSignal<string | null>(null);
  const move = useSignal(false);
  const faults = useSignal(none);
  const said = useSignal('');
  const value = typed.value ?? now;
  const set = async (to: string) => {
    said.value = '';
    faults.value = await station(to.trim(), to !== '' && move.value && state.value.call !== null);
    if (faults.value !== none) return;
    typed.value = null;
    said.value = to === '' ? t.hereNow : t.phoneNow(to);
  };
  return (
    <form class={cls(css['step'], css['station'])} data-testid="station" data-station={now} onSubmit={(e) => { e.preventDefault(); void set(value); }}>
      <h3>{t.title}</h3>
      <p class={css['soft']}>{now === '' ? t.here : t.phone(now)}</p>
      <Input label={t.number} name="station" type="tel" maxLength={200} value={value} set={(v) => (typed.value = v)} fault={faults.value.fields['station']} testid="station-number" />
      {state.value.call !== null && (
        <label class={css['switch']}><input type="checkbox" checked={move.value} onChange={(e) => (move.value = e.currentTarget.checked)} data-testid="station-handover" />{t.handover}</label>
      )}
      <button type="submit" disabled={!online.value || value.trim() === ''} data-testid="station-save">{t.ring}</button>
      {now !== '' && <button type="button" disabled={!online.value} onClick={() => void set('')} data-testid="station-here">{t.back}</button>}
      <p role="alert" class={css['bad']} data-testid="station-trouble">{faults.value.detail}</p>
      <p role="status" class={css['soft']} data-testid="station-said">{said.value}</p>
    </form>
  );
}
