import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type Answer, serveTestApi, type TestApi } from './served-api.ts';

// Postgres' DETAIL of a broken CHECK or NOT NULL is the whole row. It must end at the API.

const secret = 'hunter2-the-secret';
const body = 'hunter2-the-body';
const webhook = {
  url: 'https://example.com/hooks',
  body: { text: body },
  secret,
  headers: { Authorization: 'hunter2-the-header' },
};

let database: TestDatabase;
let api: TestApi;

beforeEach(async () => {
  database = await createTestDatabase();
  api = await serveTestApi(database.url);
});

afterEach(async () => {
  await api.close();
  await database.drop();
});

function expectSilence(answer: Answer): void {
  const said = answer.text + JSON.stringify([...answer.headers]) + JSON.stringify(api.logged);
  expect(said).not.toContain('hunter2');
  expect(said).not.toContain('Failing row');
}

describe('neither the secret nor the body is in the answer or the log', () => {
  it('when the API refuses a header', async () => {
    const headers = { ...webhook.headers, Host: 'hunter2-the-host' };
    const answer = await api.send({ ...webhook, headers });
    expect([answer.status, answer.json.code]).toEqual([
      400,
      'outbox_headers_names_are_not_reserved',
    ]);
    expectSilence(answer);
  });

  it.each(['', 'a key'])('when Postgres refuses the row, with the key "%s"', async (key) => {
    const more = { traceparent: 'illegal', ...(key === '' ? {} : { idempotency_key: key }) };
    const answer = await api.send({ ...webhook, ...more });
    expect([answer.status, answer.json.code]).toEqual([400, 'outbox_traceparent_is_w3c']);
    expectSilence(answer);
  });

  it('when Postgres refuses a header that the API let through', async () => {
    await database.pool.query(
      `alter table posthorn.outbox add constraint outbox_headers_are_none check (headers is null)`,
    );
    const answer = await api.send(webhook);
    expect([answer.status, answer.json.code]).toEqual([400, 'outbox_headers_are_none']);
    expectSilence(answer);
  });

  it('when Postgres refuses the row for what is not the caller’s fault, which is logged', async () => {
    await database.pool.query('alter table posthorn.outbox alter column traceparent set not null');
    const answer = await api.send(webhook);
    expect([answer.status, answer.json.code]).toEqual([500, 'internal_error']);
    expect(api.logged).toMatchObject([
      { level: 'error', fields: { code: '23502', stack: expect.stringMatching(/^\s+at /) } },
    ]);
    expectSilence(answer);
  });
});

it('Postgres does put both into the detail, or these tests would look for nothing', async () => {
  await database.pool.query('alter table posthorn.outbox alter column traceparent set not null');
  const insert = database.pool.query(
    `insert into posthorn.outbox (url, body, secret) values ($1, $2, $3)`,
    [webhook.url, body, secret],
  );
  const error: object = await insert.then(
    () => ({}),
    (reason: object) => reason,
  );
  expect(Reflect.get(error, 'detail')).toContain(secret);
  expect(Reflect.get(error, 'detail')).toContain(body);
});
