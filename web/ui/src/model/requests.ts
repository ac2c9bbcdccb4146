// The requests an agent has not answered: which comes first, what a stack of them is called, which can be
// taken together. Pure.

export type Kind = 'email' | 'social' | 'chat' | 'call';

/** From top to bottom; whatever is answered by talking (calls, consults, callbacks, records) is a call. */
const ORDER: readonly Kind[] = ['email', 'social', 'chat', 'call'];

/** How many are on screen before the stack is counted. */
export const PAGE = 5;

export interface Request {
  id: string;
  kind: Kind;
  created: string; // RFC 3339
  title: string;
}

/** sorted is by kind, and the oldest first within a kind. */
export function sorted(all: readonly Request[]): Request[] {
  return [...all].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind)
    || Date.parse(a.created) - Date.parse(b.created) || (a.id < b.id ? -1 : 1));
}

/** counted is "1-5 of 8" for a stack of more than a page, and empty for a smaller one. */
export function counted(total: number, first = 0): string {
  if (total <= PAGE) return '';
  return `${first + 1}-${Math.min(first + PAGE, total)} of ${total}`;
}

/** together are the requests that one button takes all at once: written ones, never calls. */
export function together(all: readonly Request[]): Request[] {
  return all.filter((r) => r.kind !== 'call');
}

/** found are the requests whose title holds all words of a search. */
export function found(all: readonly Request[], search: string): Request[] {
  const words = search.toLowerCase().split(/\s+/).filter((w) => w !== '');
  return sorted(all).filter((r) => words.every((w) => r.title.toLowerCase().includes(w)));
}
