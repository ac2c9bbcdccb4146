// Small pieces that every screen uses.

import type { ComponentChildren } from 'preact';
import type { Signal } from '@preact/signals';
import { single } from '../keys';
import css from './parts.module.css';

export const cls = (...names: (string | false | undefined)[]): string => names.filter(Boolean).join(' ');
export const card = css['card'] ?? '';
export const primary = css['primary'] ?? '';
export const danger = css['danger'] ?? '';
export const good = css['good'] ?? '';
export const quiet = css['quiet'] ?? '';

/** Key shows a shortcut on its button. Screen readers get it from aria-keyshortcuts. */
export function Key({ children }: { children: ComponentChildren }) {
  if (!single.value) return null;
  return <kbd class={css['key']} aria-hidden="true">{children}</kbd>;
}

const STEPS = 16;

/** Meter is a row of lamps for a level from 0 to 1; the last three are the loud end. */
export function Meter({ level, label }: { level: Signal<number> | undefined; label: string }) {
  const v = level?.value ?? 0;
  const lit = Math.round(v * STEPS);
  return (
    <div class={css['meter']} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(v * 100)}>
      {Array.from({ length: STEPS }, (_, i) => (
        <i key={i} class={i >= lit ? undefined : i >= STEPS - 2 ? css['hot'] : css['lit']} />
      ))}
    </div>
  );
}

/** Bars are 0 to 4 bars of the network; words stand beside them. */
export function Bars({ bars }: { bars: number }) {
  return (
    <span class={css['bars']} aria-hidden="true">
      {[1, 2, 3, 4].map((n) => <i key={n} class={n <= bars ? css['lit'] : undefined} />)}
    </span>
  );
}
