import { describe, expect, it } from 'vitest';
import { enqueue, type NewEvent, publish, publishMany } from '../../src/producer/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { forFile } from '../support/world.ts';

const database = forFile(createTestDatabase);
const event = { tenant: 'acme', eventType: 'order.paid', body: { id: 42 } };

async function stored(id: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await database.pool.query('select * from posthorn.outbox where id = $1', [id]);
  return rows[0];
}

async function webhooksOf(id: string): Promise<unknown[]> {
  const { rows } = await database.pool.query(
    'select endpoint_id from posthorn.webhooks where event_id = $1',
    [id],
  );
  return rows;
}

async function subscriber(tenant: string): Promise<string> {
  const { id } = await registerEndpoint(database, { url: 'https://a.example/', tenant });
  await database.pool.query(
    "insert into posthorn.subscriptions (endpoint_id, event_type) values ($1, 'order.*')",
    [id],
  );
  return id;
}

describe('an event', () => {
  it('goes to the endpoints of its tenant that subscribe to it', async () => {
    const endpoint_id = await subscriber('acme');
    await subscriber('globex');
    const id = await publish(database.pool, event);
    expect(await webhooksOf(id)).toEqual([{ endpoint_id }]);
  });

  it('is stored with all that was said, and the defaults of what was not', async () => {
    const sendAt = new Date('2026-12-01T12:00:00Z');
    const all = {
      ...event,
      body: 'a=ä',
      headers: { 'X-Shop': '7' },
      contentType: 'text/plain',
      priority: 'high',
      sendAt,
      maxAttempts: 3,
      idempotencyKey: 'key',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    } as const satisfies NewEvent;
    expect(await stored(await publish(database.pool, all))).toMatchObject({
      tenant: 'acme',
      event_type: 'order.paid',
      url: null,
      endpoint_id: null,
      secret: null,
      body: 'a=ä',
      headers: all.headers,
      content_type: 'text/plain',
      priority: 'high',
      send_at: sendAt,
      max_attempts: 3,
      idempotency_key: 'key',
      traceparent: all.traceparent,
    });
    expect(await stored(await publish(database.pool, { eventType: 'a', body: [1] }))).toMatchObject(
      {
        tenant: '',
        body: '[1]',
        headers: null,
        content_type: 'application/json',
        priority: 'normal',
        send_at: null,
        max_attempts: null,
        idempotency_key: null,
        traceparent: null,
      },
    );
  });

  it('is published in the transaction, and not at all if that rolls back', async () => {
    const client = await database.pool.connect();
    await client.query('begin');
    const id = await publish(client, event);
    await client.query('rollback');
    client.release();
    expect([await stored(id), await webhooksOf(id)]).toEqual([undefined, []]);
  });

  it('is published once for each key of a tenant', async () => {
    const keyed = { ...event, idempotencyKey: 'once' };
    const id = await publish(database.pool, keyed);
    expect(await publish(database.pool, { ...keyed, body: 'other' })).toBe(id);
    expect(await publish(database.pool, { ...keyed, tenant: 'globex' })).not.toBe(id);
    const url = 'https://a.example/';
    const webhook = { url, body: 1 as unknown as object, tenant: 'acme', idempotencyKey: 'once' };
    expect(await enqueue(database.pool, webhook)).toBe(id);
    expect(await enqueue(database.pool, { ...webhook, tenant: undefined })).not.toBe(id);
  });

  it.each([
    ['outbox_event_type_is_words', { ...event, eventType: 'a b' }],
    ['outbox_event_type_is_not_reserved', { ...event, eventType: 'posthorn.x' }],
    ['outbox_tenant_is_at_most_255_bytes', { ...event, tenant: 'x'.repeat(256) }],
    ['outbox_max_attempts_is_1_to_100', { ...event, maxAttempts: 101 }],
  ])(
    'is refused by the rule %s, and the error has nothing of the row',
    async (constraint, given) => {
      const refused = publish(database.pool, { ...given, body: 'hunter2' });
      await expect(refused).rejects.toMatchObject({ code: '23514', constraint });
      expect(JSON.stringify(await refused.catch((error: unknown) => error))).not.toContain(
        'hunter2',
      );
    },
  );

  it.each([
    ['eventType', { ...event, eventType: undefined }, 'be a string'],
    ['eventType', { ...event, eventType: 'a\0' }, 'not contain NUL'],
    ['tenant', { ...event, tenant: 'a\ud800' }, 'be well-formed Unicode'],
    ['tenant', { ...event, tenant: 7 }, 'be a string'],
  ])('with a wrong %s is refused before the database is asked', async (name, given, rule) => {
    const client = {
      query: () => {
        throw new Error('The database was asked');
      },
    };
    await expect(publish(client, given as NewEvent)).rejects.toThrow(
      new RegExp(`The ${name} must ${rule}`),
    );
  });

  it('is published along with others by one statement, the keyed ones once', async () => {
    const endpoint_id = await subscriber('initech');
    const events = ['order.paid', 'order.sent', 'other'].map((eventType) => ({
      tenant: 'initech',
      eventType,
      body: { eventType },
    }));
    for (const more of [{}, { idempotencyKey: 'many' }]) {
      const ids = await publishMany(
        database.pool,
        events.map((one) => ({ ...one, ...more })),
      );
      expect(await Promise.all(ids.map(webhooksOf))).toEqual(
        'idempotencyKey' in more
          ? [[{ endpoint_id }], [{ endpoint_id }], [{ endpoint_id }]]
          : [[{ endpoint_id }], [{ endpoint_id }], []],
      );
      expect(new Set(ids).size).toBe('idempotencyKey' in more ? 1 : 3);
    }
  });
});

it('a webhook has the tenant that it is given, or none', async () => {
  const url = 'https://a.example/';
  expect(
    await stored(await enqueue(database.pool, { url, body: {}, tenant: 'acme' })),
  ).toMatchObject({
    tenant: 'acme',
  });
  expect(await stored(await enqueue(database.pool, { url, body: {} }))).toMatchObject({
    tenant: '',
  });
});
