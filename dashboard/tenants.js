import { html } from '/dashboard/vendor/preact.js';
import { query } from './api.js';
import { clock, count, tenantText } from './format.js';
import { Badge, Empty, Loading, Trouble, useAnswer } from './parts.js';

/** @import { TenantRow } from './answers.ts' */

/** @param {{ parameters: URLSearchParams, go: (hash: string) => void }} props */
export function Tenants({ parameters, go }) {
  const after = parameters.get('after');
  const { data, problem } = useAnswer(`/tenants?${query({ limit: 100, after }).slice(1)}`, 10_000);
  const rows = data?.tenants ?? [];
  const next = data?.next_after ?? null;
  return html`
    <div class="bar"><h1>Tenants</h1>
      <label class="switch">Endpoints of tenant <input id="search" placeholder="its id" spellcheck="false"
        onChange=${(event) => go(`#/endpoints${query({ tenant: event.target.value.trim() })}`)} /></label>
    </div>
    <p class="lead">A tenant is a customer of your application, named by your own id. Its events reach only its own endpoints. A tenant is listed when it has an endpoint or settings.</p>
    <${Trouble} problem=${problem} />
    ${data === undefined && problem === undefined && html`<${Loading} />`}
    ${data !== undefined && rows.length === 0 && (after === null ? html`<${Empty} title="No tenant yet"><p>Give an endpoint a tenant when you register it.</p></${Empty}>` : html`<${Empty} title="There is no further tenant" />`)}
    ${rows.length > 0 && html`<${Table} rows=${rows} />`}
    <p class="actions">
      ${after !== null && html`<a class="button" href="#/tenants">← First</a>`}
      ${next !== null && html`<a class="button" href=${`#/tenants${query({ after: next })}`}>Next →</a>`}
    </p>`;
}

/** @param {{ rows: readonly TenantRow[] }} props */
function Table({ rows }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Tenants"><table class="list">
    <thead><tr><th scope="col">Tenant</th><th scope="col">Name</th><th scope="col" class="number">Endpoints</th><th scope="col">Limits</th><th scope="col">See its</th></tr></thead>
    <tbody>${rows.map(
      (tenant) => html`<tr key=${tenant.id}>
        <th scope="row" class="url"><b>${tenantText(tenant.id)}</b></th>
        <td class="url">${tenant.name}</td>
        <td class="number" data-label="Endpoints">${count(tenant.endpoints)}</td>
        <td data-label="Limits"><${Limits} of=${tenant} /></td>
        <td class="links">${['events', 'webhooks', 'endpoints'].map((page) => html`<a href=${`#/${page}${query({ tenant: tenant.id })}`}>${page}</a> `)}</td>
      </tr>`,
    )}</tbody>
  </table></div>`;
}

/** @param {{ of: TenantRow }} props */
function Limits({ of: tenant }) {
  const limits = [
    tenant.max_in_flight !== null && `${count(tenant.max_in_flight)} in flight`,
    tenant.rate_limit_per_s !== null && `${tenant.rate_limit_per_s} a second`,
    tenant.max_waiting !== null && `${count(tenant.max_waiting)} waiting`,
  ].filter((limit) => limit !== false);
  return html`${limits.join(', ')}
    ${tenant.full_since !== null && html` <${Badge} status="failed">full</${Badge}> since ${clock(tenant.full_since)}${tenant.refuse_when_full && ', refuses more'}`}`;
}
