// Ending a campaign is asked for twice.

import { text } from '../../text/en';
import { Dialog } from '../dialog';
import { danger } from '../parts/parts';
import css from './campaigns.module.css';

export function FinishSure({ name, yes, close }: { name: string; yes: () => void; close: () => void }) {
  const t = text.campaigns;
  return (
    <Dialog title={t.sure(name)} lead={t.sureLead} close={close} testid="campaign-sure">
      <div class={css['buttons']}>
        <button class={danger} onClick={() => { close(); yes(); }} data-testid="campaign-sure-yes">{t.sureYes}</button>
        <button onClick={close}>{t.sureNo}</button>
      </div>
    </Dialog>
  );
}
