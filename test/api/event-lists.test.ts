import { describe, expect, it } from 'vitest';
import { eventApi, newTenant } from './event-api.ts';

const on = eventApi();
const publish = async (tenant: string, event_type: string, more: object = {}) =>
  (await on.post('/events', { tenant, event_type, body: 1, ...more })).json.id;
const eventsAt = async (query: string) =>
  (await on.api.ask(`/events?${query}`)).json.events.map(({ id }) => id);
const webhooksAt = async (query: string) =>
  (await on.api.ask(`/webhooks?${query}`)).json.webhooks.map(({ id }) => id).toSorted();
const webhooksOf = async (event: string) => await webhooksAt(`event_id=${event}`);

describe('GET /events', () => {
  it('lists events newest first, by tenant, type, text, id and period', async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const one = await publish(tenant, 'order.paid');
    const two = await publish(tenant, 'order.sent');
    const three = await publish(other, 'order.paid');
    const sent = await on.api.send({ url: 'https://a.example/', body: 1, tenant });
    expect(sent.status).toBe(202);
    expect((await eventsAt('limit=3')).slice(0, 3)).toEqual([three, two, one]);
    expect(await eventsAt(`tenant=${tenant}`)).toEqual([two, one]);
    expect(await eventsAt(`tenant=${tenant}&event_type=order.paid`)).toEqual([one]);
    expect(await eventsAt(`tenant=${tenant}&event_type=order`)).toEqual([]);
    expect(await eventsAt(`q=${tenant.toUpperCase()}`)).toEqual([two, one]);
    expect(await eventsAt(`tenant=${tenant}&q=R.SEN`)).toEqual([two]);
    expect(await eventsAt(`q=${two}`)).toEqual([two]);
    expect(await eventsAt(`q=${sent.json.id}`)).toEqual([]);
    const shown = (await on.api.ask(`/events/${one}`)).json;
    const hour = 3_600_000;
    const at = (ms: number) =>
      encodeURIComponent(new Date(Date.parse(shown.created_at) + ms).toISOString());
    expect(await eventsAt(`tenant=${tenant}&from=${at(-hour)}&until=${at(hour)}`)).toEqual([
      two,
      one,
    ]);
    expect(await eventsAt(`tenant=${tenant}&from=${at(hour)}`)).toEqual([]);
    expect(await eventsAt(`tenant=${tenant}&until=${at(-hour)}`)).toEqual([]);
    const { webhooks, more, ...row } = shown as object as Record<string, unknown>;
    const listed = await on.api.ask(`/events?tenant=${tenant}&event_type=order.paid`);
    expect(listed.json.events).toEqual([row]);
    expect([webhooks, more]).toEqual([[], false]);
  });

  it('goes on where a page ended', async () => {
    const tenant = newTenant();
    const ids = [
      await publish(tenant, 'a'),
      await publish(tenant, 'b'),
      await publish(tenant, 'c'),
    ];
    const first = await on.api.ask(`/events?tenant=${tenant}&limit=2`);
    const second = await on.api.ask(
      `/events?tenant=${tenant}&limit=2&cursor=${first.json.next_cursor}`,
    );
    expect([...first.json.events, ...second.json.events].map(({ id }) => id)).toEqual(
      ids.toReversed(),
    );
    expect(second.json.next_cursor).toBeNull();
    const elsewhere = await on.api.ask(`/events?limit=2&cursor=${first.json.next_cursor}`);
    expect([elsewhere.status, elsewhere.json.code]).toEqual([400, 'invalid_cursor']);
  });

  it('lists those without recipients, until an endpoint has caught up with them', async () => {
    const tenant = newTenant();
    const [unmatched, also] = [await publish(tenant, 'a'), await publish(tenant, 'b')];
    const endpoint = await on.subscriber(tenant, 'b', 'c');
    const matched = await publish(tenant, 'c');
    const query = `recipients=0&tenant=${tenant}`;
    expect(await eventsAt(query)).toEqual([also, unmatched]);
    expect(await eventsAt(`${query}&event_type=a`)).toEqual([unmatched]);
    expect(await eventsAt(`recipients=0&q=${tenant}`)).toEqual([also, unmatched]);
    expect(await eventsAt(`recipients=0&q=${matched}`)).toEqual([]);
    await on.database.pool.query('select posthorn.add_webhooks(array[$1::uuid], array[$2::uuid])', [
      also,
      endpoint,
    ]);
    expect(await eventsAt(query)).toEqual([unmatched]);
  });

  it('counts no more recipients of an event than it tells, and more for one event than in a list', async () => {
    const tenant = newTenant();
    const event = await publish(tenant, 'a');
    await on.database.pool.query(
      `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts)
       select posthorn.webhook_id($1::uuid, posthorn.uuid_v7()), $1::uuid, 1, 'delivered', 1 from generate_series(1, 1001)`,
      [event],
    );
    const counted = async (path: string) => (await on.api.ask(path)).json;
    expect(await counted(`/events/${event}`)).toMatchObject({
      recipients: 1_001,
      is_at_least: false,
    });
    expect((await counted(`/events?tenant=${tenant}`)).events).toMatchObject([
      { recipients: 1_000, is_at_least: true },
    ]);
    expect((await counted(`/events?tenant=${tenant}&limit=200`)).events).toMatchObject([
      { recipients: 500, is_at_least: true },
    ]);
  });

  it('does not list an event that a job has to fan out among those without recipients', async () => {
    const event = await publish('*', 'broadcast');
    expect(await eventsAt('tenant=*')).toEqual([event]);
    expect(await eventsAt('tenant=*&recipients=0')).toEqual([]);
  });
});

describe('GET /webhooks', () => {
  it('lists those of an event, a type and a tenant', async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const endpoint = await on.subscriber(tenant, '*');
    await on.subscriber(tenant, 'order.*');
    await on.subscriber(other, '*');
    const paid = await publish(tenant, 'order.paid');
    const made = await publish(tenant, 'invoice.made');
    const theirs = await publish(other, 'order.paid');
    const direct = await on.api.send({ endpoint_id: endpoint, body: 1 });
    const toUrl = await on.api.send({ url: 'https://a.example/', body: 1, tenant });
    const [ofPaid, ofMade] = [await webhooksOf(paid), await webhooksOf(made)];
    expect([ofPaid.length, ofMade.length, (await webhooksOf(theirs)).length]).toEqual([2, 1, 1]);
    expect(await webhooksAt(`tenant=${tenant}`)).toEqual(
      [...ofPaid, ...ofMade, direct.json.id, toUrl.json.id].toSorted(),
    );
    expect(await webhooksAt(`tenant=${tenant}&event_type=order.paid`)).toEqual(ofPaid);
    expect(await webhooksAt(`tenant=${other}&event_type=invoice.made`)).toEqual([]);
    const toEndpoint = await webhooksAt(`endpoint_id=${endpoint}`);
    expect(toEndpoint).toEqual(
      [...ofPaid.filter((id) => toEndpoint.includes(id)), ...ofMade, direct.json.id].toSorted(),
    );
    expect(toEndpoint).toHaveLength(3);
    expect(await webhooksAt(`endpoint_id=${endpoint}&event_id=${paid}`)).toHaveLength(1);
  });

  it('finds all webhooks of an event, or the one, by an id', async () => {
    const tenant = newTenant();
    await on.subscriber(tenant, '*');
    await on.subscriber(tenant, '*');
    const event = await publish(tenant, 'a');
    const webhooks = await webhooksOf(event);
    expect(webhooks).toHaveLength(2);
    expect(await webhooksAt(`q=${event}`)).toEqual(webhooks);
    expect(await webhooksAt(`q=${webhooks[1]}`)).toEqual([webhooks[1]]);
    expect(await webhooksAt(`event_id=${webhooks[1]}`)).toEqual([]);
  });

  it('takes a direct send for no event', async () => {
    const { json } = await on.api.send({ url: 'https://a.example/', body: 1 });
    expect(await webhooksAt(`event_id=${json.id}`)).toEqual([]);
    expect(await webhooksAt(`q=${json.id}`)).toEqual([json.id]);
  });

  it.each(['pending', 'cancelled'])(
    'lists those of an event with the status %s',
    async (status) => {
      const tenant = newTenant();
      await on.subscriber(tenant, '*');
      await on.subscriber(tenant, '*');
      const event = await publish(tenant, 'a');
      const [first = ''] = await webhooksOf(event);
      await on.api.ask(`/webhooks/${first}/cancel`, { method: 'POST' });
      const expected = (await webhooksOf(event)).filter(
        (id) => (id === first) === (status === 'cancelled'),
      );
      for (const query of [`event_id=${event}`, `tenant=${tenant}`, `q=${event}`]) {
        expect(await webhooksAt(`${query}&status=${status}`)).toEqual(expected);
      }
      expect(expected).toHaveLength(1);
    },
  );

  it('a webhook of an event for all tenants belongs to the tenant of its endpoint', async () => {
    const tenant = newTenant();
    const endpoint = await on.subscriber(tenant, 'to.all');
    const event = await publish('*', 'to.all');
    await on.database.pool.query('select posthorn.add_webhooks(array[$1::uuid], array[$2::uuid])', [
      event,
      endpoint,
    ]);
    const { json } = await on.api.ask(`/webhooks?tenant=${tenant}`);
    expect(json.webhooks).toMatchObject([{ event_id: event, tenant, event_type: 'to.all' }]);
    expect(await webhooksAt('tenant=*')).toEqual([]);
  });
});
