// Work after the call: one reason, found by typing, before the server's deadline or with more time.

import { clock as write, elapsed, mask, seconds } from '../../model/format';
import { find } from '../../model/reasons';
import { now, online, rules, state } from '../../model/store';
import { useMemo } from 'preact/hooks';
import { cancelCountdown, extendWrapup, may, submitWrapup } from '../../intent/call';
import { draft } from '../../intent/drafts';
import { reason, text } from '../../text/en';
import { Icon } from '../parts/icon';
import { card, cls, Key, primary } from '../parts/parts';
import css from './wrapup.module.css';

export function Wrapup() {
  const w = state.value.wrapup;
  const id = w?.id ?? '';
  const pick = useMemo(() => draft<string>(`wrapup.${id}.reason`), [id]); // a reload takes neither away
  const type = useMemo(() => draft<string>(`wrapup.${id}.text`), [id]);
  if (w === null) return null;
  const picked = pick.value.value ?? '';
  const typed = type.value.value ?? '';
  const t = text.wrapup;
  const last = state.value.last?.id === w.call_id ? state.value.last : null;
  const known = w.reasons !== undefined ? w.reasons.map((r) => ({ id: r.code, name: r.label === '' ? reason(r.code) : r.label })) : rules.value.wrapup.map((code) => ({ id: code, name: reason(code) }));
  const found = find(known, typed);
  // A house without a list of reasons takes any words; a search that leaves one reason has chosen it.
  const free = known.length === 0;
  const only = found.length === 1 ? (found[0]?.id ?? '') : '';
  const chosen = free ? typed.trim() : picked !== '' && known.some((r) => r.id === picked) ? picked : only;
  const left = seconds(w.deadline, now.value);
  const submit = (e: Event) => {
    e.preventDefault();
    if (chosen === '') return;
    void submitWrapup(chosen).then(() => {
      if (state.value.wrapup?.id === id) return; // refused: what was typed stays
      pick.forget();
      type.forget();
    });
  };
  const nameOf = (code: string) => known.find((r) => r.id === code)?.name ?? reason(code);
  const byHand = w.cancelled === true;
  return (
    <section class={cls(card, css['wrapup'])} data-testid="wrapup" aria-label={t.title}>
      <div class={css['head']}>
        <div>
          <h1>{t.title}</h1>
          {last !== null && <p class={css['soft']}>{t.caller} {last.from_name ?? mask(last.direction === 'inbound' ? last.from : last.to)}</p>}
        </div>
        <dl class={css['times']}>
          <div><dt>{t.since}</dt><dd data-testid="wrapup-since">{write(elapsed(w.started, now.value))}</dd></div>
          <div class={cls(left <= 10 && !byHand && css['soon'])}><dt>{byHand ? text.wrap.byHandTill : t.left}</dt><dd data-testid="wrapup-left">{Date.parse(w.deadline) <= 0 ? '–' : write(left * 1000)}</dd></div>
        </dl>
      </div>
      <form onSubmit={submit} class={css['form']}>
        <label class={css['search']}>
          <span>{free ? t.write : t.search} <Key>W</Key></span>
          <span class={css['field']}>
            <Icon name="search" size={18} />
            <input id="wrapup-search" type="search" data-testid="wrapup-search" autocomplete="off" maxLength={100} value={typed} onInput={(e) => type.type(e.currentTarget.value)} aria-keyshortcuts="w" />
          </span>
        </label>
        {!free && <fieldset>
          <legend>{t.lead}</legend>
          <div class={css['reasons']}>
            {found.map((r) => (
              <label key={r.id} class={css['reason']} data-testid="wrapup-reason" data-reason={r.id}>
                <input type="radio" name="reason" value={r.id} checked={chosen === r.id} onChange={() => pick.type(r.id)} />
                <span>{r.name}</span>
              </label>
            ))}
          </div>
          {found.length === 0 && <p class={css['soft']} role="status">{t.none}</p>}
        </fieldset>}
        <p class={css['soft']} data-testid="wrapup-zero">
          {byHand ? text.wrap.byHand : w.default === undefined || w.default === '' ? '' : text.wrap.atZero(nameOf(w.default))}
        </p>
        <div class={css['buttons']}>
          <span class={css['soft']}>{left === 0 && !byHand ? t.over : chosen === '' ? t.choose : ''}</span>
          {may(w, 'cancel') && (
            <button type="button" data-testid="wrapup-cancel" onClick={() => void cancelCountdown()} disabled={!online.value} aria-keyshortcuts="x">
              <Icon name="hold" />{text.wrap.cancel} <Key>X</Key>
            </button>
          )}
          {may(w, 'extend') && (
            <button type="button" data-testid="wrapup-extend" onClick={() => void extendWrapup()} disabled={!online.value || left === 0} aria-keyshortcuts="x" aria-describedby="wrapup-extensions">
              <Icon name="clock" />{(w.extension_seconds ?? 0) > 0 ? text.wrap.extendBy(w.extension_seconds ?? 0) : t.extend} <Key>X</Key>
            </button>
          )}
          {may(w, 'extend') && <span id="wrapup-extensions" class={css['soft']}>{t.extendLeft(w.extensions_left)}</span>}
          <button type="submit" class={primary} data-testid="wrapup-submit" disabled={!online.value || chosen === ''}>
            <Icon name="check" />{t.submit} <Key>↵</Key>
          </button>
        </div>
      </form>
    </section>
  );
}
