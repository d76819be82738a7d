import { describe, expect, it } from 'vitest';
import { unknownId } from '../support/unknown-id.ts';
import { eventApi, newTenant } from './event-api.ts';

const on = eventApi();
const since = new Date(Date.now() - 3_600_000).toISOString();
const catchUpOf = async (id: string) =>
  Reflect.get((await on.api.ask(`/endpoints/${id}`)).json, 'catch_up');
const publish = (tenant: string) => on.post('/events', { tenant, event_type: 'a', body: 1 });

describe('POST /endpoints/{id}/catch-up', () => {
  it('counts what an endpoint has missed, and starts nothing, in a dry run', async () => {
    const tenant = newTenant();
    await publish(tenant);
    await publish(tenant);
    const id = await on.subscriber(tenant, '*');
    const before = await on.counts();
    const { status, json } = await on.post(`/endpoints/${id}/catch-up`, { since, dry_run: true });
    expect([status, json]).toEqual([200, { missed: 2 }]);
    expect(await on.counts()).toEqual(before);
    expect(await catchUpOf(id)).toBeNull();
  });

  it('starts a catch-up, which the endpoint shows and DELETE stops', async () => {
    const tenant = newTenant();
    await publish(tenant);
    const id = await on.subscriber(tenant, '*');
    const { status, json } = await on.post(`/endpoints/${id}/catch-up`, {
      since,
      rate_limit_per_s: 5,
    });
    expect([status, json]).toEqual([202, { missed: 1 }]);
    const { rows } = await on.database.pool.query(
      'select rate_limit_per_s, by_present_subscriptions from posthorn.catch_ups where endpoint_id = $1',
      [id],
    );
    expect(rows).toEqual([{ rate_limit_per_s: 5, by_present_subscriptions: true }]);
    expect((await on.api.ask(`/endpoints/${id}`)).json).toMatchObject({
      catching_up: true,
      catch_up: { status: 'running', since, webhooks: 0, read_count: 0, finished_at: null },
    });
    for (const _ of ['stops it', 'finds none']) {
      const stopped = await on.api.ask(`/endpoints/${id}/catch-up`, { method: 'DELETE' });
      expect(stopped.status).toBe(204);
    }
    expect((await on.api.ask(`/endpoints/${id}`)).json).toMatchObject({
      catching_up: false,
      catch_up: { status: 'cancelled', finished_at: expect.any(String) },
    });
  });

  it.each([
    [{}, 'missing_since', '/since'],
    [{ since: 'yesterday' }, 'invalid_since', '/since'],
    [{ since: null }, 'invalid_since', '/since'],
    [{ since, rate_limit_per_s: 0 }, 'invalid_rate_limit_per_s', '/rate_limit_per_s'],
    [{ since, rate_limit_per_s: 10_001 }, 'invalid_rate_limit_per_s', '/rate_limit_per_s'],
    [{ since, dry_run: 1 }, 'invalid_dry_run', '/dry_run'],
    [{ since, until: since }, 'unknown_field', '/until'],
  ])('refuses %j', async (given, code, pointer) => {
    const id = await on.subscriber(newTenant(), '*');
    const before = await on.counts();
    const { status, json } = await on.post(`/endpoints/${id}/catch-up`, given);
    expect([status, json.type, json.code, json.errors[0]?.pointer]).toEqual([
      400,
      'urn:posthorn:problem:invalid_catch_up',
      code,
      pointer,
    ]);
    expect(await on.counts()).toEqual(before);
  });

  it('finds no endpoint that is not there or was deleted', async () => {
    const deleted = await on.subscriber(newTenant(), '*');
    await on.api.ask(`/endpoints/${deleted}`, { method: 'DELETE' });
    const before = await on.counts();
    for (const id of [unknownId(), deleted]) {
      for (const answer of [
        await on.post(`/endpoints/${id}/catch-up`, { since }),
        await on.api.ask(`/endpoints/${id}/catch-up`, { method: 'DELETE' }),
      ]) {
        expect([answer.status, answer.json.code]).toEqual([404, 'endpoint_not_found']);
      }
    }
    expect(await on.counts()).toEqual(before);
  });
});

describe('POST /endpoints/{id}/enable', () => {
  it.each([
    [undefined, true],
    [{}, true],
    [{ catch_up: null }, true],
    [{ catch_up: true }, true],
    [{ catch_up: false }, false],
  ])('with %j starts a catch-up: %j', async (body, catching_up) => {
    const id = await on.subscriber(newTenant(), '*');
    await on.set(id, 'disabled');
    const path = `/endpoints/${id}/enable`;
    const { status, json } =
      body === undefined ? await on.api.ask(path, { method: 'POST' }) : await on.post(path, body);
    expect([status, json]).toEqual([
      200,
      expect.objectContaining({
        status: 'active',
        catching_up,
        catch_up: catching_up ? expect.objectContaining({ status: 'running' }) : null,
      }),
    ]);
  });

  it('without a catch-up has no effect on the next endpoint that is enabled by the same connection', async () => {
    const [one, two] = [
      await on.subscriber(newTenant(), '*'),
      await on.subscriber(newTenant(), '*'),
    ];
    for (const id of [one, two]) await on.set(id, 'disabled');
    await on.post(`/endpoints/${one}/enable`, { catch_up: false });
    await on.post(`/endpoints/${two}/enable`, {});
    expect([await catchUpOf(one), await catchUpOf(two)]).toEqual([
      null,
      expect.objectContaining({ status: 'running' }),
    ]);
  });

  it('takes the field catch_up alone, and no other action takes it', async () => {
    const id = await on.subscriber(newTenant(), '*');
    for (const [action, body, code] of [
      ['enable', { catch_up: 1 }, 'invalid_catch_up'],
      ['enable', { since }, 'unknown_field'],
      ['pause', { catch_up: true }, 'unknown_field'],
      ['disable', { catch_up: true }, 'unknown_field'],
    ] as const) {
      const { status, json } = await on.post(`/endpoints/${id}/${action}`, body);
      expect([action, status, json.type, json.code]).toEqual([
        action,
        400,
        'urn:posthorn:problem:invalid_endpoint',
        code,
      ]);
    }
    expect((await on.api.ask(`/endpoints/${id}`)).json).toMatchObject({ status: 'active' });
  });
});
