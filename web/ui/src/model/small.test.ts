import { describe, expect, it } from 'vitest';
import { ServerClock } from './clock';
import { clock, elapsed, initials, mask, seconds } from './format';
import { find } from './reasons';
import { reason, text } from '../text/en';

describe('clock', () => {
  it('R19 follows the server, not a computer an hour wrong', () => {
    let local = 3_600_000;
    const c = new ServerClock(() => local);
    c.learn('1970-01-01T00:00:10.000Z'); // arrived 50 ms old
    local += 1_000;
    expect(c.now()).toBe(11_000);
    c.learn('1970-01-01T00:00:11.050Z'); // a faster frame shows that we were late
    expect(c.now()).toBe(11_050);
    c.learn('1970-01-01T00:00:09.000Z'); // a frame that waited teaches nothing
    expect(c.now()).toBe(11_050);
    c.learn('rubbish');
    expect(c.now()).toBe(11_050);
  });
  it('R19 keeps what it knows when the network comes back and the first frame is late', () => {
    let local = 5_000;
    const c = new ServerClock(() => local);
    c.greet('1970-01-01T00:00:10.000Z');
    local += 6_070; // cut for six seconds, and the greeting took 70 ms
    c.greet('1970-01-01T00:00:16.000Z');
    expect(c.now()).toBe(16_070);
  });
  it('R19 sees that the computer slept, or that the server has another time', () => {
    const c = new ServerClock(() => 5_000);
    c.greet('1970-01-01T00:00:10.000Z');
    c.greet('1970-01-01T00:10:10.000Z'); // our clock stood still for ten minutes
    expect(c.now()).toBe(610_000);
    c.greet('1970-01-01T00:00:11.000Z'); // the server's was set back
    expect(c.now()).toBe(11_000);
  });
  it('R19 follows a server whose clock runs slower than ours', () => {
    let local = 0;
    const c = new ServerClock(() => local);
    for (let s = 0; s <= 24 * 3600; s += 10) {
      local = s * 1000 * 1.0001;
      c.learn(new Date(s * 1000).toISOString());
    }
    expect(Math.abs(c.now() - 24 * 3600_000)).toBeLessThan(10);
  });
});

describe('format', () => {
  it.each([[0, '0:00'], [-5, '0:00'], [999, '0:00'], [61_000, '1:01'], [3_599_999, '59:59'], [3_600_000, '1:00:00'], [36_061_000, '10:01:01']])('clock(%d) is %s', (ms, want) => {
    expect(clock(ms)).toBe(want);
  });
  it.each([[10_000, 0], [9_999, 1], [0, 10], [-1, 11]])('at %d ms, %d s are left', (now, want) => {
    expect(seconds('1970-01-01T00:00:10Z', now)).toBe(want);
  });
  it('has no time left or gone without a stamp', () => {
    expect([seconds(undefined, 5), elapsed(undefined, 5), elapsed('1970-01-01T00:00:10Z', 9_000)]).toEqual([0, 0, 0]);
  });
  it.each([
    ['+38641234567', '••• 4567'], ['sip:+38641234567@trunk.example;user=phone', '••• 4567'], ['1234', '1234'], ['alice', 'alice'], ['sips:alice@x', 'alice'], ['••••••••4567', '••• 4567'], ['', ''],
  ])('mask(%s) is %s', (address, want) => {
    expect(mask(address)).toBe(want);
  });
  it.each([['Maja Novak', 'MN'], ['Maja', 'M'], ['Ana Marija van Dijk', 'AD'], ['', ''], ['  x ', 'X']])('initials(%s) is %s', (name, want) => {
    expect(initials(name)).toBe(want);
  });
});

describe('reasons', () => {
  const all = ['Naročilo', 'Complaint', 'Technical problem', 'Problem with a bill'].map((name) => ({ name }));
  const names = (typed: string) => find(all, typed).map((x) => x.name);
  it('R7 W98 finds without accents, by every word, starts first', () => {
    expect(names('naroc')).toEqual(['Naročilo']);
    expect(names('PROB')).toEqual(['Technical problem', 'Problem with a bill']);
    expect(names('bill prob')).toEqual(['Problem with a bill']);
    expect(names('lain')).toEqual(['Complaint']);
    expect(names('xyz')).toEqual([]);
    expect(names('  ')).toHaveLength(4);
  });
  it('writes a code it does not know in plain letters', () => {
    expect(reason('follow_up')).toBe(text.reasons['follow_up']);
    expect(reason('tax_return_due')).toBe('Tax return due');
  });
});
