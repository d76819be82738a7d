import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { beforeEach, expect, it } from 'vitest';
import { type Received, startReceiver } from '../../harness/receiver.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { publish, subscribe, subscriber } from '../support/events.ts';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/rows.ts';
import { forEachTest, forFile } from '../support/world.ts';

// Events as receivers get them.

const database = forFile(createTestDatabase);
forFile(() => startEngine(database));
const receiver = forEachTest(startReceiver);

beforeEach(() => database.empty());

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const body = '{"id": 42, "total": 1.0, "note": "ü ✓"}';

it('the published verifiers accept an event, with the secret of each endpoint and no other', async () => {
  const other = `whsec_${Buffer.alloc(24, 'other').toString('base64')}`;
  await subscriber(database, { url: `${receiver.url}/a`, secret });
  await subscriber(database, { url: `${receiver.url}/b`, secret: other });
  await publish(database.pool, { body });
  await receiver.until((requests) => requests.length === 2);
  for (const request of receiver.requests) {
    const [own, foreign] = request.path === '/a' ? [secret, other] : [other, secret];
    for (const Verifier of [Webhook, SvixWebhook]) {
      const verify = (key: string) => new Verifier(key).verify(text(request), headersOf(request));
      expect(() => verify(own)).not.toThrow();
      expect(() => verify(foreign)).toThrow('No matching signature found');
    }
  }
});

it('the header webhook-id is the event’s id at each endpoint, on each retry and replay; X-Webhook-ID is of the endpoint', async () => {
  const retries = { retry_schedule_s: [0] };
  await subscriber(database, { url: `${receiver.url}/a`, ...retries });
  await subscriber(database, { url: `${receiver.url}/b`, ...retries });
  let refusals = 2;
  receiver.answer((_, response) => {
    refusals -= 1;
    response.writeHead(refusals >= 0 ? 503 : 200).end();
  });
  const eventId = await publish(database.pool, { body });
  await delivered(2);
  const ids = await ask<{ id: string }>(database, 'select webhook_id as id from posthorn.outcomes');
  for (const { id } of ids) {
    expect(await ask(database, 'select posthorn.retry($1, true) as said', [id])).toEqual([
      { said: 'queued' },
    ]);
  }
  await receiver.until((requests) => requests.length === 6);
  await delivered(2);
  const seen = receiver.requests.map(({ path, headers }) => ({
    path,
    message: headers['webhook-id'],
    key: headers['idempotency-key'],
    webhook: headers['x-webhook-id'],
  }));
  expect(new Set(seen.map(({ message }) => message))).toEqual(new Set([eventId]));
  expect(new Set(seen.map(({ key }) => key))).toEqual(new Set([eventId]));
  const webhooks = await ask<{ path: string; webhook: string }>(
    database,
    `select right(url, 2) as path, id as webhook from posthorn.webhooks where event_id = $1`,
    [eventId],
  );
  expect(webhooks).toHaveLength(2);
  for (const { path, webhook } of webhooks) {
    expect(webhook).not.toBe(eventId);
    const own = seen.filter((request) => request.path === path);
    expect(own.map((request) => request.webhook)).toEqual([webhook, webhook, webhook]);
  }
});

it('a direct send has the same id in both headers', async () => {
  await database.pool.query(`select posthorn.enqueue($1, '{}')`, [receiver.url]);
  await receiver.until((requests) => requests.length === 1);
  const headers = receiver.requests[0]?.headers;
  expect(headers?.['webhook-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(headers?.['webhook-id']).toBe(headers?.['x-webhook-id']);
});

it.each([false, true])(
  'an endpoint that was disabled while 1,000 events were published receives each once; ordered: %s',
  async (ordered) => {
    const endpoint = await subscriber(database, { url: receiver.url, ordered });
    await subscribe(database.pool, { endpointId: endpoint.id, to: ['order.*'] });
    await publish(database.pool, { body: '0' });
    await receiver.until((requests) => requests.length === 1);
    await delivered(1);
    await endpoint.set({ status: 'disabled' });
    await publishNumbers(1, 1_000);
    expect(await ask(database, 'select webhook_id from posthorn.queue')).toEqual([]);
    await endpoint.set({ status: 'active' });
    await publishNumbers(1_001, 1_010);
    await receiver.until((requests) => requests.length >= 1_011);
    await delivered(1_011);
    await eventually(async () => {
      const [row] = await ask(database, 'select catching_up from posthorn.endpoints');
      return row?.['catching_up'] === false;
    }, 'it has caught up');
    const numbers = receiver.requests.map(({ body: number }) => Number(number));
    const sorted = Array.from({ length: 1_011 }, (_, n) => n);
    expect(ordered ? numbers : numbers.toSorted((one, other) => one - other)).toEqual(sorted);
  },
);

function publishNumbers(from: number, to: number) {
  return database.pool.query(
    `insert into posthorn.events (tenant, event_type, body)
     select 'acme', 'order.paid', n::text from generate_series($1::integer, $2::integer) as n`,
    [from, to],
  );
}

function delivered(count: number) {
  return eventually(async () => {
    const rows = await ask(
      database,
      `select from posthorn.outcomes as o
       where status = 'delivered' and not exists (select from posthorn.queue as q where q.webhook_id = o.webhook_id)`,
    );
    return rows.length === count;
  }, `${count} webhooks are delivered`);
}

function text(request: Received): string {
  return request.body.toString();
}

function headersOf({ headers }: Received): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  );
}
