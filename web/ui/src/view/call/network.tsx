// The network in bars and words.

import { quality } from '../../intent/sound';
import { text } from '../../text/en';
import { Bars } from '../parts/parts';
import css from './call.module.css';

export function Network() {
  const q = quality.value;
  if (q === null) return <span data-testid="network">{text.net.none}</span>;
  return (
    <span class={css['net']} data-testid="network" data-bars={q.bars} title={text.net.detail(String(q.lossPercent), String(q.jitterMS), String(q.roundTripMS))}>
      <Bars bars={q.bars} />{text.net.words[q.bars]}
    </span>
  );
}
