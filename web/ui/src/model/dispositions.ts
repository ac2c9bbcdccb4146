// Results agents can choose, as lines of text: "code = words". Pure.

import type { Disposition } from '../wire/wire';

export function writeDispositions(all: readonly Disposition[]): string {
  return all.map((d) => (d.label === '' || d.label === d.code ? d.code : `${d.code} = ${d.label}`)).join('\n');
}

/** readDispositions reads the lines; empty ones count for nothing. */
export function readDispositions(lines: string): Disposition[] {
  return lines.split('\n').flatMap((line) => {
    const [code = '', ...words] = line.split('=');
    return code.trim() === '' ? [] : [{ code: code.trim(), label: words.join('=').trim() }];
  });
}
