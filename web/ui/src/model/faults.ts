// The broken rules of a refused form, by the field they point to. Pure.

import type { Problem } from '../link/problem';

export interface Faults {
  /** By the first part of the pointer: "/from" is "from", "/add/number" is "add.number". */
  fields: Record<string, string>;
  /** The server's sentence about the whole. */
  detail: string;
}

export const none: Faults = { fields: {}, detail: '' };

export function faults(p: Problem): Faults {
  const fields: Record<string, string> = {};
  for (const e of p.errors) {
    const name = e.pointer.split('/').filter((x) => x !== '').join('.');
    const said = e.detail === undefined || e.detail === '' ? e.code.replaceAll('_', ' ') : e.detail;
    fields[name] = fields[name] === undefined ? said : `${fields[name]}; ${said}`;
  }
  return { fields, detail: p.detail === '' && p.errors.length === 0 ? p.code : p.detail };
}
