// The audit log: who did what with recordings, newest first.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { acting, type AuditSearch, entries, lookAudit, moreAudit, older, trouble } from '../../intent/library';
import { text } from '../../text/en';
import { Icon } from '../parts/icon';
import { card, cls, primary } from '../parts/parts';
import css from './library.module.css';

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const everything: AuditSearch = { actor: '', action: '', object: '' };
const t = text.audit;

export function AuditPage() {
  const search = useSignal(everything);
  useEffect(() => { void lookAudit(everything); }, []);
  const field = (name: keyof AuditSearch, extra: object = {}) => (
    <label>{t[name]}<input type="text" value={search.value[name]} autocomplete="off" onInput={(e) => (search.value = { ...search.value, [name]: e.currentTarget.value })} data-testid={`audit-${name}`} {...extra} /></label>
  );
  return (
    <section class={cls(card, css['library'])} aria-labelledby="audit" data-testid="audit">
      <h1 id="audit">{t.title}</h1>
      <form
        class={css['search']} role="search" aria-label={t.title}
        onSubmit={(e) => {
          e.preventDefault();
          void lookAudit(search.value);
        }}
      >
        {field('actor')}
        {field('action', { list: 'audit-actions' })}
        <datalist id="audit-actions">{Object.entries(t.actions).map(([code, words]) => <option key={code} value={code}>{words}</option>)}</datalist>
        {field('object')}
        <div class={css['buttons']}><button type="submit" class={primary} data-testid="audit-search"><Icon name="search" size={18} />{t.search}</button></div>
      </form>
      <p role="alert" class={css['trouble']}>{trouble.value}</p>
      {entries.value.length === 0 ? <p role="status" class={css['soft']}>{t.none}</p> : (
        <div class={css['scroll']} role="region" aria-labelledby="audit" tabIndex={0}>
          <table class={css['table']}>
            <thead><tr>{[t.time, t.actor, t.action, t.object, t.address, t.detail].map((x) => <th key={x} scope="col">{x}</th>)}</tr></thead>
            <tbody>
              {entries.value.map((e) => (
                <tr key={e.seq} data-testid="audit-row">
                  <td>{moment.format(new Date(e.time))}</td>
                  <td>{e.actor}</td>
                  <td title={e.action}>{t.actions[e.action] ?? e.action}</td>
                  <td><code>{e.object}</code></td>
                  <td>{e.from}</td>
                  <td>{Object.entries(e.detail ?? {}).filter(([, v]) => v !== '').map(([k, v]) => `${k}: ${v}`).join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {older.value !== '' && <button onClick={() => void moreAudit()} disabled={acting.value} data-testid="audit-more">{t.more}</button>}
    </section>
  );
}
