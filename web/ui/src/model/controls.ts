// Which of an agent's controls a call shows now. The server's matrix decides; a call the desk does not handle (one
// the agent only joined) has the plain ones. Pure.

import type { Control, Controls, Handling } from '../wire/wire';

const on: Control = { visible: true, enabled: true };
const gone: Control = { visible: false, enabled: false };

export const plain: Controls = {
  accept: gone, hold: on, mute: on, keypad: on, end: on, transfer: gone, consult: gone, add: gone, swap: gone, end_consult: gone,
  conference: gone, exit: gone, drop: gone, recording: on, wrapup: gone,
};

const nothing: Controls = { ...plain, hold: gone, mute: gone, keypad: gone, end: gone, recording: gone };

export function controlsOf(h: Handling | null, me: string): Controls {
  return h === null ? plain : (h.controls[me] ?? nothing);
}
