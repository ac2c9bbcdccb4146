// What a token's grants cover, by the server's own rule. It decides which controls are shown; the server checks
// every request by itself. Pure.

import type { Recording } from '../wire/wire';

/** allows says whether the grants cover a permission like "recording:listen". */
export function allows(grants: readonly string[], permission: string): boolean {
  return grants.some((g) => covers(g, permission));
}

function covers(grant: string, permission: string): boolean {
  if (grant === 'admin:*' || grant === permission) return true;
  if (grant.endsWith(':*')) return permission.startsWith(grant.slice(0, -1)) && permission.length > grant.length - 1;
  return permission === `${grant}:own`;
}

/** queues are the queues a permission is narrowed to, by grants like "recording:listen:queue:sales". */
export function queues(grants: readonly string[], permission: string): string[] {
  const prefix = `${permission}:queue:`;
  return grants.filter((g) => g.startsWith(prefix)).map((g) => g.slice(prefix.length)).filter((q) => q !== '' && q !== '*' && !q.includes(':'));
}

/** some says whether a permission is there at all: wholly, for some queues, or for what is the agent's own. */
export function some(grants: readonly string[], permission: string): boolean {
  return allows(grants, permission) || allows(grants, `${permission}:own`) || queues(grants, permission).length > 0;
}

/** mayDo says whether a permission covers one recording; me is the agent behind the token, empty for none. */
export function mayDo(grants: readonly string[], permission: string, rec: Recording, me: string): boolean {
  if (allows(grants, permission)) return true;
  if (rec.queue !== undefined && queues(grants, permission).includes(rec.queue)) return true;
  const own = me !== '' && (rec.agent === me || (rec.agents ?? []).includes(me));
  return own && allows(grants, `${permission}:own`);
}
