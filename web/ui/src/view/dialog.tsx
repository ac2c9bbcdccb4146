// A modal dialog of the browser's own: focus stays inside, Escape closes, focus returns.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { text } from '../text/en';
import { Icon } from './parts/icon';
import { quiet } from './parts/parts';
import css from './dialog.module.css';

export function Dialog({ title, lead, close, children, testid }: { title: string; lead: string; close: () => void; children: ComponentChildren; testid: string }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = ref.current;
    if (d !== null && !d.open) d.showModal();
    return () => d?.close();
  }, []);
  return (
    <dialog
      ref={ref} class={css['dialog']} aria-labelledby="dialog-title" data-testid={testid} onClose={close}
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
