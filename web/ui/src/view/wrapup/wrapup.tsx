// Work after the call: one reason, found by typing, before the server's deadline or with more time.

import { useSignal } from '@preact/signals';
import { clock as write, elapsed, mask, seconds } from '../../model/format';
import { find } from '../../model/reasons';
import { now, online, rules, state } from '../../model/store';
import { extendWrapup, submitWrapup } from '../../intent/call';
import { reason, text } from '../../text/en';
import { Icon } from '../parts/icon';
import { card, cls, Key, primary } from '../parts/parts';
import css from './wrapup.module.css';

export function Wrapup() {
  const picked = useSignal('');
  const typed = useSignal('');
  const w = state.value.wrapup;
  if (w === null) return null;
  const t = text.wrapup;
  const last = state.value.last?.id === w.call_id ? state.value.last : null;
  const found = find(rules.value.wrapup.map((id) => ({ id, name: reason(id) })), typed.value);
  // A house without a list of reasons takes any words; a search that leaves one reason has chosen it.
  const free = rules.value.wrapup.length === 0;
  const only = found.length === 1 ? (found[0]?.id ?? '') : '';
  const chosen = free ? typed.value.trim() : picked.value !== '' ? picked.value : only;
  const left = seconds(w.deadline, now.value);
  const submit = (e: Event) => {
    e.preventDefault();
    if (chosen !== '') void submitWrapup(chosen);
  };
  return (
    <section class={cls(card, css['wrapup'])} data-testid="wrapup" aria-label={t.title}>
      <div class={css['head']}>
        <div>
          <h1>{t.title}</h1>
          {last !== null && <p class={css['soft']}>{t.caller} {last.from_name ?? mask(last.direction === 'inbound' ? last.from : last.to)}</p>}
        </div>
        <dl class={css['times']}>
          <div><dt>{t.since}</dt><dd data-testid="wrapup-since">{write(elapsed(w.started, now.value))}</dd></div>
          <div class={cls(left <= 10 && css['soon'])}><dt>{t.left}</dt><dd data-testid="wrapup-left">{write(left * 1000)}</dd></div>
        </dl>
      </div>
      <form onSubmit={submit} class={css['form']}>
        <label class={css['search']}>
          <span>{free ? t.write : t.search} <Key>W</Key></span>
          <span class={css['field']}>
            <Icon name="search" size={18} />
            <input id="wrapup-search" type="search" data-testid="wrapup-search" autocomplete="off" maxLength={100} value={typed.value} onInput={(e) => (typed.value = e.currentTarget.value)} aria-keyshortcuts="w" />
          </span>
        </label>
        {!free && <fieldset>
          <legend>{t.lead}</legend>
          <div class={css['reasons']}>
            {found.map((r) => (
              <label key={r.id} class={css['reason']} data-testid="wrapup-reason" data-reason={r.id}>
                <input type="radio" name="reason" value={r.id} checked={chosen === r.id} onChange={() => (picked.value = r.id)} />
                <span>{r.name}</span>
              </label>
            ))}
          </div>
          {found.length === 0 && <p class={css['soft']} role="status">{t.none}</p>}
        </fieldset>}
        <div class={css['buttons']}>
          <span class={css['soft']}>{left === 0 ? t.over : chosen === '' ? t.choose : ''}</span>
          <button type="button" data-testid="wrapup-extend" onClick={() => void extendWrapup()} disabled={!online.value || left === 0 || w.extensions_left === 0} title={t.extendLeft(w.extensions_left)} aria-keyshortcuts="x">
            <Icon name="clock" />{t.extend} <Key>X</Key>
          </button>
          <button type="submit" class={primary} data-testid="wrapup-submit" disabled={!online.value || chosen === ''}>
            <Icon name="check" />{t.submit} <Key>↵</Key>
          </button>
        </div>
      </form>
    </section>
  );
}
