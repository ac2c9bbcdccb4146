// The broken rules of a refused form, by the field they point to. Pure.

import type { Problem } from '../link/problem';

export interface Faults {
  /** By the first part of the pointer: "/from" is "from", "/add/number" is "add.number". */
  fields: Record<string, string>;
  /** The server's sentence about the whole; empty where it stands at a field already. */
  detail: string;
}

export const none: Faults = { fields: {}, detail: '' };

export function faults(p: Problem): Faults {
  const fields: Record<string, string> = {};
  for (const e of p.errors) {
    const name = e.pointer.split('/').filter((x) => x !== '').join('.');
    const words = e.detail === undefined || e.detail === '' ? e.code.replaceAll('_', ' ') : e.detail;
    fields[name] = fields[name] === undefined ? words : `${fields[name]}; ${words}`;
  }
  const said = Object.values(fields).includes(p.detail); // the only fault's own sentence, which stands at its field
  return { fields, detail: said ? '' : p.detail === '' && p.errors.length === 0 ? p.code : p.detail };
}
