// One recording: the player of its listening copy, its markers, what is known of it, and what may be done to it.

import { useComputed, useSignal } from '@preact/signals';
import { acting, fetching, hold, markers, may, peaks, player, remove, save, seek, toggle, trouble } from '../../intent/library';
import { clock as write, mask } from '../../model/format';
import { span, told } from '../../model/library';
import { queueName } from '../../model/store';
import { text } from '../../text/en';
import type { Marker, Recording } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Icon } from '../parts/icon';
import { danger } from '../parts/parts';
import { Wave } from '../recordings/waveform';
import css from './library.module.css';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const SKIP_MS = 10_000;
const t = text.library;

export function Detail({ rec }: { rec: Recording }) {
  const marks = told(markers.value);
  return (
    <div class={css['detail']} data-testid="library-detail">
      {may('listen', rec) ? <Player rec={rec} marks={marks} /> : <p class={css['soft']}>{t.notYours}</p>}
      <p role="alert" class={css['trouble']} data-testid="library-trouble">{trouble.value}</p>
      <Markers rec={rec} marks={marks} />
      <Facts rec={rec} />
      <Acts rec={rec} />
    </div>
  );
}

function Player({ rec, marks }: { rec: Recording; marks: Marker[] }) {
  const p = player.value;
  const at = useComputed(() => player.value?.atMS.value ?? 0);
  const playing = p?.playing.value ?? false;
  const over = rec.ended !== undefined && rec.state !== 'deleting';
  const pauses = rec.gaps.filter((g) => g.cause === 'pause').length;
  return (
    <div class={css['player']} role="group" aria-label={t.player}>
      <Wave rec={rec} peaks={peaks.value} marks={marks} at={at} length={rec.duration_ms} seek={(ms) => void seek(rec, ms)} />
      <label class={css['seek']}>
        <span class="unseen">{text.recordings.seek}</span>
        <input
          type="range" min={0} max={rec.duration_ms} step={1000} value={at.value} disabled={p === null} data-testid="library-seek"
          aria-valuetext={text.recordings.position(write(at.value), write(rec.duration_ms))} onInput={(e) => p?.seek(Number(e.currentTarget.value))}
        />
        <span data-testid="library-position">{write(at.value)} / {write(rec.duration_ms)}</span>
      </label>
      <div class={css['buttons']}>
        <button onClick={() => void toggle(rec)} disabled={fetching.value || !over} data-testid="library-play" data-playing={String(playing)}>
          <Icon name={playing ? 'hold' : 'play'} size={18} />{fetching.value ? text.recordings.loading : playing ? text.recordings.pause : text.recordings.play}
        </button>
        <button onClick={() => p?.seek(at.value - SKIP_MS)} disabled={p === null}>{t.back}</button>
        <button onClick={() => p?.seek(at.value + SKIP_MS)} disabled={p === null}>{t.forward}</button>
        <button onClick={() => void save(rec)} disabled={acting.value || !over} data-testid="library-save">{t.save}</button>
      </div>
      <div class={css['legend']}>
        <span><i class={css['one']} />{text.recordings.tracks.customer}</span>
        <span><i class={css['two']} />{t.others}</span>
        {pauses > 0 && <span><i class={css['gap']} />{text.recordings.gaps(pauses)}</span>}
        {marks.length > 0 && <span><i class={css['mark']} />{t.markers}</span>}
      </div>
    </div>
  );
}

function Markers({ rec, marks }: { rec: Recording; marks: Marker[] }) {
  const mayHear = may('listen', rec);
  return (
    <section aria-label={t.markers} data-testid="library-markers">
      <h2>{t.markers}</h2>
      {marks.length === 0 && <p class={css['soft']}>{t.noMarkers}</p>}
      <ol class={css['marks']}>
        {marks.map((m, i) => (
          <li key={i} data-type={m.type}>
            <button onClick={() => void seek(rec, m.offset_ms)} disabled={!mayHear || fetching.value}><span class={css['length']}>{write(m.offset_ms)}</span>{words(m)}</button>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** words say what a marker is: what, how often, whose, how long. */
function words(m: Marker): string {
  const who = m.agent ?? (m.role === undefined ? '' : (t.roles[m.role] ?? m.role));
  return [
    (t.marks[m.type] ?? m.type) + (m.count === undefined ? '' : ` (${m.count})`), who, span(m) > 0 ? write(span(m)) : '', m.detail ?? '',
  ].filter((x) => x !== '').join(', ');
}

function Facts({ rec }: { rec: Recording }) {
  const f = t.facts;
  const rows: [string, string][] = [
    [f.from, rec.from ?? ''], [f.to, rec.to ?? ''], [f.queue, queueName(rec.queue)], [f.agents, (rec.agents ?? []).join(', ')],
    [f.started, day.format(new Date(rec.started))], [f.length, write(rec.duration_ms)],
    [f.kept, rec.keep_until === undefined ? f.forever : day.format(new Date(rec.keep_until))], [f.archives, (rec.archives ?? []).join(', ')],
    [f.recovered, rec.recovered === true ? f.recoveredText : ''], [f.error, rec.error ?? ''], [f.call, rec.call_id], [f.id, rec.id],
  ];
  const variables = Object.entries(rec.variables ?? {});
  return (
    <dl class={css['facts']}>
      {[...rows, ...variables].map(([name, value]) => value !== '' && <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

function Acts({ rec }: { rec: Recording }) {
  const reason = useSignal('');
  const asking = useSignal(false);
  const held = rec.hold;
  const mayHold = may('hold', rec);
  const mayDelete = may('delete', rec) && rec.ended !== undefined && rec.state !== 'deleting';
  return (
    <div class={css['acts']}>
      {held !== undefined && <p class={css['held']} data-testid="library-hold-note">{t.heldBy(held.by, day.format(new Date(held.since)), held.reason ?? '')}</p>}
      {mayHold && (
        <form
          class={css['inline']}
          onSubmit={(e) => {
            e.preventDefault();
            void hold(rec, held === undefined, reason.value).then((ok) => {
              if (ok) reason.value = '';
            });
          }}
        >
          <label>{t.reason}<input type="text" value={reason.value} maxLength={500} onInput={(e) => (reason.value = e.currentTarget.value)} data-testid="library-hold-reason" /></label>
          <button type="submit" disabled={acting.value} data-testid="library-hold">{held === undefined ? t.hold : t.release}</button>
        </form>
      )}
      {mayDelete && (
        <p>
          <button class={danger} disabled={acting.value || held !== undefined} aria-haspopup="dialog" onClick={() => (asking.value = true)} data-testid="library-delete">{t.remove}</button>{' '}
          {held !== undefined && <span class={css['soft']}>{t.removeHeld}</span>}
        </p>
      )}
      {asking.value && <Confirm rec={rec} close={() => (asking.value = false)} />}
    </div>
  );
}

function Confirm({ rec, close }: { rec: Recording; close: () => void }) {
  const reason = useSignal('');
  return (
    <Dialog title={t.removeTitle} lead={t.removeLead(mask(rec.from ?? ''), day.format(new Date(rec.started)))} close={close} testid="library-confirm">
      <form
        class={css['inline']}
        onSubmit={(e) => {
          e.preventDefault();
          void remove(rec, reason.value).then(close);
        }}
      >
        <label>{t.reason}<input type="text" value={reason.value} maxLength={500} onInput={(e) => (reason.value = e.currentTarget.value)} data-testid="library-delete-reason" /></label>
        <button type="button" onClick={close}>{t.removeNo}</button>
        <button type="submit" class={danger} disabled={acting.value} data-testid="library-delete-yes">{t.removeYes}</button>
      </form>
    </Dialog>
  );
}
