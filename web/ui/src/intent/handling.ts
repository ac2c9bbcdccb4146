// What the agent does with a call beyond speaking: ask somebody, swap, open a conference, leave it, give the
// call away, edit its variables. The server says what is possible; what it refuses is shown in words.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';
import { state } from '../model/store';
import type { Target, TargetKind, Variable } from '../wire/wire';
import { api, commands, fail, say } from './link';

/** What the search for somebody has found. */
export const targets = signal<Target[]>([]);

/** onCall asks something of the agent's call. A refusal is shown by commands. */
async function onCall(ask: (call: string) => Promise<unknown>): Promise<void> {
  const call = state.value.call;
  if (call !== null) await ask(call.id).catch(() => undefined);
}

export const hold = (on: boolean): Promise<void> => onCall((c) => (on ? commands.postCallHold(c) : commands.postCallResume(c)));
export const swap = (): Promise<void> => onCall((c) => commands.postCallConsultSwap(c));
export const endConsult = (): Promise<void> => onCall((c) => commands.postCallConsultEnd(c));
export const merge = (): Promise<void> => onCall((c) => commands.postCallConference(c, {}));
export const exit = (): Promise<void> => onCall((c) => commands.postCallExit(c));
export const complete = (): Promise<void> => onCall((c) => commands.postCallTransfer(c, {}));
export const drop = (leg: string): Promise<void> => onCall((c) => commands.postCallDrop(c, { leg_id: leg }));

/** What can be done with somebody who was chosen. */
export type Reach = 'consult' | 'conference' | 'transfer';

export async function reach(how: Reach, kind: TargetKind, target: string, wait: boolean): Promise<void> {
  await onCall((c) => {
    switch (how) {
      case 'consult': return commands.postCallConsult(c, { kind, target, hold_participants: wait });
      case 'conference': return commands.postCallConference(c, { kind, target });
      case 'transfer': return commands.postCallTransfer(c, { kind, target });
    }
  });
}

export async function search(text: string): Promise<void> {
  const found = await api.getTargets({ limit: 50, text }).catch(fail);
  targets.value = found?.items.filter((t) => t.id !== state.value.me) ?? [];
}

/** Outcome is what became of a save. */
export interface Outcome {
  stored: boolean;
  /** Somebody else was faster: what they stored, and the version to save over. */
  conflict?: string;
  version?: number;
  /** The server's sentence for any other refusal. */
  refused?: string;
}

/** save stores a value over the version the agent has seen. */
export async function save(v: Variable, value: string, version: number): Promise<Outcome> {
  const call = state.value.call;
  if (call === null) return { stored: false };
  try {
    const now = await api.putCallVariable(call.id, v.name, { value, version });
    const items = state.value.variables.map((x) => (x.name === now.name && x.version <= now.version ? { ...now, ...(now.secure ? { value: '', masked: now.value !== '' } : {}) } : x));
    state.value = { ...state.value, variables: items };
    return { stored: true };
  } catch (err) {
    const problem = Problem.of(err);
    if (problem.code !== 'variable_conflict') return { stored: false, refused: say(problem) };
    return { stored: false, conflict: problem.errors.find((e) => e.code === 'stored')?.detail ?? '', version: Number(problem.state ?? 0) };
  }
}

/** reveal fetches a secure value, to be shown for as long as the page wants. */
export async function reveal(v: Variable): Promise<string> {
  const call = state.value.call;
  if (call === null) return '';
  return (await api.getCallVariable(call.id, v.name).catch(fail))?.value ?? '';
}
