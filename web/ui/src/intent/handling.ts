// What the agent does with a call beyond speaking: ask somebody, swap, open a conference, leave it, give the
// call away, edit its variables. The server says what is possible; what it refuses is shown in words.

import { signal } from '@preact/signals';
import { Problem } from '../link/problem';
import { state } from '../model/store';
import type { Target, TargetKind, TargetList, Variable } from '../wire/wire';
import { command, fail, http, say } from './link';

/** What the search for somebody has found. */
export const targets = signal<Target[]>([]);

function path(action: string): string | null {
  const call = state.value.call;
  return call === null ? null : `/v1/calls/${call.id}/${action}`;
}

async function post(action: string, body?: object): Promise<void> {
  const p = path(action);
  if (p !== null) await command('POST', p, body ?? {}).catch(() => undefined);
}

export const hold = (on: boolean): Promise<void> => post(on ? 'hold' : 'resume');
export const swap = (): Promise<void> => post('consult/swap');
export const endConsult = (): Promise<void> => post('consult/end');
export const merge = (): Promise<void> => post('conference');
export const exit = (): Promise<void> => post('exit');
export const complete = (): Promise<void> => post('transfer');
export const drop = (leg: string): Promise<void> => post('drop', { leg_id: leg });

/** What can be done with somebody who was chosen. */
export type Reach = 'consult' | 'conference' | 'transfer';

export async function reach(how: Reach, kind: TargetKind, target: string, wait: boolean): Promise<void> {
  await post(how, how === 'consult' ? { kind, target, hold_participants: wait } : { kind, target });
}

export async function search(text: string): Promise<void> {
  const found = (await http.json('GET', `/v1/targets?limit=50&text=${encodeURIComponent(text)}`).catch(fail)) as TargetList | undefined;
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
  const p = path(`variables/${encodeURIComponent(v.name)}`);
  if (p === null) return { stored: false };
  try {
    const now = (await http.json('PUT', p, { value, version })) as Variable;
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
  const p = path(`variables/${encodeURIComponent(v.name)}`);
  if (p === null) return '';
  const got = (await http.json('GET', p).catch(fail)) as Variable | undefined;
  return got?.value ?? '';
}
