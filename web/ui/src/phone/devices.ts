// Microphones, headsets and the choice among them, remembered on this machine.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';

const KEY = 'cordboard.devices';

/** What the agent chose. An empty id is the system's standard device. */
export interface Choice {
  mic: string;
  out: string; // where callers are heard
  ring: string; // where it rings
  echo: boolean; // the browser's echo cancellation
  noise: boolean; // the browser's noise suppression
  gain: boolean; // the browser's automatic level
  silent: boolean; // ring on the screen only
}

const standard: Choice = { mic: '', out: '', ring: '', echo: true, noise: true, gain: true, silent: false };

export const choice = signal<Choice>(load());
export const mics = signal<MediaDeviceInfo[]>([]);
export const outs = signal<MediaDeviceInfo[]>([]);

function load(): Choice {
  try {
    const v: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return typeof v === 'object' && v !== null ? { ...standard, ...v } : standard;
  } catch {
    return standard;
  }
}

export function choose(change: Partial<Choice>): void {
  choice.value = { ...choice.value, ...change };
  localStorage.setItem(KEY, JSON.stringify(choice.value));
}

/** canPickOutput says whether this browser can send sound to a chosen device. */
export const canPickOutput = typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype;

/** refresh reads the list of devices; names are empty until the microphone was allowed once. */
export async function refresh(): Promise<void> {
  const all = await navigator.mediaDevices.enumerateDevices();
  // "default" and "communications" stand for another device of the same list
  const real = all.filter((d) => d.deviceId !== '' && d.deviceId !== 'default' && d.deviceId !== 'communications');
  mics.value = real.filter((d) => d.kind === 'audioinput');
  outs.value = real.filter((d) => d.kind === 'audiooutput');
}

/** watch keeps the lists right as headsets come and go. */
export function watch(): void {
  navigator.mediaDevices.addEventListener('devicechange', () => void refresh());
  void refresh();
}

/**
 * openMic opens the chosen microphone, or the standard one when the chosen one is not plugged in. Rejects
 * with a Problem: mic_denied, mic_missing or mic_failed. The caller stops the tracks.
 */
export async function openMic(): Promise<MediaStream> {
  const c = choice.value;
  const audio: MediaTrackConstraints = {
    echoCancellation: c.echo,
    noiseSuppression: c.noise,
    autoGainControl: c.gain,
    channelCount: 1,
  };
  if (c.mic !== '') audio.deviceId = { ideal: c.mic };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    void refresh();
    return stream;
  } catch (err) {
    const name = err instanceof DOMException ? err.name : '';
    if (name === 'NotAllowedError' || name === 'SecurityError') throw new Problem(0, 'mic_denied', '');
    if (name === 'NotFoundError' || name === 'OverconstrainedError') throw new Problem(0, 'mic_missing', '');
    throw new Problem(0, 'mic_failed', name);
  }
}

export function stopStream(s: MediaStream | null): void {
  s?.getTracks().forEach((t) => t.stop());
}

interface Sinkable {
  setSinkId?: (id: string) => Promise<void>;
}

/** route sends an element's or a context's sound to a device; a device that is gone means the standard one. */
export async function route(to: HTMLMediaElement | AudioContext, id: string): Promise<void> {
  const sink = to as Sinkable;
  if (sink.setSinkId === undefined) return;
  try {
    await sink.setSinkId(id);
  } catch {
    await sink.setSinkId('').catch(() => undefined);
  }
}
