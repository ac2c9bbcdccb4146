// Finding a reason by typing. Pure.

/** fold makes letters comparable: small, without accents. */
export function fold(s: string): string {
  return s.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

/** find keeps the entries whose every typed word starts a word of the name or stands inside it; starts come first. */
export function find<T extends { name: string }>(all: T[], typed: string): T[] {
  const words = fold(typed).split(/\s+/).filter(Boolean);
  if (words.length === 0) return all;
  const rank = (name: string): number => {
    const f = fold(name);
    if (!words.every((w) => f.includes(w))) return 0;
    return words.every((w) => f.split(/\s+/).some((x) => x.startsWith(w))) ? 2 : 1;
  };
  const ranked = all.map((x) => ({ x, r: rank(x.name) }));
  return ranked.filter((y) => y.r > 0).sort((a, b) => b.r - a.r).map((y) => y.x);
}
