// What the agent does about noise: in the caller's voice, and in the own one as others hear it.

import { signal } from '@preact/signals';
import { customerLeg, myLeg } from '../model/store';
import type { DenoisePatch, Leg } from '../wire/wire';
import { fail, api } from './link';

/** Whose voice it is. */
export type Voice = 'caller' | 'own';

const KEY = 'cordboard.noise';
const USUAL = 80;
const COMPARE = 3000; // ms

/** Whether the caller is heard as it is, for comparison, and suppression comes back by itself. */
export const comparing = signal(false);
let back: ReturnType<typeof setTimeout> | undefined;

/** voiceLeg is the leg whose voice it is. */
export function voiceLeg(v: Voice): Leg | null {
  return v === 'caller' ? customerLeg.value : myLeg.value;
}

/** last is the level that was last chosen for a voice: what the switch turns on. */
export function last(v: Voice): number {
  const n = Number(localStorage.getItem(`${KEY}.${v}`));
  return n > 0 && n <= 100 ? n : USUAL;
}

async function patch(leg: Leg, denoise: DenoisePatch): Promise<void> {
  await api.patchLeg(leg.id, { denoise });
}

/** ask sets what is done to a voice. The listener's own wish would keep it up, so it gives way. */
async function ask(v: Voice, denoise: DenoisePatch): Promise<void> {
  const leg = voiceLeg(v);
  const listener = voiceLeg(v === 'caller' ? 'own' : 'caller');
  if (leg === null) return;
  await patch(leg, denoise);
  if (listener !== null && listener.denoise.out > 0) await patch(listener, { out: 0 });
}

/** setNoise suppresses noise at a level from 1 to 100, or with 0 no longer. */
export async function setNoise(v: Voice, level: number): Promise<void> {
  if (level > 0) localStorage.setItem(`${KEY}.${v}`, String(level));
  if (v === 'caller') stopComparing();
  await ask(v, { in: level, residual: false }).catch(fail);
}

export async function toggleNoise(v: Voice): Promise<void> {
  const leg = voiceLeg(v);
  if (leg !== null) await setNoise(v, leg.denoise.level > 0 ? 0 : last(v));
}

/** toggleResidual lets the agent hear what is taken from the caller's voice: a machine, a bad line. */
export async function toggleResidual(): Promise<void> {
  const leg = customerLeg.value;
  if (leg === null) return;
  stopComparing();
  const d: DenoisePatch = { residual: leg.denoise.residual !== true };
  if (d.residual === true && leg.denoise.in === 0) d.in = last('caller');
  await patch(leg, d).catch(fail);
}

/** compare lets the agent hear the caller without suppression for three seconds. */
export async function compare(): Promise<void> {
  const leg = customerLeg.value;
  if (leg === null || comparing.value || leg.denoise.level === 0) return;
  const level = leg.denoise.level;
  comparing.value = true;
  try {
    await ask('caller', { in: 0, residual: false });
    back = setTimeout(() => {
      comparing.value = false;
      const now = customerLeg.value;
      if (now?.id === leg.id) patch(now, { in: level }).catch(fail);
    }, COMPARE);
  } catch (err) {
    comparing.value = false;
    fail(err);
  }
}

function stopComparing(): void {
  clearTimeout(back);
  comparing.value = false;
}
