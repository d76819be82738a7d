import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { evenBacklog } from '../../bench/backlog.ts';
import { peerViolations, receiverViolations } from '../../bench/checks.ts';
import { ReceiverClient } from '../../bench/receiver-client.ts';
import { createDelivery } from '../../bench/studies/peers/delivery.ts';
import { type RowsBy, rowsBy } from '../../bench/studies/peers/peers.ts';
import { RowLoader } from '../../bench/studies/peers/row-loader.ts';
import { createPeerTables, readPeerStanding } from '../../bench/studies/peers/tables.ts';
import { openServer, type RoundDatabase, type Server } from '../../harness/postgres.ts';

// The rows of the peers that Posthorn is measured beside, and that a run with a wrong one is noticed.

const webhooks = 60;
let server: Server;
let receiver: ReceiverClient;
let database: RoundDatabase;
let client: pg.Client;

beforeAll(async () => {
  server = await openServer(inject('postgresUrl'));
  receiver = await ReceiverClient.start(new AbortController().signal);
  database = await server.createDatabase('empty');
  client = database.client;
  await createPeerTables(client);
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await client.query('truncate webhooks, attempts');
  await receiver.reset({ expected: webhooks, delayMs: 0 });
});

/** As the jobs of a peer do it, many at once. */
async function deliverAll(rows: RowsBy): Promise<readonly string[]> {
  const backlog = evenBacklog({ webhooks, endpoints: 3, table: 'webhooks' });
  const { text, values } = backlog.insert(receiver.port);
  await client.query(text, [...values]);
  const { rows: found } = await client.query<{ id: string }>('select id from webhooks');
  const ids = found.map(({ id }) => id);
  const site = { databaseUrl: database.url, redisUrl: undefined, tunedFor: 'drain' } as const;
  const delivery = createDelivery({ ...site, rows });
  try {
    await Promise.all(ids.map((id) => delivery.deliver(id)));
  } finally {
    await delivery.close();
  }
  return ids;
}

async function violations(jobsLeft = 0): Promise<string[]> {
  const standing = await readPeerStanding(client);
  return peerViolations({ ...standing, jobsLeft }, { webhooks, delivered: webhooks });
}

describe.each(rowsBy)('a peer that writes its rows by %s', (rows) => {
  it('delivers each webhook once, signed, with the attempt before and its end after it', async () => {
    await deliverAll(rows);
    expect(receiverViolations(await receiver.counters(), webhooks)).toEqual([]);
    expect(await violations()).toEqual([]);
  });

  it('does not send a webhook again that has ended', async () => {
    const [id = ''] = await deliverAll(rows);
    const site = { databaseUrl: database.url, redisUrl: undefined, tunedFor: 'drain' } as const;
    const delivery = createDelivery({ ...site, rows });
    try {
      await expect(delivery.deliver(id)).rejects.toThrow('has ended');
    } finally {
      await delivery.close();
    }
    expect((await receiver.counters()).requests).toBe(webhooks);
    expect(await violations()).toEqual([]);
  });

  it('notes the attempt as not ended when the request fails', async () => {
    await client.query(
      `insert into webhooks (url, body, secret) values ('http://127.0.0.1:1/', '{}', 'a secret')`,
    );
    const { rows: found } = await client.query<{ id: string }>('select id from webhooks');
    const site = { databaseUrl: database.url, redisUrl: undefined, tunedFor: 'drain' } as const;
    const delivery = createDelivery({ ...site, rows });
    try {
      await expect(delivery.deliver(found[0]?.id ?? '')).rejects.toThrow('ECONNREFUSED');
    } finally {
      await delivery.close();
    }
    expect(await readPeerStanding(client)).toMatchObject({ delivered: 0, openAttempts: 1 });
  });
});

describe('the check of a peer', () => {
  it.each([
    { what: 'a webhook is lost', harm: 'delete from webhooks where id = $1' },
    { what: 'an attempt is missing', harm: 'delete from attempts where webhook_id = $1' },
    {
      what: 'an attempt has not ended',
      harm: 'update attempts set finished_at = null where webhook_id = $1',
    },
    {
      what: 'there are two attempts',
      harm: `insert into attempts (webhook_id, number, finished_at, duration_ms, status_code, response_body)
             values ($1, 2, now(), 1, 200, 'ok')`,
    },
    {
      what: 'an attempt says that the receiver answered otherwise',
      harm: 'update attempts set status_code = 500 where webhook_id = $1',
    },
    {
      what: 'an attempt has no response',
      harm: 'update attempts set response_body = null where webhook_id = $1',
    },
    {
      what: 'an attempt belongs to no webhook',
      harm: 'update attempts set webhook_id = gen_random_uuid() where webhook_id = $1',
    },
    {
      what: 'a status was not updated',
      harm: `update webhooks set status = 'pending' where id = $1`,
    },
    {
      what: 'a webhook does not count its attempt',
      harm: 'update webhooks set attempts = 0 where id = $1',
    },
  ])('notices when $what', async ({ harm }) => {
    const [id] = await deliverAll('batch');
    expect(await violations()).toEqual([]);
    const { rowCount } = await client.query(harm, [id]);
    expect(rowCount).toBe(1);
    expect(await violations()).not.toEqual([]);
  });

  it('notices a job that is left, and one that is missing', async () => {
    await deliverAll('one');
    expect(await violations(1)).toEqual(['jobs left: 1, must be 0']);
    const standing = await readPeerStanding(client);
    expect(
      peerViolations({ ...standing, jobsLeft: 0 }, { webhooks, delivered: webhooks - 1 }),
    ).toContain('jobs left: 0, must be 1');
  });
});

describe('the row loader', () => {
  it('puts what comes while a statement is under way together in the next', async () => {
    const sizes: number[] = [];
    const gate = Promise.withResolvers<void>();
    const loader = new RowLoader<number, string>(
      async (items) => {
        sizes.push(items.length);
        await gate.promise;
        return items.map(String);
      },
      { statements: 1, most: 3 },
    );
    const first = loader.load(0);
    await new Promise((resolve) => setImmediate(resolve));
    const others = [1, 2, 3, 4].map((item) => loader.load(item));
    gate.resolve();
    expect(await Promise.all([first, ...others])).toEqual(['0', '1', '2', '3', '4']);
    expect(sizes).toEqual([1, 3, 1]);
  });

  it('tells everybody of a statement that failed, and goes on', async () => {
    let isBroken = true;
    const loader = new RowLoader<number, number>(
      async (items) => {
        if (isBroken) throw new Error('broken');
        return items;
      },
      { statements: 1, most: 10 },
    );
    const results = await Promise.allSettled([loader.load(1), loader.load(2)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    isBroken = false;
    expect(await loader.load(3)).toBe(3);
  });
});
