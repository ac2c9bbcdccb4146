// What was typed and not yet saved. It is kept in this tab's session storage under a key of the thing it belongs
// to, so that a lost connection, a reload or another screen takes nothing away; saving or reverting forgets it.

const PREFIX = 'cordboard.draft.';

/** The part of the browser's storage used here; tests bring their own. */
export interface Store {
  readonly length: number;
  key(i: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export class Drafts {
  constructor(private readonly store: Store) {}

  get(key: string): unknown {
    try {
      const s = this.store.getItem(PREFIX + key);
      return s === null ? null : (JSON.parse(s) as unknown);
    } catch {
      return null; // what cannot be read is no draft
    }
  }

  set(key: string, value: unknown): void {
    try {
      this.store.setItem(PREFIX + key, JSON.stringify(value));
    } catch {
      // the storage is full: the draft lives as long as the page
    }
  }

  forget(key: string): void {
    this.store.removeItem(PREFIX + key);
  }

  /** clear forgets all of them, as at sign-out: what is typed about customers does not stay behind. */
  clear(): void {
    const keys = Array.from({ length: this.store.length }, (_, i) => this.store.key(i)).filter((k) => k?.startsWith(PREFIX) === true);
    for (const k of keys) if (k !== null) this.store.removeItem(k);
  }
}
