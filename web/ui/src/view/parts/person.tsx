// The choice of a colleague: an agent's id, with those offered who are found by what is typed.

import { useId } from 'preact/hooks';
import { people, findPeople } from '../../intent/people';
import { Input } from './field';

interface Props {
  label: string;
  name: string;
  value: string;
  set: (agent: string) => void;
  fault?: string | undefined;
  required?: boolean;
  testid: string;
}

export function Person({ label, name, value, set, fault, required = false, testid }: Props) {
  const id = useId();
  const typed = (v: string) => {
    set(v);
    if (!people.value.some((p) => p.id === v)) void findPeople(v);
  };
  return (
    <div onFocusCapture={() => void findPeople(value)}>
      <Input label={label} name={name} type="text" list={id} required={required} maxLength={36} value={value} set={typed} fault={fault} testid={testid} />
      <datalist id={id}>{people.value.map((p) => <option key={p.id} value={p.id}>{p.label}</option>)}</datalist>
    </div>
  );
}
