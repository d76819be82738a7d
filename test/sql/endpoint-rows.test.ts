import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ask, clear, inS, plant } from '../support/rows.ts';

// What the triggers of endpoints keep true when a row is changed, and which keys their secrets need.

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(() => clear(database));

const url = 'http://a.example/';
const former = [{ secret: 'planted-former', public_key: null, expires_at: inS(900) }];
const old = { created_at: inS(-900), updated_at: inS(-900), status_since: inS(-900) };

async function planted(columns: object = {}): Promise<void> {
  await plant(database, 'endpoints', [
    { url, secret: 'planted', headers: '{"A": "planted"}', ...old, ...columns },
  ]);
}

const change = (set: string) => database.pool.query(`update posthorn.endpoints set ${set}`);
const row = async () =>
  (
    await ask(
      database,
      `select *, updated_at > now() - interval '5 minutes' as is_updated,
         status_since > now() - interval '5 minutes' as is_of_now from posthorn.endpoints`,
    )
  )[0];

describe('a change of an endpoint', () => {
  it.each([
    { set: `description = 'new'`, updated: true, since: false },
    { set: 'gone_answers = 1', updated: false, since: false },
    { set: `gone_answers = 2, status = 'disabled'`, updated: true, since: true },
    { set: `status = 'paused'`, updated: true, since: true },
  ])('by $set is dated $updated, its status $since', async ({ set, updated, since }) => {
    await planted();
    await change(set);
    expect(await row()).toMatchObject({ is_updated: updated, is_of_now: since });
  });

  it('by the sealing is none', async () => {
    await planted();
    await database.pool.query(
      `begin; set local posthorn.is_sealing = 'on'; update posthorn.endpoints set description = 'x'; commit`,
    );
    expect(await row()).toMatchObject({ description: 'x', is_updated: false });
    await database.pool.query(
      `begin; set local posthorn.is_sealing = 'on'; update posthorn.endpoints set status = 'paused'; commit`,
    );
    expect(await row()).toMatchObject({ is_updated: true, is_of_now: true });
  });

  it('of its status says why, and forgets that when it is active again', async () => {
    await planted({ gone_answers: 1 });
    await change(`status = 'disabled', status_reason = 'failing'`);
    expect(await row()).toMatchObject({ status_reason: 'failing', gone_answers: 1 });
    // The reason was that of another status.
    await change(`status = 'paused'`);
    expect(await row()).toMatchObject({ status_reason: 'by_request', gone_answers: 1 });
    await change(`status = 'active'`);
    expect(await row()).toMatchObject({ status_reason: null, gone_answers: 0 });
  });

  it('that deletes it leaves nothing secret, and is the last', async () => {
    await planted({ former_secrets: JSON.stringify(former) });
    await change(`status = 'deleted'`);
    const deleted = await row();
    expect(deleted).toMatchObject({
      secret: null,
      former_secrets: null,
      public_key: null,
      headers: null,
    });
    expect(JSON.stringify(deleted)).not.toContain('planted');
    await expect(change(`status = 'active'`)).rejects.toMatchObject({
      constraint: 'endpoints_deleted_is_final',
    });
    await expect(change(`secret = 'again'`)).rejects.toMatchObject({
      constraint: 'endpoints_deleted_is_final',
    });
  });
});

it('the public key is that of the secret, as long as that is an Ed25519 key or sealed', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  const bytes = (text: string) => Buffer.from(text, 'base64url');
  const secret = `whsk_${Buffer.concat([bytes(d), bytes(x)]).toString('base64')}`;
  const publicKey = `whpk_${bytes(x).toString('base64')}`;
  await planted({ secret });
  expect(await row()).toMatchObject({ public_key: publicKey });
  await change(`secret = 'sealed:v1:k1:${'A'.repeat(60)}'`);
  expect(await row()).toMatchObject({ public_key: publicKey });
  await change(`secret = 'plain'`);
  expect(await row()).toMatchObject({ public_key: null });
  await change(`secret = '${secret}'`);
  await change('secret = null');
  expect(await row()).toMatchObject({ public_key: null });
});

it('the keys that secrets need are counted by endpoint, and plain text with them', async () => {
  const sealed = (key: string) => `sealed:v1:${key}:${'A'.repeat(60)}`;
  await planted({ secret: null, headers: null });
  await planted({ secret: null, headers: '{}' });
  await planted({ secret: sealed('a'), headers: JSON.stringify(sealed('b')) });
  await planted({
    secret: sealed('a'),
    headers: null,
    former_secrets: JSON.stringify([{ ...former[0], secret: sealed('c') }]),
  });
  await planted({ secret: 'plain', headers: '{"A": "plain"}' });
  await planted({ secret: null, headers: '{"A": "plain"}' });
  expect(await ask(database, 'select * from posthorn.secret_keys order by 1')).toEqual([
    { key_id: 'a', endpoints: 2 },
    { key_id: 'b', endpoints: 1 },
    { key_id: 'c', endpoints: 1 },
    { key_id: null, endpoints: 2 },
  ]);
  const redacted = await ask(
    database,
    'select has_secret, has_headers, sealed_with, former_secrets from posthorn.redacted_endpoints order by id',
  );
  expect(redacted).toEqual([
    { has_secret: false, has_headers: false, sealed_with: null, former_secrets: 0 },
    { has_secret: false, has_headers: false, sealed_with: null, former_secrets: 0 },
    { has_secret: true, has_headers: true, sealed_with: 'a', former_secrets: 0 },
    { has_secret: true, has_headers: false, sealed_with: 'a', former_secrets: 1 },
    { has_secret: true, has_headers: true, sealed_with: null, former_secrets: 0 },
    { has_secret: false, has_headers: true, sealed_with: null, former_secrets: 0 },
  ]);
});

it('what readers may see holds no query string, body, secret, header or answer', async () => {
  await planted({ url: 'http://a.example/hook?hush=1', former_secrets: JSON.stringify(former) });
  await database.pool.query(
    `insert into posthorn.outbox (url, body, secret, headers) values ('http://a.example/?hush=2', 'hush', 'hush', '{"A": "hush"}');
     insert into posthorn.attempts (webhook_id, number, worker, response_body) select id, 1, 1, 'hush' from posthorn.outbox`,
  );
  for (const view of ['outbox', 'attempts', 'endpoints', 'webhooks']) {
    const rows = await ask(database, `select * from posthorn.redacted_${view}`);
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toMatch(/hush|planted/);
  }
  expect(
    await ask(
      database,
      `select o.body_bytes, o.has_secret, a.response_body_bytes from posthorn.redacted_outbox as o, posthorn.redacted_attempts as a`,
    ),
  ).toEqual([{ body_bytes: 4, has_secret: true, response_body_bytes: 4 }]);
});

it('a worker is alive as long as somebody holds the lock of its number, in this database', async () => {
  await database.pool.query('delete from posthorn.workers');
  const worker = { host: 'h', pid: 1, version: '1' };
  await plant(database, 'workers', [
    { ...worker, number: 1 },
    { ...worker, number: 2 },
    { ...worker, number: 3 },
  ]);
  const holder = await database.pool.connect();
  try {
    await holder.query(
      'select pg_advisory_lock(1886352244, 1), pg_advisory_lock(1886352245, 2), pg_advisory_lock_shared(3)',
    );
    expect(await ask(database, 'select number from posthorn.live_workers')).toEqual([
      { number: 1 },
    ]);
  } finally {
    holder.release(true);
  }
});
