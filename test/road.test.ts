import { createHmac } from 'node:crypto';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, it } from 'vitest';
import { startReceiver } from '../harness/receiver.ts';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { eventually } from './support/eventually.ts';
import { forEachTest, forFile } from './support/world.ts';

// The road of a webhook, whole: an INSERT in a producer's transaction, a signed POST, its history in Postgres.

const database = forFile(createTestDatabase);
// Without its backstop, the scan of all lanes, what is missed is never sent.
forFile(() => startEngine(database, { timings: { scanEveryMs: 3_600_000 } }));
const receiver = forEachTest(startReceiver);

describe('a webhook inserted in a transaction', () => {
  it('is delivered byte for byte, with its id and headers, and its history can be read', async () => {
    const body = '{"n": 12345678901234567890, "a": 1e400, "a": -0, "text": "naïve ☃"}';
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, headers, content_type, traceparent)
       values ($1, $2, '{"X-Shop": "42"}', 'application/json; charset=utf-8',
         '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
       returning id`,
      [`${receiver.url}/hook?shop=42`, body],
    );
    const id = rows[0]?.id ?? '';
    await receiver.until((requests) => requests.length === 1);
    const [request] = receiver.requests;
    expect(request?.body.toString('utf8')).toBe(body);
    expect(request?.path).toBe('/hook?shop=42');
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-shop': '42',
      'x-webhook-id': id,
      'webhook-id': id,
      'idempotency-key': id,
      'x-webhook-attempt': '1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    });
    const webhook = await ended(id);
    expect(webhook).toMatchObject({ status: 'delivered', attempts: 1, last_status_code: 200 });
    const attempts = await attemptsOf(id);
    expect(attempts).toMatchObject([
      { number: 1, status_code: 200, error: null, response_body: 'ok', response_truncated: false },
    ]);
    expect(attempts[0]?.['duration_ms']).toBeGreaterThan(0);
    const [attempt] = attempts;
    expect(Number(attempt?.['finished_at'])).toBeGreaterThanOrEqual(
      Number(attempt?.['started_at']),
    );
  });

  it('sends nothing when it rolls back, nor what a savepoint took back', async () => {
    const client = await database.pool.connect();
    const insert = (path: string) =>
      client.query('insert into posthorn.outbox (url, body) values ($1, $2)', [
        `${receiver.url}${path}`,
        path,
      ]);
    await client.query('begin');
    await insert('/rolled-back');
    await client.query('rollback');
    await client.query('begin');
    await insert('/before');
    await client.query('savepoint s');
    await insert('/taken-back');
    await client.query('rollback to savepoint s');
    await insert('/after');
    await client.query('commit');
    client.release();
    // What comes last through the same lane order: when it is here, the others would be too.
    await enqueue('/last');
    await receiver.until((requests) => requests.some(({ path }) => path === '/last'));
    await receiver.until((requests) => requests.length >= 3);
    expect(receiver.requests.map(({ path }) => path).sort()).toEqual([
      '/after',
      '/before',
      '/last',
    ]);
    const { rows } = await database.pool.query(
      `select from posthorn.outbox where body in ('/rolled-back', '/taken-back')`,
    );
    expect(rows).toHaveLength(0);
  });

  it('is sent without a scan of all lanes when it commits long after its insert', async () => {
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query('insert into posthorn.outbox (url, body) values ($1, $2)', [
      `${receiver.url}/late`,
      'late',
    ]);
    // Others come and go meanwhile, so that the window would have moved on.
    for (let n = 0; n < 15; n += 1) {
      await enqueue(`/meanwhile-${n}`);
      await receiver.until((requests) => requests.some(({ path }) => path === `/meanwhile-${n}`));
    }
    await client.query('commit');
    client.release();
    await receiver.until((requests) => requests.some(({ path }) => path === '/late'));
  });
});

it('no webhook waits for the scan of all lanes, however the transactions of its neighbours overlap', async () => {
  const produce = async () => {
    for (let n = 0; n < 25; n += 1) await enqueue('/many');
  };
  await Promise.all(Array.from({ length: 16 }, produce));
  await receiver.until((requests) => requests.length === 400);
});

describe('the signatures', () => {
  const whsec = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

  it('are accepted by the published standardwebhooks and svix libraries', async () => {
    const body = '{"type":"order.created"}';
    await enqueue('/signed', { body, secret: whsec });
    await receiver.until((requests) => requests.length === 1);
    const headers = receiver.requests[0]?.headers as Record<string, string>;
    expect(new StandardWebhook(whsec).verify(body, headers)).toEqual({ type: 'order.created' });
    const svixHeaders = {
      'svix-id': headers['webhook-id'] ?? '',
      'svix-timestamp': headers['webhook-timestamp'] ?? '',
      'svix-signature': headers['webhook-signature'] ?? '',
    };
    expect(() => new SvixWebhook(whsec).verify(body, svixHeaders)).not.toThrow();
    expect(() => new SvixWebhook(whsec).verify('{}', svixHeaders)).toThrow();
    const forged = () => new StandardWebhook(whsec).verify(`${body} `, headers);
    expect(forged).toThrow();
  });

  it('hold the timestamp and are fresh on every try, while the id stays', async () => {
    receiver.answer((_request, response) => {
      response.statusCode = receiver.requests.length === 1 ? 500 : 200;
      response.end();
    });
    const id = await enqueue('/twice', { body: 'text', secret: 'a plain secret' });
    await receiver.until((requests) => requests.length === 1);
    await makeDue(id);
    await receiver.until((requests) => requests.length === 2);
    for (const { headers } of receiver.requests) {
      const signature = String(headers['x-webhook-signature']);
      const [, timestamp, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
      const expected = createHmac('sha256', 'a plain secret')
        .update(`${timestamp}.text`)
        .digest('hex');
      expect(hex).toBe(expected);
      expect(headers['webhook-timestamp']).toBe(timestamp);
      expect(headers['webhook-id']).toBe(id);
    }
    expect(receiver.requests.map(({ headers }) => headers['x-webhook-attempt'])).toEqual([
      '1',
      '2',
    ]);
  });

  it('are left out without a secret', async () => {
    await enqueue('/unsigned');
    await receiver.until((requests) => requests.length === 1);
    expect(receiver.requests[0]?.headers).not.toHaveProperty('webhook-signature');
    expect(receiver.requests[0]?.headers).not.toHaveProperty('x-webhook-signature');
  });
});

describe('retries', () => {
  it('come after 1m, 5m, 30m, 2h and 24h, up to 10 % later and never earlier; then it has failed', async () => {
    receiver.answer((_request, response) => {
      response.statusCode = 503;
      response.end('not now');
    });
    const id = await enqueue('/always-503');
    const minutes = [1, 5, 30, 120, 1_440];
    for (const [at, delayMinutes] of minutes.entries()) {
      const wait = await eventually(
        async () => {
          const { rows } = await database.pool.query<{ wait_s: number }>(
            `select extract(epoch from q.due_at - a.finished_at)::float8 as wait_s
           from posthorn.queue as q
           join posthorn.attempts as a on a.webhook_id = q.webhook_id and a.number = q.attempts
           where q.webhook_id = $1 and q.attempts = $2 and q.lease_until is null`,
            [id, at + 1],
          );
          return rows[0]?.wait_s;
        },
        `attempt ${at + 1} is recorded`,
      );
      expect(wait).toBeGreaterThanOrEqual(delayMinutes * 60 - 0.001);
      expect(wait).toBeLessThanOrEqual(delayMinutes * 66 + 0.001);
      await makeDue(id);
    }
    const webhook = await ended(id);
    expect(webhook).toMatchObject({
      status: 'failed',
      attempts: 6,
      reason: 'http_503',
      last_status_code: 503,
      last_error: 'http_503',
      next_attempt_at: null,
    });
    expect(receiver.requests).toHaveLength(6);
    expect((await attemptsOf(id)).map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('end earlier when the webhook says so', async () => {
    receiver.answer((_request, response) => {
      response.statusCode = 500;
      response.end();
    });
    const id = await enqueue('/once', { max_attempts: 1 });
    expect(await ended(id)).toMatchObject({ status: 'failed', attempts: 1 });
  });

  it('wait for as long as Retry-After asks', async () => {
    receiver.answer((_request, response) => {
      response.statusCode = 429;
      response.setHeader('retry-after', '600');
      response.end();
    });
    const id = await enqueue('/busy');
    const dueInS = await eventually(async () => {
      const { rows } = await database.pool.query<{ s: number }>(
        `select extract(epoch from due_at - now())::float8 as s from posthorn.queue
         where webhook_id = $1 and attempts = 1 and lease_until is null`,
        [id],
      );
      return rows[0]?.s;
    }, 'the attempt is recorded');
    expect(dueInS).toBeGreaterThan(590);
    expect(dueInS).toBeLessThan(661);
  });
});

it.each([
  [200, 'delivered', null],
  [204, 'delivered', null],
  [301, 'pending', 'redirect'],
  [400, 'failed', 'http_400'],
  [404, 'failed', 'http_404'],
  [408, 'pending', 'http_408'],
  [410, 'failed', 'gone'],
  [425, 'pending', 'http_425'],
  [429, 'pending', 'http_429'],
  [500, 'pending', 'http_500'],
])('an answer of %i leaves the webhook %s', async (statusCode, status, error) => {
  receiver.answer((_request, response) => {
    response.writeHead(statusCode, { location: '/elsewhere' });
    response.end();
  });
  const id = await enqueue('/status');
  const webhook = await eventually(async () => {
    const found = await webhookOf(id);
    return found?.['attempts'] === 1 && found['status'] !== 'delivering' && found;
  }, 'the attempt is recorded');
  expect(webhook).toMatchObject({ status, last_error: error, last_status_code: statusCode });
  // A redirect is not followed.
  expect(receiver.requests).toHaveLength(1);
});

it('keeps the first 16 KiB of an answer, flagged when cut, with NUL and broken UTF-8 made storable', async () => {
  receiver.answer((_request, response) => {
    response.write(Buffer.from([0x61, 0x00, 0xff, 0x62]));
    response.end('x'.repeat(40_000));
  });
  const id = await enqueue('/long');
  await ended(id);
  const [attempt] = await attemptsOf(id);
  expect(attempt).toMatchObject({ response_truncated: true });
  const text = String(attempt?.['response_body']);
  expect(text.slice(0, 4)).toBe('a\uFFFD\uFFFDb');
  expect(text.length).toBeLessThanOrEqual(16_384);
});

it('records an attempt before its request begins', async () => {
  let release = () => {};
  receiver.answer((_request, response) => {
    release = () => response.end();
  });
  const id = await enqueue('/held');
  await receiver.until((requests) => requests.length === 1);
  expect(await attemptsOf(id)).toMatchObject([{ number: 1, finished_at: null, status_code: null }]);
  expect(await webhookOf(id)).toMatchObject({ status: 'delivering', attempts: 1 });
  release();
  await ended(id);
});

it('waits until send_at', async () => {
  const id = await enqueue('/later', { send_at: new Date(Date.now() + 3_600_000) });
  const now = await enqueue('/now');
  await ended(now);
  expect(await webhookOf(id)).toMatchObject({ status: 'pending', attempts: 0 });
  await makeDue(id);
  await ended(id);
});

it('fails what cannot be sent, with a reason, and goes on', async () => {
  // Legal by every CHECK, and yet no URL.
  const poison = await enqueueUrl('http://127.0.0.1:99999/');
  const blocked = await enqueueUrl('http://10.1.2.3/');
  const good = await enqueue('/good');
  expect(await ended(poison)).toMatchObject({ status: 'failed', reason: 'url_invalid' });
  expect(await ended(blocked)).toMatchObject({ status: 'failed' });
  expect(await ended(good)).toMatchObject({ status: 'delivered' });
});

it('fails a webhook whose row somebody deleted by hand, instead of taking it up for ever', async () => {
  const id = await enqueue('/deleted', { send_at: new Date(Date.now() + 3_600_000) });
  await database.pool.query('delete from posthorn.outbox where id = $1', [id]);
  await makeDue(id);
  const reason = await eventually(async () => {
    const { rows } = await database.pool.query<{ reason: string }>(
      'select reason from posthorn.outcomes where webhook_id = $1',
      [id],
    );
    return rows[0]?.reason;
  }, 'the webhook has ended');
  expect(reason).toBe('payload_gone');
  expect(receiver.requests).toHaveLength(0);
});

it('makes no producer wait for another', async () => {
  const holders = await Promise.all([database.pool.connect(), database.pool.connect()]);
  for (const holder of holders) {
    await holder.query('begin');
    await holder.query('insert into posthorn.outbox (url, body) values ($1, $2)', [
      `${receiver.url}/same`,
      'held',
    ]);
  }
  const lockWaits: unknown[] = [];
  let producing = true;
  const watching = (async () => {
    while (producing) {
      const { rows } = await database.pool.query(
        `select wait_event, left(query, 60) as query from pg_stat_activity
         where wait_event_type = 'Lock' and datname = current_database()
           -- A file that grows by a page, for microseconds, as in any table: it does not last until a commit.
           and wait_event <> 'extend'`,
      );
      lockWaits.push(...rows);
    }
  })();
  // Both hold their transactions on the URL that the others insert for, until all of them are done.
  await Promise.all(
    Array.from({ length: 30 }, async () => {
      for (let n = 0; n < 25; n += 1) await enqueue('/same');
    }),
  );
  producing = false;
  await watching;
  for (const holder of holders) {
    await holder.query('commit');
    holder.release();
  }
  expect(lockWaits).toEqual([]);
  await receiver.until(
    (requests) => requests.filter(({ body }) => body.toString() === 'held').length === 2,
  );
});

async function enqueue(path: string, values: Record<string, unknown> = {}): Promise<string> {
  return enqueueUrl(`${receiver.url}${path}`, values);
}

async function enqueueUrl(url: string, values: Record<string, unknown> = {}): Promise<string> {
  const row: Record<string, unknown> = { url, body: '{}', ...values };
  const columns = Object.keys(row);
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into posthorn.outbox (${columns.join(', ')})
     values (${columns.map((_, at) => `$${at + 1}`).join(', ')})
     returning id`,
    Object.values(row),
  );
  return rows[0]?.id ?? '';
}

/** Ages a waiting webhook instead of waiting for it. */
async function makeDue(id: string): Promise<void> {
  await eventually(async () => {
    const { rowCount } = await database.pool.query(
      `with due as (
         update posthorn.queue set due_at = now() where webhook_id = $1 and lease_until is null returning 1
       )
       select pg_notify('posthorn_wake', '') from due`,
      [id],
    );
    return rowCount === 1;
  }, 'the webhook waits');
}

async function webhookOf(id: string): Promise<Record<string, unknown> | undefined> {
  const { rows } = await database.pool.query('select * from posthorn.webhooks where id = $1', [id]);
  return rows[0];
}

async function attemptsOf(id: string): Promise<Record<string, unknown>[]> {
  const { rows } = await database.pool.query(
    'select * from posthorn.attempts where webhook_id = $1 order by number',
    [id],
  );
  return rows;
}

async function ended(id: string): Promise<Record<string, unknown>> {
  return eventually(async () => {
    const webhook = await webhookOf(id);
    return ['delivered', 'failed', 'cancelled'].includes(String(webhook?.['status'])) && webhook;
  }, `webhook ${id} has ended`);
}
