import { describe, expect, it } from 'vitest';
import { eventApi, newTenant } from './event-api.ts';

const on = eventApi();
const at = (tenant: string) => `/tenants/${encodeURIComponent(tenant)}`;
const patch = (path: string, body: object) =>
  on.api.ask(path, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const noLimits = {
  ...{ max_in_flight: null, rate_limit_per_s: null, max_waiting: null },
  ...{ refuse_when_full: false, full_since: null },
};

describe('tenants', () => {
  it('are listed by their ids if they have an endpoint or a name, in pages', async () => {
    for (const tenant of ['b', 'd', 'd', '']) await on.subscriber(tenant, '*');
    const deleted = await on.subscriber('e', '*');
    await on.api.ask(`/endpoints/${deleted}`, { method: 'DELETE' });
    for (const tenant of ['a', 'd', 'c/é?']) await patch(at(tenant), { name: `Named ${tenant}` });
    const { json } = await on.api.ask('/tenants');
    const settings = { ...noLimits, created_at: expect.any(String) };
    const all = [
      { id: 'a', name: 'Named a', endpoints: 0, ...settings },
      { id: 'b', name: '', endpoints: 1, ...settings, created_at: null },
      { id: 'c/é?', name: 'Named c/é?', endpoints: 0, ...settings },
      { id: 'd', name: 'Named d', endpoints: 2, ...settings },
    ];
    expect(json).toEqual({ tenants: all, next_after: null });
    const paged: unknown[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const page = await on.api.ask(`/tenants?limit=1&after=${encodeURIComponent(after)}`);
      paged.push(...page.json.tenants);
      after = page.json.next_after;
    }
    expect(paged).toEqual(all);
  });

  it('need no registration, and are found while they have an endpoint or a name', async () => {
    const tenant = newTenant();
    const missing = await on.api.ask(at(tenant));
    expect([missing.status, missing.json.code, missing.json.detail]).toEqual([
      404,
      'tenant_not_found',
      `No tenant with id "${tenant}"`,
    ]);
    await on.subscriber(tenant, '*');
    expect((await on.api.ask(at(tenant))).json).toEqual({
      id: tenant,
      name: '',
      endpoints: 1,
      ...noLimits,
      created_at: null,
    });
  });

  it('are named, named again, and lose their names', async () => {
    const tenant = newTenant();
    for (const name of ['One', 'Two', '']) {
      const { status, json } = await patch(at(tenant), { name });
      expect([status, json]).toEqual([
        200,
        { id: tenant, name, endpoints: 0, ...noLimits, created_at: expect.any(String) },
      ]);
    }
    expect((await on.api.ask(at(tenant), { method: 'DELETE' })).status).toBe(204);
    for (const method of ['GET', 'DELETE']) {
      expect((await on.api.ask(at(tenant), { method })).status).toBe(404);
    }
  });

  it('keep what a change leaves out, and null takes a limit away', async () => {
    const tenant = newTenant();
    const limits = {
      ...{ max_in_flight: 5, rate_limit_per_s: 2.5, max_waiting: 1_000, refuse_when_full: true },
    };
    await patch(at(tenant), limits);
    expect((await patch(at(tenant), { name: 'Acme' })).json).toMatchObject({
      ...{ ...limits, name: 'Acme' },
    });
    const none = { max_in_flight: null, rate_limit_per_s: null, max_waiting: null };
    expect((await patch(at(tenant), { ...none, refuse_when_full: null })).json).toMatchObject({
      ...{ ...noLimits, name: 'Acme' },
    });
  });

  it('that refuse when they are full answer 429, and let others in', async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const endpoint_id = await on.subscriber(tenant, '*');
    await patch(at(tenant), { max_waiting: 1, refuse_when_full: true });
    await on.database.pool.query('update posthorn.tenants set full_since = now() where id = $1', [
      tenant,
    ]);
    const event = { tenant, event_type: 'a', body: 1 };
    for (const refused of [
      await on.post('/events', event),
      await on.post('/events/batch', { events: [event] }),
      await on.post('/webhooks/send', { endpoint_id, body: 1 }),
      await on.post('/webhooks/send', { url: 'https://a.example/', tenant, body: 1 }),
    ]) {
      const { status, json, headers } = refused;
      expect([status, json.code, headers.get('retry-after')]).toEqual([429, 'tenant_full', '60']);
    }
    expect((await on.post('/events', { ...event, tenant: other })).status).toBe(202);
  });

  it.each(['a/b', 'a%2Fb', 'ä ö?#', '%', 'a'.repeat(255)])('can have the id %j', async (tenant) => {
    expect((await patch(at(tenant), { name: 'x' })).json).toMatchObject({ id: tenant });
    expect((await on.api.ask(at(tenant))).json).toMatchObject({ id: tenant, name: 'x' });
  });

  it.each([
    ['%00', 'invalid_id'],
    ['%0A', 'invalid_id'],
    ['a'.repeat(256), 'invalid_id'],
  ])('cannot have the id %s', async (path, code) => {
    const before = await on.counts();
    const { status, json } = await patch(`/tenants/${path}`, { name: 'x' });
    expect([status, json.code]).toEqual([400, code]);
    expect(await on.counts()).toEqual(before);
  });

  it.each([
    ['all tenants', '*', { name: 'x' }, 'tenants_id_is_not_all_tenants', undefined],
    [
      'a name of 256 bytes',
      'a',
      { name: 'é'.repeat(128) },
      'tenants_name_is_at_most_255_bytes',
      '/name',
    ],
    ['nothing', 'a', {}, 'nothing_to_change', undefined],
    ['another field', 'a', { name: 'x', id: 'b' }, 'unknown_field', '/id'],
    ['no slots', 'a', { max_in_flight: 0 }, 'invalid_max_in_flight', '/max_in_flight'],
    ['a low rate', 'a', { rate_limit_per_s: 0 }, 'invalid_rate_limit_per_s', '/rate_limit_per_s'],
    ['no room', 'a', { max_waiting: 0 }, 'invalid_max_waiting', '/max_waiting'],
    ['a word', 'a', { refuse_when_full: 'yes' }, 'invalid_refuse_when_full', '/refuse_when_full'],
    ['what is counted', 'a', { full_since: null }, 'unknown_field', '/full_since'],
  ])('refuse %s', async (_what, tenant, body, code, pointer) => {
    const before = await on.counts();
    const { status, json } = await patch(at(tenant), body);
    expect([status, json.type, json.code, json.errors?.[0]?.pointer]).toEqual([
      400,
      'urn:posthorn:problem:invalid_tenant',
      code,
      pointer,
    ]);
    expect(await on.counts()).toEqual(before);
  });
});

describe('POST /tenants/{tenant}/rename', () => {
  it('gives the endpoints, their subscriptions and the name to another id', async () => {
    const [tenant, to] = [newTenant(), newTenant()];
    await patch(at(tenant), { name: 'Acme' });
    const endpoint = await on.subscriber(tenant, '*');
    const { status, json } = await on.post(`${at(tenant)}/rename`, { to });
    expect([status, json]).toEqual([
      200,
      { id: to, name: 'Acme', endpoints: 1, ...noLimits, created_at: expect.any(String) },
    ]);
    expect((await on.api.ask(at(tenant))).status).toBe(404);
    const event = await on.post('/events', { tenant: to, event_type: 'a', body: 1 });
    expect((await on.api.ask(`/events/${event.json.id}`)).json.webhooks).toMatchObject([
      { endpoint_id: endpoint, tenant: to },
    ]);
  });

  it('refuses the id of a tenant that has a name, and changes nothing', async () => {
    const [tenant, to] = [newTenant(), newTenant()];
    for (const each of [tenant, to]) await patch(at(each), { name: each });
    await on.subscriber(tenant, '*');
    const before = await on.counts();
    const { status, json } = await on.post(`${at(tenant)}/rename`, { to });
    expect([status, json.code, json.detail]).toEqual([
      409,
      'tenant_exists',
      `The tenant "${to}" has settings already`,
    ]);
    expect(await on.counts()).toEqual(before);
    expect((await on.api.ask(at(tenant))).json).toMatchObject({ endpoints: 1 });
  });

  it.each(['*', '', 'a\nb', 'a'.repeat(256)])('refuses the new id %j', async (to) => {
    const tenant = newTenant();
    await on.subscriber(tenant, '*');
    const { status, json } = await on.post(`${at(tenant)}/rename`, { to });
    expect([status, json.code, json.errors[0]?.pointer]).toEqual([400, 'invalid_to', '/to']);
    expect((await on.api.ask(at(tenant))).json).toMatchObject({ endpoints: 1 });
  });

  it('finds no tenant that is not there', async () => {
    const { status, json } = await on.post(`${at(newTenant())}/rename`, { to: 'x' });
    expect([status, json.code]).toEqual([404, 'tenant_not_found']);
  });
});
