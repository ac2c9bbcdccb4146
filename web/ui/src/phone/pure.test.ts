import { describe, expect, it } from 'vitest';
import { grade, read } from './quality';
import { fragment } from './sdp';
import { Speaking } from './speaking';
import { pieces } from './timeline';

describe('grade', () => {
  const r = (more: object) => ({ received: 0, lost: 0, jitterMS: 5, roundTripMS: 20, remoteLoss: 0, ...more });
  it.each([
    ['a clean line', r({ received: 100 }), 0, 4],
    ['a little loss', r({ received: 98, lost: 2 }), 0, 3],
    ['loss', r({ received: 95, lost: 5 }), 0, 2],
    ['heavy loss', r({ received: 80, lost: 20 }), 0, 1],
    ['loss on our way out', r({ received: 100, remoteLoss: 0.2 }), 0, 1],
    ['a satellite', r({ received: 100, roundTripMS: 600 }), 0, 2],
    ['a short silence', r({}), 1, 4],
    ['nothing arrives', r({}), 2, 0],
  ])('%s', (_, after, silent, bars) => {
    expect(grade(r({}), after, silent).bars).toBe(bars);
  });
  it('reads a report', () => {
    expect(read([{ type: 'inbound-rtp', packetsReceived: 9, packetsLost: 1, jitter: 0.004 }, { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.05 }, { type: 'remote-inbound-rtp', fractionLost: 0.5 }, { type: 'codec' }])).toEqual(
      { received: 9, lost: 1, jitterMS: 4, roundTripMS: 50, remoteLoss: 0.5 },
    );
  });
});

describe('fragment', () => {
  it('is the shape of RFC 8840', () => {
    const sdp = 'v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=audio 9 x 111\r\na=mid:0\r\n';
    expect(fragment(sdp, ['candidate:1 1 udp 1 127.0.0.1 5 typ host'], true)).toBe(
      'a=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 5 typ host\r\na=end-of-candidates\r\n',
    );
  });
});

describe('Speaking', () => {
  const push = (s: Speaking, db: number, n: number) => Array.from({ length: n }, () => s.push(db)).at(-1);
  it('hears speech over noise, not noise', () => {
    const s = new Speaking();
    expect(push(s, -55, 100)).toBe(false);
    expect(push(s, -25, 3)).toBe(false); // a click
    expect(push(s, -25, 2)).toBe(true);
    expect(push(s, -55, 10)).toBe(true); // between words
    expect(push(s, -55, 10)).toBe(false);
  });
  it('does not take a loud room for speech for ever', () => {
    const s = new Speaking();
    push(s, -35, 2000);
    expect(push(s, -35, 1)).toBe(false);
    expect(push(s, -12, 6)).toBe(true);
  });
});

describe('pieces', () => {
  const gap = [{ offset_ms: 4000, length_ms: 3000 }];
  it('plays a track that keeps the time of its gaps in one piece', () => {
    expect(pieces(0, 10_000, gap, 10_000, 0)).toEqual([{ inMS: 0, atMS: 0, lengthMS: 10_000 }]);
    expect(pieces(1000, 9_000, gap, 10_000, 6000)).toEqual([{ inMS: 0, atMS: 5000, lengthMS: 4000 }]);
  });
  it('puts a track that left them out back into its place', () => {
    expect(pieces(0, 7_000, gap, 10_000, 0)).toEqual([{ inMS: 0, atMS: 0, lengthMS: 4000 }, { inMS: 7000, atMS: 4000, lengthMS: 3000 }]);
    expect(pieces(0, 7_000, gap, 10_000, 8000)).toEqual([{ inMS: 0, atMS: 5000, lengthMS: 2000 }]);
    expect(pieces(0, 7_000, gap, 10_000, 5000)).toEqual([{ inMS: 2000, atMS: 4000, lengthMS: 3000 }]);
  });
  it('starts a late track late and counts only the gap it lived through', () => {
    expect(pieces(2000, 8_000, gap, 10_000, 0)).toEqual([{ inMS: 2000, atMS: 0, lengthMS: 8000 }]);
    expect(pieces(5000, 3_000, gap, 10_000, 0)).toEqual([{ inMS: 7000, atMS: 0, lengthMS: 3000 }]);
  });
});
