// My recordings, newest first, each with a waveform and a player.

import { clock as write, mask } from '../../model/format';
import { queueName } from '../../model/store';
import { broken, loading, open, player, recordings, refresh, show, toggle } from '../../intent/recordings';
import { text } from '../../text/en';
import type { Recording } from '../../wire/wire';
import { Icon } from '../parts/icon';
import { card, cls, quiet } from '../parts/parts';
import { Waveform } from './waveform';
import css from './recordings.module.css';

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

export function Recordings() {
  const t = text.recordings;
  const done = recordings.value.filter((r) => r.state !== 'recording' && r.state !== 'paused');
  return (
    <section class={cls(card, css['recordings'])} aria-labelledby="recordings" data-testid="recordings">
      <div class={css['head']}>
        <h2 id="recordings">{t.title}</h2>
        <button class={quiet} onClick={() => void refresh()} data-testid="recordings-refresh"><Icon name="refresh" size={18} />{t.refresh}</button>
      </div>
      {done.length === 0 && <p class={css['soft']}>{t.none}</p>}
      <ul>{done.map((r) => <Row key={r.id} rec={r} />)}</ul>
    </section>
  );
}

function Row({ rec }: { rec: Recording }) {
  const t = text.recordings;
  const opened = open.value === rec.id;
  const playing = opened && (player.value?.playing.value ?? false);
  const busy = loading.value === rec.id;
  const pauses = rec.gaps.filter((g) => g.cause === 'pause').length;
  const facts = [queueName(rec.queue), rec.state === 'stored' ? '' : t.states[rec.state], pauses > 0 ? t.gaps(pauses) : ''].filter((x) => x !== '');
  return (
    <li data-testid="recording-row" data-recording={rec.id} data-state={rec.state} class={cls(opened && css['opened'])}>
      <div class={css['row']}>
        <button class={css['play']} data-testid="play" onClick={() => void toggle(rec)} aria-label={`${playing ? t.pause : t.play}: ${mask(rec.from ?? '')}, ${day.format(new Date(rec.started))}`} data-playing={String(playing)} disabled={busy}>
          <Icon name={playing ? 'hold' : 'play'} size={18} />
        </button>
        <button class={css['what']} onClick={() => show(opened ? null : rec.id)} aria-expanded={opened}>
          <strong>{mask(rec.from ?? '')}</strong>
          <span class={css['length']}>{write(rec.duration_ms)}</span>
          <span class={css['soft']}>{day.format(new Date(rec.started))}</span>
          <span class={css['soft']}>{facts.join(' · ')}</span>
        </button>
      </div>
      {opened && (
        <div class={css['player']}>
          <Waveform rec={rec} />
          <Seek rec={rec} />
          <div class={css['legend']}>
            <span><i class={css['one']} />{t.tracks.customer}</span>
            <span><i class={css['two']} />{t.tracks.agent}</span>
            {pauses > 0 && <span><i class={css['gap']} />{t.gaps(pauses)}</span>}
          </div>
          <p role="status" class={css['soft']}>{busy ? t.loading : broken.value === rec.id ? t.failed : ''}</p>
        </div>
      )}
    </li>
  );
}

function Seek({ rec }: { rec: Recording }) {
  const p = player.value;
  const length = p?.lengthMS ?? rec.duration_ms;
  const at = p?.atMS.value ?? 0;
  return (
    <label class={css['seek']}>
      <span class="unseen">{text.recordings.seek}</span>
      <input
        type="range" min={0} max={length} step={100} value={at} disabled={p === null} aria-valuetext={text.recordings.position(write(at), write(length))}
        onInput={(e) => p?.seek(Number(e.currentTarget.value))}
      />
      <span data-testid="position">{write(at)} / {write(length)}</span>
    </label>
  );
}
