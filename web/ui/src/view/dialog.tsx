// A modal dialog of the browser's own: focus stays inside, Escape closes, focus returns.

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { text } from '../text/en';
import { Icon } from './parts/icon';
import { quiet } from './parts/parts';
import css from './dialog.module.css';

export function Dialog({ title, lead, close, children, testid }: { title: string; lead: string; close: () => void; children: ComponentChildren; testid: string }) {
  const ref = useRef<HTMLDialogElement>(null);
  const gone = useRef(false);
  useLayoutEffect(() => { // open as soon as it is there: a key pressed next is the dialog's
    const d = ref.current;
    if (d !== null && !d.open) d.showModal();
    return () => {
      gone.current = true; // its close event comes later, when the next dialog of the same place may be open already
      d?.close();
    };
  }, []);
  return (
    <dialog
      ref={ref} class={css['dialog']} aria-labelledby="dialog-title" data-testid={testid} onClose={() => gone.current || close()}
      onClick={(e) => {
        if (e.target === ref.current) close();
      }}
    >
      <div class={css['inside']}>
        <div class={css['head']}>
          <h2 id="dialog-title">{title}</h2>
          <button class={quiet} onClick={close} aria-label={text.help.close} data-testid="dialog-close"><Icon name="close" /></button>
        </div>
        <p class={css['lead']}>{lead}</p>
        {children}
      </div>
    </dialog>
  );
}
