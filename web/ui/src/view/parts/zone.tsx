// The choice of a time zone: typed, with the IANA names offered.

import { useId } from 'preact/hooks';
import { Input } from './field';

const zones = Intl.supportedValuesOf('timeZone');

/** The zone this computer is set to. */
export const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Props {
  label: string;
  value: string;
  set: (zone: string) => void;
  fault: string | undefined;
  required?: boolean;
  testid?: string;
}

export function Zone({ label, value, set, fault, required = false, testid = 'zone' }: Props) {
  const id = useId();
  return (
    <>
      <Input label={label} name="zone" type="text" list={id} required={required} value={value} set={set} fault={fault} testid={testid} />
      <datalist id={id}>{zones.map((z) => <option key={z} value={z} />)}</datalist>
    </>
  );
}
