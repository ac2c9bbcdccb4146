// The keypad. While it is open, digits on the keyboard are sent as well.

import { digits, sendDigit } from '../../intent/call';
import { text } from '../../text/en';
import css from './keypad.module.css';

const keys: [string, string][] = [
  ['1', ''], ['2', 'ABC'], ['3', 'DEF'], ['4', 'GHI'], ['5', 'JKL'], ['6', 'MNO'],
  ['7', 'PQRS'], ['8', 'TUV'], ['9', 'WXYZ'], ['*', ''], ['0', '+'], ['#', ''],
];

export function Keypad() {
  return (
    <div class={css['keypad']} role="group" aria-label={text.call.keypad}>
      <output class={css['typed']} aria-label={text.call.digits} data-testid="digits">{digits.value || ' '}</output>
      {keys.map(([k, letters]) => (
        <button key={k} onClick={() => void sendDigit(k)} aria-label={text.call.key(k)} data-testid={`key-${k}`}>
          <b>{k}</b><small aria-hidden="true">{letters}</small>
        </button>
      ))}
    </div>
  );
}
