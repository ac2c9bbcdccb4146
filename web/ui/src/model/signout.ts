// What a pending sign-out waits for, in words. Pure.

import { clock, seconds } from './format';
import type { Signout } from '../wire/wire';

/** signoutLine is the cause and, where the server knows one, the time left. */
export function signoutLine(s: Signout | undefined, now: number, words: Readonly<Record<string, string>>): string {
  if (s === undefined) return '';
  const why = words[s.waits_for] ?? s.waits_for;
  return s.by === undefined ? why : `${why}, ${clock(seconds(s.by, now) * 1000)}`;
}
