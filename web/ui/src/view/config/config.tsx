// The administrator's page: the contact centre's configuration as JSON, checked and compared by the server
// before it is saved, its versions, and who would get a call now.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../../intent/link';
import { Problem } from '../../link/problem';
import { text } from '../../text/en';
import type { ConfigChange, ConfigDiff, DeskConfig, DryRun, Finding } from '../../wire/wire';
import { Dialog } from '../dialog';
import { primary } from '../parts/parts';
import css from './config.module.css';

const t = text.config;
const vs = text.versions;

export function ConfigPage() {
  const base = useSignal<DeskConfig | null>(null);
  const versions = useSignal<DeskConfig[]>([]);
  const source = useSignal('');
  const note = useSignal('');
  const trouble = useSignal('');
  const done = useSignal('');
  const findings = useSignal<Finding[]>([]);
  const changes = useSignal<ConfigChange[] | null>(null);
  const diff = useSignal<ConfigDiff | null>(null);
  const sure = useSignal<number | null>(null); // the version to roll back to, asked for twice

  const run = async (f: () => Promise<void>) => {
    trouble.value = '';
    done.value = '';
    try {
      await f();
    } catch (err) {
      const p = Problem.of(err);
      trouble.value = err instanceof SyntaxError ? t.notJSON + err.message : p.detail;
      findings.value = p.errors.map((e) => ({ pointer: e.pointer, code: e.code, detail: e.detail ?? '', warning: false }));
    }
  };
  const read = () => run(async () => {
    const c = await api.getConfigDesk();
    base.value = c;
    source.value = JSON.stringify(c.config, null, 2);
    findings.value = c.findings ?? [];
    changes.value = null;
    versions.value = (await api.getConfigDeskVersions()).items;
  });
  const put = (check: boolean) => run(async () => {
    const body = { config: JSON.parse(source.value) as unknown, base: base.value?.version ?? 0, note: note.value, check };
    const a = await api.putConfigDesk(body);
    if (!check) {
      await read();
      done.value = t.saved(a.saved.version);
    }
    findings.value = a.saved.findings ?? [];
    changes.value = a.changes;
  });
  const back = (version: number) => run(async () => {
    const a = await api.postConfigDeskRollback({ version, base: base.value?.version ?? 0 });
    await read();
    changes.value = a.changes;
    done.value = t.saved(a.saved.version);
  });
  const differ = (version: number) => run(async () => {
    diff.value = await api.getConfigDeskDiff({ from: version, to: base.value?.version ?? 0 });
  });
  useEffect(() => { void read(); }, []);

  return (
    <main class={css['page']} data-testid="config">
      <h1>{t.title}</h1>
      {base.value !== null && <p>{t.version(base.value.version, base.value.actor ?? '')}</p>}
      <label>{t.editor}
        <textarea
          class={css['source']} spellcheck={false} rows={24} value={source.value} data-testid="config-source"
          onInput={(e) => (source.value = e.currentTarget.value)}
        />
      </label>
      <label>{t.note} <input value={note.value} maxLength={500} onInput={(e) => (note.value = e.currentTarget.value)} /></label>
      <p class={css['buttons']}>
        <button onClick={() => void put(true)} data-testid="config-check">{t.check}</button>
        <button class={primary} onClick={() => void put(false)} data-testid="config-save">{t.save}</button>
        <button onClick={() => void read()}>{t.reload}</button>
      </p>
      <p role="alert" data-testid="config-trouble">{trouble.value}</p>
      <p role="status" data-testid="config-done">{done.value}</p>
      {findings.value.length > 0 && (
        <section aria-labelledby="findings">
          <h2 id="findings">{t.findings}</h2>
          <ul>{findings.value.map((f) => <li key={f.pointer + f.code} data-testid="config-finding"><strong>{f.warning ? vs.warning : vs.error}</strong> <code>{f.pointer}</code> {f.detail}</li>)}</ul>
        </section>
      )}
      {changes.value !== null && <Changes list={changes.value} />}
      <section aria-labelledby="versions">
        <h2 id="versions">{t.versions}</h2>
        <ul>
          {versions.value.map((v) => (
            <li key={v.version}>
              {t.version(v.version, v.actor ?? '')} {v.note}{' '}
              {v.version !== base.value?.version && (
                <>
                  <button onClick={() => void differ(v.version)} data-testid="config-compare">{vs.with(v.version)}</button>{' '}
                  <button onClick={() => (sure.value = v.version)} data-testid="config-rollback">{t.rollBack(v.version)}</button>
                </>
              )}
            </li>
          ))}
        </ul>
      </section>
      {diff.value !== null && <Changes list={diff.value.changes} title={vs.differs(diff.value.from, diff.value.to)} id="diff" />}
      <WhoGets source={source.value} />
      {sure.value !== null && (
        <Dialog title={vs.rollBackSure(sure.value)} lead={vs.rollBackLead} close={() => (sure.value = null)} testid="config-sure">
          <p class={css['buttons']}>
            <button onClick={() => { const v = sure.value; sure.value = null; if (v !== null) void back(v); }} data-testid="config-sure-yes">{t.rollBack(sure.value)}</button>
            <button onClick={() => (sure.value = null)}>{vs.no}</button>
          </p>
        </Dialog>
      )}
    </main>
  );
}

function Changes({ list, title = t.changes, id = 'changes' }: { list: ConfigChange[]; title?: string; id?: string }) {
  const show = (v: unknown) => (v === undefined ? '' : JSON.stringify(v));
  return (
    <section aria-labelledby={id} data-testid={`config-${id}`}>
      <h2 id={id}>{title}</h2>
      {list.length === 0 && <p>{t.nothing}</p>}
      <ul>{list.map((c) => <li key={c.pointer}><code>{c.pointer}</code> <del>{show(c.from)}</del> <ins>{show(c.to)}</ins></li>)}</ul>
    </section>
  );
}

function WhoGets({ source }: { source: string }) {
  const to = useSignal('');
  const from = useSignal('');
  const candidate = useSignal(false);
  const answer = useSignal<DryRun | null>(null);
  const trouble = useSignal('');
  const ask = async () => {
    trouble.value = '';
    answer.value = null;
    try {
      const config = candidate.value ? { config: JSON.parse(source) as unknown } : {};
      answer.value = await api.postConfigDeskDryrun({ to: to.value, from: from.value, ...config });
    } catch (err) {
      trouble.value = err instanceof SyntaxError ? t.notJSON + err.message : Problem.of(err).detail;
    }
  };
  const a = answer.value;
  return (
    <section aria-labelledby="dryrun">
      <h2 id="dryrun">{t.dryRun}</h2>
      <form class={css['buttons']} onSubmit={(e) => { e.preventDefault(); void ask(); }}>
        <label>{t.to} <input required value={to.value} data-testid="dryrun-to" onInput={(e) => (to.value = e.currentTarget.value)} /></label>
        <label>{t.from} <input value={from.value} onInput={(e) => (from.value = e.currentTarget.value)} /></label>
        <label><input type="checkbox" checked={candidate.value} onChange={(e) => (candidate.value = e.currentTarget.checked)} />{t.candidate}</label>
        <button>{t.ask}</button>
      </form>
      <p role="alert">{trouble.value}</p>
      {a !== null && (
        <div data-testid="dryrun-answer">
          <p>{a.diverted !== undefined ? t.diverted(a.diverted.reason) : a.agent === undefined ? t.waits : t.gets(a.agent)}</p>
          <table>
            <thead><tr><th scope="col">{t.agent}</th><th scope="col">{t.why}</th></tr></thead>
            <tbody>{a.agents.map((x) => <tr key={x.id}><td>{x.name ?? x.id}</td><td>{x.reason}</td></tr>)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}
