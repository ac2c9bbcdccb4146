// How times, sizes and numbers are written. Pure; the words live in text/.

/** clock writes milliseconds as m:ss or h:mm:ss, never negative, rounded down. */
export function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const mm = Math.floor(s / 60) % 60;
  const ss = String(s % 60).padStart(2, '0');
  const h = Math.floor(s / 3600);
  return h > 0 ? `${h}:${String(mm).padStart(2, '0')}:${ss}` : `${mm}:${ss}`;
}

/** seconds is the whole seconds left until a deadline, rounded up so that it shows 1 until it is over. */
export function seconds(till: string | undefined, now: number): number {
  if (till === undefined) return 0;
  return Math.max(0, Math.ceil((Date.parse(till) - now) / 1000));
}

/** elapsed is the time since a stamp in milliseconds, never negative. */
export function elapsed(since: string | undefined, now: number): number {
  if (since === undefined) return 0;
  return Math.max(0, now - Date.parse(since));
}

/**
 * mask hides all but the last four digits of a number or of the user part of a SIP address. Names without
 * digits stay; a number of four digits or fewer is an extension and stays.
 */
export function mask(address: string): string {
  const user = address.replace(/^sips?:/, '').split(/[@;]/)[0] ?? '';
  const digits = user.replace(/\D/g, '');
  if (digits.length <= 4) return hidden(user) ? `••• ${digits}` : user;
  return `••• ${digits.slice(-4)}`;
}

/** initials are the one or two letters of a name's badge. */
export function initials(name: string): string {
  const parts = name.trim().split(/\s+/).filter(Boolean);
  const first = parts[0]?.[0] ?? '';
  const last = parts.length > 1 ? (parts.at(-1)?.[0] ?? '') : '';
  return (first + last).toUpperCase();
}

/** hidden says whether the server shows only the end of a number. */
export const hidden = (number: string): boolean => number.includes('•');

/** wall is a moment's date and time as the clocks of a zone show them. */
export function wall(iso: string | undefined, zone: string): { date: string; time: string } {
  if (iso === undefined) return { date: '', time: '' };
  const p = new Intl.DateTimeFormat('en-GB', { timeZone: zone, dateStyle: 'short', timeStyle: 'short', hourCycle: 'h23' }).formatToParts(new Date(iso));
  const part = (type: string) => p.find((x) => x.type === type)?.value ?? '';
  return { date: `${part('year')}-${part('month')}-${part('day')}`, time: `${part('hour')}:${part('minute')}` };
}
