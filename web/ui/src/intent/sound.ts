// The page's own sound: the microphone and its meter, the ring, the leg's audio and its quality. The
// signals here are what the views and the body's attributes show of the phone.

import { computed, effect, signal } from '@preact/signals';
import { Problem } from '../link/problem';
import { muted } from '../model/store';
import { context } from '../phone/audio';
import { choice, openMic, route, stopStream } from '../phone/devices';
import { Meter } from '../phone/meter';
import { Peer, type PeerState, type Signalling } from '../phone/peer';
import { grade, read, type Quality, type Reading } from '../phone/quality';

const STATS_MS = 2_000;

export const phone = signal<PeerState | 'idle'>('idle');
export const quality = signal<Quality | null>(null);
export const micMeter = signal<Meter | null>(null);
export const callerMeter = signal<Meter | null>(null);
/** The browser keeps the caller's voice off until the agent touches the page. */
export const blocked = signal(false);
export const mutedSpeaking = computed(() => muted.value && (micMeter.value?.speaking.value ?? false));

let mic: MediaStream | null = null;
let peer: Peer | null = null;
let holders = 0;
let watching: ReturnType<typeof setInterval> | undefined;

// A remote stream is silent in every other use unless an element plays it too.
const speaker = new Audio();
speaker.autoplay = true;

/** takeMic opens the microphone for one more user; give back with dropMic. Rejects with a Problem. */
export async function takeMic(): Promise<MediaStream> {
  holders++;
  try {
    if (mic === null || mic.getAudioTracks().every((t) => t.readyState === 'ended')) {
      setMic(await openMic());
    }
    if (mic === null) throw new Problem(0, 'mic_failed', 'closed while it opened');
    return mic;
  } catch (err) {
    dropMic();
    throw err;
  }
}

/** dropMic lets go; the last one closes the microphone. */
export function dropMic(): void {
  holders = Math.max(0, holders - 1);
  if (holders === 0) setMic(null);
}

function setMic(s: MediaStream | null): void {
  if (s !== null && holders === 0) {
    stopStream(s); // whoever asked is gone
    return;
  }
  const old = mic;
  micMeter.value?.close();
  mic = s;
  micMeter.value = s === null ? null : new Meter(s);
  if (old !== null && old !== s) stopStream(old);
}

/** reopen swaps the microphone for the one chosen now, also in a running call. */
export async function reopen(): Promise<void> {
  if (mic === null) return;
  const fresh = await openMic();
  await peer?.use(fresh);
  setMic(fresh);
  peer?.enable(!muted.value);
}

/** connect builds the leg's audio. Rejects with a Problem; then nothing is left open. */
export async function connect(iceServers: RTCIceServer[], server: Signalling): Promise<string> {
  disconnect();
  phone.value = 'connecting';
  let stream: MediaStream;
  try {
    stream = await takeMic();
  } catch (err) {
    phone.value = 'failed';
    throw err;
  }
  const p = new Peer(stream, iceServers, server, (s) => {
    if (peer === p) phone.value = s;
  }, hear);
  peer = p;
  p.enable(!muted.value);
  try {
    await p.connect();
  } catch (err) {
    if (peer === p) {
      disconnect();
      phone.value = 'failed';
    }
    throw err;
  }
  watchQuality(p);
  return p.legID ?? '';
}

/** disconnect ends the leg's audio here; the server learns it by its own ways. */
export function disconnect(): void {
  clearInterval(watching);
  quality.value = null;
  callerMeter.value?.close();
  callerMeter.value = null;
  speaker.srcObject = null;
  blocked.value = false;
  if (peer !== null) {
    const p = peer;
    peer = null;
    p.close();
    dropMic();
  }
  phone.value = 'idle';
}

/** legID is the leg whose audio runs here. */
export function legID(): string | null {
  return peer?.legID ?? null;
}

function hear(stream: MediaStream): void {
  speaker.srcObject = stream;
  void route(speaker, choice.value.out);
  callerMeter.value?.close();
  callerMeter.value = new Meter(stream);
  unblock();
}

/** unblock starts the caller's voice; browsers allow it when called from a click. */
export function unblock(): void {
  void context().resume();
  speaker.play().then(
    () => {
      blocked.value = false;
    },
    (err: unknown) => {
      blocked.value = err instanceof DOMException && err.name === 'NotAllowedError';
    },
  );
}

function watchQuality(p: Peer): void {
  let before: Reading = { received: 0, lost: 0, jitterMS: 0, roundTripMS: 0, remoteLoss: 0 };
  let silent = 0;
  clearInterval(watching);
  watching = setInterval(() => {
    void p.stats().then((report) => {
      if (peer !== p) return;
      const after = read(report);
      silent = after.received === before.received ? silent + 1 : 0;
      quality.value = grade(before, after, silent);
      before = after;
    });
  }, STATS_MS);
}

/** start keeps the sound as the signals say, for as long as the page lives. */
export function start(): void {
  effect(() => peer?.enable(!muted.value));
  effect(() => void route(speaker, choice.value.out));
}
