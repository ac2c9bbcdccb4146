// The access token of this tab: read from the address's fragment once, kept in sessionStorage (so a reload
// keeps it and a second tab does not), renewed before it runs out.

const KEY = 'cordboard.token';

export interface Claims {
  sub?: string;
  agent?: string; // absent: a program or an administrator
  iat?: number; // seconds
  exp?: number; // seconds
  grants?: string[];
}

/** claims reads a JWT's middle part. It proves nothing, the server checks; null when it is no JWT. */
export function claims(token: string): Claims | null {
  const part = token.split('.');
  if (part.length !== 3 || !part[1]) return null;
  try {
    const bytes = Uint8Array.from(atob(part[1].replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
    const v: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof v === 'object' && v !== null ? v : null;
  } catch {
    return null;
  }
}

/** grants is what a token says its bearer may do. */
export function grants(token: string): string[] {
  return claims(token)?.grants ?? [];
}

/** renewIn is how long to wait before renewing, in milliseconds: at two thirds of the life, at once when late. */
export function renewIn(c: Claims, now: number): number {
  if (c.exp === undefined) return Infinity;
  const life = (c.exp - (c.iat ?? now / 1000)) * 1000;
  return Math.max(0, c.exp * 1000 - now - life / 3);
}

/** signInAnswer takes `#signin=…` out of the address bar: done, or the code of what went wrong at a provider; null without one. */
export function signInAnswer(): string | null {
  const answer = new URLSearchParams(location.hash.slice(1)).get('signin');
  if (answer !== null) history.replaceState(null, '', location.pathname + location.search);
  return answer;
}

/** fromFragment takes `#token=…` out of the address bar, so that it is neither bookmarked nor shown. */
export function fromFragment(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token !== null) history.replaceState(null, '', location.pathname + location.search);
  return token;
}

export function load(): string | null {
  return sessionStorage.getItem(KEY);
}

export function save(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function clear(): void {
  sessionStorage.removeItem(KEY);
}
