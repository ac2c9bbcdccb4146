// Keyboard shortcuts: single keys, off while the agent types or holds a modifier, and off altogether when
// the agent wants (WCAG 2.1.4). What a key does depends on the screen, so the table is asked each time.

import { signal } from '@preact/signals';

const KEY = 'cordboard.keys';

/** Whether single keys act. */
export const single = signal(localStorage.getItem(KEY) !== 'off');
/** Whether the list of keys is open. */
export const helpOpen = signal(false);
/** Whether the sound check is open. */
export const soundOpen = signal(false);
export const keypadOpen = signal(false);

export function setSingle(on: boolean): void {
  single.value = on;
  localStorage.setItem(KEY, on ? 'on' : 'off');
}

/** typing says whether keys belong to the focused thing. */
function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'range', 'button'].includes(target.type);
}

/** listen hands every single key to press, which returns whether it did something. */
export function listen(press: (key: string) => boolean): () => void {
  const down = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.repeat || e.ctrlKey || e.altKey || e.metaKey) return;
    if (e.key === 'Escape') {
      if (press('Escape')) e.preventDefault();
      return;
    }
    if (!single.value || typing(e.target) || document.querySelector('dialog[open]') !== null) return;
    if (press(e.shiftKey && e.key.length === 1 && /[a-z]/i.test(e.key) ? `Shift+${e.key.toUpperCase()}` : e.key.toLowerCase())) {
      e.preventDefault();
    }
  };
  addEventListener('keydown', down);
  return () => removeEventListener('keydown', down);
}
