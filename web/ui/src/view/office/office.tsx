// The pages beside the calls: an agent's own history, supervision, callbacks, campaigns, access, reports, call records, recordings, the audit log, and for those
// without calls the configuration. Each is offered to whom the token lets see it.

import { computed } from '@preact/signals';
import { manages } from '../../intent/campaigns';
import { seesAccess } from '../../intent/access';
import { seesCallbacks } from '../../intent/outbound';
import { seesAudit, seesConfig, seesRecordings } from '../../intent/library';
import { seesRecords, seesReports } from '../../intent/reports';
import { signOutOffice } from '../../intent/session';
import { may } from '../../intent/supervise';
import { seesWebhooks } from '../../intent/webhooks';
import { admin, type Page, page } from '../../model/store';
import { text } from '../../text/en';
import { AccessPage } from '../access/access';
import { CallbacksPage } from '../callbacks/callbacks';
import { CampaignsPage } from '../campaigns/campaigns';
import { ConfigPage } from '../config/config';
import { HistoryPage } from '../history/history';
import { AuditPage } from '../library/audit';
import { LibraryPage } from '../library/library';
import { Notice } from '../notice';
import { Icon } from '../parts/icon';
import { cls, quiet } from '../parts/parts';
import { RecordsPage } from '../reports/records';
import { ReportsPage } from '../reports/reports';
import { WallPage, WatchBar } from '../wall/wall';
import { WebhooksPage } from '../webhooks/webhooks';
import css from './office.module.css';

const pages = computed<Page[]>(() => {
  const list: Page[] = admin.value ? [] : ['desk', 'history'];
  if (admin.value && seesConfig.value) list.push('config');
  if (may('wall')) list.push('wall');
  if (seesCallbacks.value) list.push('callbacks');
  if (manages.value) list.push('campaigns');
  if (seesReports.value) list.push('reports');
  if (seesRecords.value) list.push('records');
  if (seesRecordings.value) list.push('recordings');
  if (seesAudit.value) list.push('audit');
  if (seesWebhooks.value) list.push('webhooks');
  if (seesAccess.value) list.push('access');
  return list;
});

/** pageShown is the page asked for, or the first there is. */
export const pageShown = computed<Page>(() => (pages.value.includes(page.value) ? page.value : (pages.value[0] ?? 'desk')));

/** Pages are the buttons that lead to the pages; none where there is only one. */
export function Pages() {
  if (pages.value.length < 2) return null;
  return (
    <nav class={css['nav']} aria-label={text.pages.title}>
      {pages.value.map((p) => (
        <button key={p} class={cls(quiet, css['link'])} aria-current={pageShown.value === p ? 'page' : undefined} data-testid={`page-${p}`} onClick={() => (page.value = p)}>
          {text.pages[p]}
        </button>
      ))}
    </nav>
  );
}

/** OfficePage is the page that is shown, without what is around it. */
export function OfficePage() {
  switch (pageShown.value) {
    case 'history': return <HistoryPage />;
    case 'wall': return <WallPage />;
    case 'callbacks': return <CallbacksPage />;
    case 'access': return <AccessPage />;
    case 'campaigns': return <CampaignsPage />;
    case 'reports': return <ReportsPage />;
    case 'records': return <RecordsPage />;
    case 'recordings': return <LibraryPage />;
    case 'audit': return <AuditPage />;
    case 'webhooks': return <WebhooksPage />;
    case 'config': return <ConfigPage />;
    case 'desk': return null;
  }
}

/** Office is the whole page of somebody who takes no calls. */
export function Office() {
  return (
    <div class={css['office']}>
      <header class={css['head']}>
        <span class={css['brand']}><img src="/icon.svg" alt="" />{text.product}</span>
        <Pages />
        <button class={cls(quiet, css['out'])} onClick={() => void signOutOffice()} data-testid="office-signout"><Icon name="out" size={18} />{text.providers.signOut}</button>
      </header>
      <WatchBar />
      {pageShown.value === 'config' ? <OfficePage /> : <main class={css['main']}><Notice /><OfficePage /></main>}
    </div>
  );
}
