import { describe, expect, it } from 'vitest';
import { claims, renewIn } from './token';

const middle = (body: unknown) =>
  btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(body)))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const jwt = (body: unknown) => `h.${middle(body)}.s`;

describe('claims', () => {
  it('reads a token, accents and all', () => {
    expect(claims(jwt({ sub: 'agt_č?>', exp: 9 }))).toEqual({ sub: 'agt_č?>', exp: 9 });
  });
  it.each(['', 'a', 'a.b', 'a.b.c.d', 'a..c', 'a.%%.c', jwt(7)])('refuses %j', (t) => {
    expect(claims(t)).toBeNull();
  });
});

describe('renewIn', () => {
  it('waits two thirds of the life', () => {
    expect(renewIn({ iat: 100, exp: 1000 }, 100_000)).toBe(600_000);
  });
  it('does not wait when late, and never without an end', () => {
    expect(renewIn({ iat: 100, exp: 1000 }, 800_000)).toBe(0);
    expect(renewIn({ iat: 100 }, 0)).toBe(Infinity);
  });
});
