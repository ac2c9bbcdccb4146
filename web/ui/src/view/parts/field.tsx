// A labelled control with what the server found wrong with it.

import type { ComponentChildren } from 'preact';
import css from './parts.module.css';

/** Field labels what is inside it. fault is the server's sentence about it, said to screen readers when it comes. */
export function Field({ label, fault, name, children }: { label: string; fault?: string | undefined; name: string; children: ComponentChildren }) {
  return (
    <div class={css['field']} data-invalid={fault !== undefined}>
      <label>
        <span>{label}</span>
        {children}
      </label>
      {fault !== undefined && <p class={css['fault']} role="alert" data-testid={`fault-${name}`}>{fault}</p>}
    </div>
  );
}

interface InputProps {
  label: string;
  name: string;
  type: 'text' | 'tel' | 'date' | 'time' | 'number' | 'search';
  value: string;
  set: (v: string) => void;
  fault?: string | undefined;
  list?: string;
  placeholder?: string;
  min?: number;
  required?: boolean;
  minLength?: number;
  maxLength?: number;
  testid?: string;
}

/** Input is a Field with one line of text. */
export function Input({ label, name, value, set, fault, testid, ...rest }: InputProps) {
  return (
    <Field label={label} name={name} fault={fault}>
      <input {...rest} name={name} value={value} autocomplete="off" step="any" aria-invalid={fault !== undefined} data-testid={testid} onInput={(e) => set(e.currentTarget.value)} />
    </Field>
  );
}
