// Noise suppression: a switch and a level for the caller's voice and for the agent's, and ways to hear what
// it does to the caller.

import { compare, comparing, last, setNoise, toggleNoise, toggleResidual, voiceLeg, type Voice } from '../../intent/noise';
import { online } from '../../model/store';
import { text } from '../../text/en';
import { cls, Key } from '../parts/parts';
import css from './noise.module.css';

export function Noise() {
  const t = text.noise;
  const leg = voiceLeg('caller');
  if (leg === null) return null;
  const d = leg.denoise;
  const on = d.level > 0;
  const off = !online.value;
  return (
    <fieldset class={css['noise']} data-testid="noise">
      <legend>{t.title}</legend>
      <Row voice="caller" label={t.caller} shortcut />
      <Row voice="own" label={t.own} />
      <div class={css['listen']}>
        <button data-testid="noise-compare" aria-pressed={comparing.value} disabled={off || !(on || comparing.value)} onClick={() => void compare()}>
          {comparing.value ? t.comparing : t.compare}
        </button>
        <button data-testid="noise-residual" aria-pressed={d.residual === true} disabled={off} class={cls(d.residual === true && css['on'])} onClick={() => void toggleResidual()}>
          {d.residual === true ? t.voice : t.residual}
        </button>
      </div>
      <p class={css['note']} role="status" data-testid="noise-note">
        {d.passes !== undefined ? t.passesLong[d.passes] : d.residual === true ? t.residualOn : ''}
      </p>
    </fieldset>
  );
}

function Row({ voice, label, shortcut }: { voice: Voice; label: string; shortcut?: boolean }) {
  const t = text.noise;
  const leg = voiceLeg(voice);
  const level = leg?.denoise.level ?? 0;
  const passes = leg?.denoise.passes;
  const off = !online.value || leg === null;
  const id = `noise-${voice}`;
  return (
    <div class={css['row']}>
      <label>
        <input
          type="checkbox" role="switch" data-testid={id} checked={level > 0} disabled={off}
          onChange={() => void toggleNoise(voice)} {...(shortcut === true ? { 'aria-keyshortcuts': 'Shift+N' } : {})}
        />
        {label} {shortcut === true && <Key>⇧N</Key>}
      </label>
      <input
        type="range" min={10} max={100} step={10} data-testid={`${id}-level`} aria-label={t.level(label)} disabled={off || level === 0}
        value={level > 0 ? level : last(voice)} onChange={(e) => void setNoise(voice, Number(e.currentTarget.value))}
      />
      <output>{level > 0 ? t.percent(level) : t.off}</output>
      {passes !== undefined && <span class={css['badge']} data-testid={`${id}-badge`} title={t.passesLong[passes]}>{t.passes[passes]}</span>}
    </div>
  );
}
