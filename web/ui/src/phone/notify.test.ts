import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { attract, calm } from './notify';

// The parts of the browser that getting attention needs.
class Shown {
  static permission: NotificationPermission = 'granted';
  static all: Shown[] = [];
  closed = false;
  onclick: (() => void) | null = null;
  constructor(readonly title: string, readonly options: NotificationOptions) {
    Shown.all.push(this);
  }
  close(): void {
    this.closed = true;
  }
}

const page = { title: 'cordboard', focused: false, icon: '/icon.svg' };
const brought = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(page, { title: 'cordboard', focused: false, icon: '/icon.svg' });
  Shown.all = [];
  Shown.permission = 'granted';
  brought.mockReset();
  vi.stubGlobal('Notification', Shown);
  vi.stubGlobal('window', { focus: brought });
  vi.stubGlobal('document', {
    get title() { return page.title; },
    set title(t: string) { page.title = t; },
    hasFocus: () => page.focused,
    querySelector: () => ({ setAttribute: (_: string, href: string) => (page.icon = href) }),
  });
});

afterEach(() => {
  calm();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('attention', () => {
  it('S16 a page out of view asks by a notification of the system, which brings it forward', () => {
    attract('Call', 'Incoming call', 'Service, ••• 4567');
    expect(Shown.all).toHaveLength(1);
    expect(Shown.all[0]?.title).toBe('Incoming call');
    expect(Shown.all[0]?.options).toMatchObject({ body: 'Service, ••• 4567', requireInteraction: true });
    Shown.all[0]?.onclick?.();
    expect(brought).toHaveBeenCalledOnce();
    expect(Shown.all[0]?.closed).toBe(true);
  });
  it('S16 a page in view asks by itself alone', () => {
    page.focused = true;
    attract('Call', 'Incoming call', '');
    expect(Shown.all).toHaveLength(0);
    expect(page.title).toContain('Call');
  });
  it('S16 the notification goes with the ring', () => {
    attract('Call', 'Incoming call', '');
    calm();
    expect(Shown.all[0]?.closed).toBe(true);
    expect([page.title, page.icon]).toEqual(['cordboard', '/icon.svg']);
  });
  it('blinks where notifications are forbidden, and a second ring replaces the first', () => {
    Shown.permission = 'denied';
    attract('Call', 'Incoming call', '');
    expect(Shown.all).toHaveLength(0);
    const first = page.title;
    vi.advanceTimersByTime(1_000);
    expect(page.title).not.toBe(first);
    Shown.permission = 'granted';
    attract('Call', 'one', '');
    attract('Call', 'two', '');
    expect(Shown.all.map((x) => x.closed)).toEqual([true, false]);
    calm();
    expect(page.title).toBe('cordboard');
  });
});
