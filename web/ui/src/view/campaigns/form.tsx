// The form of a campaign. Only Save commits; what is typed stays for the next time when it is closed without saving.

import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { draft } from '../../intent/drafts';
import { entryPoints, lists, queues, store } from '../../intent/campaigns';
import { none } from '../../model/faults';
import { readDispositions, writeDispositions } from '../../model/dispositions';
import { text } from '../../text/en';
import type { Campaign, CampaignMode, CampaignRequest } from '../../wire/wire';
import { campaignModeValues } from '../../wire/wire';
import { Dialog } from '../dialog';
import { Field, Input } from '../parts/field';
import { primary } from '../parts/parts';
import { here, Zone } from '../parts/zone';
import css from './campaigns.module.css';

/** The numbers of a request, which are typed as text. */
type NumberName = 'attempts' | 'retry_seconds' | 'ring_seconds' | 'cap_percent' | 'wait_ms' | 'max_calls';

function fresh(): CampaignRequest {
  return {
    name: '', mode: 'preview', list: lists.value[0]?.id ?? '', queue: queues.value[0]?.id ?? '', zone: here, from: '08:00', till: '20:00',
    attempts: 3, retry_seconds: 3600, ring_seconds: 25, cap_percent: 3, wait_ms: 2000, max_calls: 0,
  };
}

export function CampaignForm({ campaign, close }: { campaign: Campaign | null; close: () => void }) {
  const t = text.campaigns;
  const id = campaign?.id ?? '';
  const kept = useMemo(() => draft<CampaignRequest>(`campaign.${id}`), [id]);
  const faults = useSignal(none);
  const saving = useSignal(false);
  const r = kept.value.value ?? campaign?.setup ?? fresh();
  const set = (change: Partial<CampaignRequest>) => kept.type({ ...r, ...change });
  const bad = faults.value.fields;
  const save = async (e: Event) => {
    e.preventDefault();
    saving.value = true;
    faults.value = await store(id, r);
    saving.value = false;
    if (faults.value !== none) return;
    kept.forget();
    close();
  };
  const number = (name: NumberName, label: string) => (
    <Input label={label} name={name} type="number" value={String(r[name] ?? '')} set={(v) => set({ [name]: Number(v) })} fault={bad[name]} testid={`campaign-${name}`} />
  );
  const paced = r.mode === 'progressive' || r.mode === 'predictive';
  return (
    <Dialog title={campaign === null ? t.formNew : t.formEdit(campaign.setup.name)} lead={t.formLead} close={close} testid="campaign-form">
      <form class={css['form']} onSubmit={(e) => void save(e)} noValidate>
        <Input label={t.name} name="name" value={r.name} set={(name) => set({ name })} fault={bad['name']} type="text" maxLength={250} required testid="campaign-name" />
        <Field label={t.mode} name="mode" fault={bad['mode']}>
          <select value={r.mode} onChange={(e) => set({ mode: e.currentTarget.value as CampaignMode })} data-testid="campaign-mode">
            {campaignModeValues.map((m) => <option key={m} value={m}>{text.outbound.modes[m]}</option>)}
          </select>
        </Field>
        <Field label={t.list} name="list" fault={bad['list']}>
          <select value={r.list} onChange={(e) => set({ list: e.currentTarget.value })} data-testid="campaign-list">
            <option value="" />
            {lists.value.map((l) => <option key={l.id} value={l.id}>{l.name} ({text.lists.contacts(l.contacts)})</option>)}
          </select>
        </Field>
        <Field label={t.queue} name="queue" fault={bad['queue']}>
          <select value={r.queue} onChange={(e) => set({ queue: e.currentTarget.value })} data-testid="campaign-queue">
            <option value="" />
            {queues.value.map((q) => <option key={q.id} value={q.id}>{q.name}</option>)}
          </select>
        </Field>
        <Field label={t.entryPoint} name="entry_point" fault={bad['entry_point']}>
          <select value={r.entry_point ?? ''} onChange={(e) => set({ entry_point: e.currentTarget.value })}>
            <option value="">{t.first}</option>
            {entryPoints.value.map((p) => <option key={p.number} value={p.number}>{p.name === '' ? p.number : p.name}</option>)}
          </select>
        </Field>
        <Input label={t.from} name="from" type="time" value={r.from ?? ''} set={(from) => set({ from })} fault={bad['from']} />
        <Input label={t.till} name="till" type="time" value={r.till ?? ''} set={(till) => set({ till })} fault={bad['till']} />
        <Zone label={t.zone} value={r.zone ?? ''} set={(zone) => set({ zone })} fault={bad['zone']} />
        {number('attempts', t.attempts)}
        {number('retry_seconds', t.retry)}
        {number('ring_seconds', t.ring)}
        <Field label={t.personal} name="personal" fault={bad['personal']}>
          <select value={r.personal ?? ''} onChange={(e) => set({ personal: e.currentTarget.value })}>
            {Object.entries(t.personals).map(([k, v]) => <option key={k} value={k}>{v}</option>)}
          </select>
        </Field>
        {!paced && <p class={css['soft']}>{t.agentsDial}</p>}
        {paced && number('wait_ms', t.wait)}
        {paced && number('max_calls', t.max)}
        {r.mode === 'predictive' && number('cap_percent', t.cap)}
        {paced && <Input label={t.message} name="message" type="text" value={r.message ?? ''} set={(message) => set({ message })} fault={bad['message']} />}
        {paced && (
          <label class={css['check']}><input type="checkbox" checked={r.detect ?? false} onChange={(e) => set({ detect: e.currentTarget.checked })} />{t.detect}</label>
        )}
        <Field label={t.dispositions} name="dispositions" fault={bad['dispositions']}>
          <textarea rows={4} spellcheck={false} value={writeDispositions(r.dispositions ?? [])} onChange={(e) => set({ dispositions: readDispositions(e.currentTarget.value) })} data-testid="campaign-dispositions" />
        </Field>
        <p role="alert" class={css['trouble']} data-testid="campaign-trouble">{faults.value.detail}</p>
        <div class={css['buttons']}>
          <button type="submit" class={primary} disabled={saving.value} data-testid="campaign-save">{t.save}</button>
          <button type="button" onClick={close}>{t.close}</button>
        </div>
      </form>
    </Dialog>
  );
}
