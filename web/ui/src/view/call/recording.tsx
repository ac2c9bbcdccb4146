// The state of the recording, in words and with the seconds a pause still has, by the server's clock; and of the secure entry
// of keys, with their number.

import { toggleRecording } from '../../intent/call';
import { seconds } from '../../model/format';
import { now, online, rules, state } from '../../model/store';
import { text } from '../../text/en';
import { Icon } from '../parts/icon';
import { cls, Key } from '../parts/parts';
import css from './recording.module.css';

export function RecordingBar() {
  const r = state.value.recording;
  const t = text.rec;
  const c = state.value.call?.capture;
  if (c !== undefined) { // it ends by itself, and the pause with it
    return (
      <div class={cls(css['bar'], css['paused'])}>
        <span class={css['state']} data-testid="rec-state" data-state="capture">
          <Icon name="hold" size={18} />
          <strong>{t.capture}</strong>
        </span>
        <span data-testid="capture-count" data-count={c.count} class={css['left']}>{'•'.repeat(c.count)} {t.keys(c.count)}</span>
        <span data-testid="rec-remaining">{t.left(seconds(c.deadline, now.value))}</span>
      </div>
    );
  }
  if (r === null) {
    return <div class={css['bar']}><span class={css['state']} data-testid="rec-state" data-state="none">{t.none}</span></div>;
  }
  const paused = r.state === 'paused';
  const gap = paused ? r.gaps.find((g) => g.cause === 'pause' && g.till === undefined) : undefined; // the pause that holds it
  const announced = gap?.owner === 'consent';
  const word = !paused ? t.recording : announced ? t.announcement : gap?.by !== undefined && gap.by !== state.value.me ? t.pausedBy(gap.by) : t.paused;
  const pause = rules.value.pauseSeconds;
  return (
    <div class={cls(css['bar'], paused ? css['paused'] : css['running'])}>
      <span class={css['state']} data-testid="rec-state" data-state={r.state}>
        <Icon name={paused ? 'hold' : 'record'} size={18} />
        <strong>{word}</strong>
      </span>
      {paused && r.paused_till !== undefined && <span data-testid="rec-remaining" class={css['left']}>{t.left(seconds(r.paused_till, now.value))}</span>}
      {announced
        ? null // it is recorded from the announcement's end on
        : paused
          ? <button data-testid="rec-resume" onClick={() => void toggleRecording()} disabled={!online.value} aria-keyshortcuts="p"><Icon name="record" size={18} />{t.resume} <Key>P</Key></button>
          : <button data-testid="rec-pause" onClick={() => void toggleRecording()} disabled={!online.value} aria-keyshortcuts="p"><Icon name="hold" size={18} />{pause > 0 ? t.pauseFor(pause) : t.pause} <Key>P</Key></button>}
    </div>
  );
}
