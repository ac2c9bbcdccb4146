// The drafts of this tab, and a signal that is one.

import { signal, type Signal } from '@preact/signals';
import { Drafts } from '../model/drafts';

export const drafts = new Drafts(sessionStorage);

export interface Draft<T> {
  /** null: nothing is typed that is not saved. */
  value: Signal<T | null>;
  type: (v: T) => void;
  forget: () => void;
}

/** draft is what is typed under a key, found again after a reload. */
export function draft<T>(key: string): Draft<T> {
  const value = signal<T | null>(drafts.get(key) as T | null);
  return {
    value,
    type: (v) => {
      value.value = v;
      drafts.set(key, v);
    },
    forget: () => {
      value.value = null;
      drafts.forget(key);
    },
  };
}
