// The sheet of keys, and the switch that turns single keys off.

import { text } from '../../text/en';
import { Dialog } from '../dialog';
import { helpOpen, setSingle, single } from '../keys';
import css from './help.module.css';

const rows: [keyof typeof text.help.rows, string][] = [
  ['ready', 'R'], ['notReady', 'N'], ['accept', 'A'], ['decline', 'D'], ['mute', 'M'], ['hold', 'H'], ['keypad', 'K'],
  ['record', 'P'], ['noise', '⇧ N'], ['hangUp', '⇧ E'], ['search', 'W'], ['extend', 'X'], ['submit', 'Enter'], ['sound', 'S'], ['help', '?'],
];

export function Help() {
  if (!helpOpen.value) return null;
  const t = text.help;
  return (
    <Dialog title={t.title} lead={t.lead} close={() => (helpOpen.value = false)} testid="help">
      <dl class={css['keys']}>
        {rows.map(([name, key]) => <div key={name}><dt><kbd>{key}</kbd></dt><dd>{t.rows[name]}</dd></div>)}
      </dl>
      <label class={css['switch']}>
        <input type="checkbox" checked={single.value} onChange={(e) => setSingle(e.currentTarget.checked)} />{t.single}
      </label>
    </Dialog>
  );
}
