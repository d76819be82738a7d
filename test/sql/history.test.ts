import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canRunPsql } from '../../harness/can-run.ts';
import { lockClass } from '../../src/db/names.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { plantWorker, reported } from '../support/held-worker.ts';

// The reports of sql/history, run as people run them: by psql. Where it is not installed these tests are skipped, as
// nothing else understands the files' variables and conditions.

const folder = fileURLToPath(new URL('../../sql/history/', import.meta.url));
const names = readdirSync(folder).map((file) => file.replace(/\.sql$/, ''));
const hasPsql = canRunPsql('the reports of sql/history');

/** Everything that no report may show, in every webhook. */
const hidden = ['hidden-secret', 'hidden-body', 'hidden-header', 'hidden-query', 'hidden-answer'];

let database: TestDatabase;
let ids: Record<string, string>;

describe.skipIf(!hasPsql)('the report', () => {
  beforeAll(async () => {
    database = await createTestDatabase();
    ids = await enqueueOneOfEachState(database.pool);
  });
  afterAll(() => database.drop());

  it.each(names)('%s begins with a line that says what it answers', (name) => {
    expect(readFileSync(`${folder}${name}.sql`, 'utf8')).toMatch(/^-- \S.{20,120}[.:]?\n/);
  });

  it.each(names)('%s shows no secret, body, header, answer or query string', (name) => {
    const needsId = readFileSync(`${folder}${name}.sql`, 'utf8').includes(":'id'");
    for (const id of needsId ? Object.values(ids) : ['']) {
      const { stdout, stderr } = psql(name, { id });
      expect(stderr).toBe('');
      for (const word of hidden) expect(stdout).not.toContain(word);
    }
  });

  it('failures counts by reason, also webhooks that were enqueued before the period', () => {
    const rows = report('failures').map((row) => row.slice(0, 3));
    expect(rows).toEqual([
      ['http_503', '2', '2'],
      ['gone', '1', '1'],
    ]);
    expect(report('failures')[1]?.slice(4, 6)).toEqual([ids['gone'], 'https://gone.example/']);
    expect(report('failures', { since: '0 seconds' })).toEqual([]);
  });

  it('failed lists the webhooks that failed last, the latest first', () => {
    const rows = report('failed');
    expect(rows).toHaveLength(3);
    expect(
      rows
        .map((row) => row[0])
        .toSorted()
        .toReversed(),
    ).toEqual(rows.map((row) => row[0]));
    const gone = rows.find((row) => row[1] === ids['gone']);
    expect(gone?.slice(2)).toEqual(['https://gone.example/', '', '', '1', 'gone', '']);
    expect(report('failed', { rows: '2' })).toEqual(rows.slice(0, 2));
  });

  it.each(['failures', 'failed'])(
    '%s shows a whole message with what to do about it',
    async (name) => {
      const whole = `Cannot connect to http://a-receiver-of-somebody.example.com:8443/hooks as private addresses must be allowed: 10.20.30.40, see POSTHORN_ALLOW_NETWORKS`;
      const client = await database.pool.connect();
      const setTo = (message: string) =>
        client.query(`update posthorn.attempts set error_message = $2 where webhook_id = $1`, [
          ids['gone'],
          message,
        ]);
      try {
        await setTo(whole);
        expect(report(name).map((row) => row.at(-1))).toContain(whole);
        await setTo('x'.repeat(300));
        expect(report(name).map((row) => row.at(-1))).toContain(`${'x'.repeat(237)}...`);
      } finally {
        await client.query(
          'update posthorn.attempts set error_message = null where webhook_id = $1',
          [ids['gone']],
        );
        client.release();
      }
    },
  );

  it('slow-endpoints puts the slowest first and counts what was not answered with 2xx', () => {
    const rows = report('slow-endpoints');
    expect(rows[0]).toEqual(['https://slow.example/', '', '2', '5000', '9500', '9900', '50.0']);
    expect(report('slow-endpoints', { rows: '1' })).toHaveLength(1);
  });

  it('deliveries counts each webhook of the period once, by the hour it was enqueued in', () => {
    const sums = report('deliveries')
      .map((row) => row.slice(1, 6).map(Number))
      .reduce((sum, row) => sum.map((value, at) => value + (row[at] ?? 0)));
    // All but the one that was enqueued two days ago.
    expect(sums).toEqual([10, 2, 2, 1, 5]);
    const [p50, p95, p99] = (report('deliveries').findLast((row) => row[6] !== '') ?? [])
      .slice(6)
      .map(Number);
    expect([p50, p95, p99].map((seconds) => Math.round(seconds ?? 0))).toEqual([60, 60, 60]);
    expect(report('deliveries', { since: '24 hours' })).toHaveLength(25);
  });

  it('backlog tells what waits, what is due and what is leased, for each endpoint', () => {
    const rows = new Map(report('backlog').map(([url, ...rest]) => [url, rest]));
    const counts = (url: string) => [1, 2, 5].map((at) => rows.get(`https://${url}/`)?.[at]);
    expect(counts('due.example')).toEqual(['1', '1', '0']);
    expect(counts('later.example')).toEqual(['1', '0', '0']);
    expect(counts('leased.example')).toEqual(['0', '0', '1']);
    expect(counts('stuck.example')).toEqual(['1', '1', '0']);
    expect(rows.get('https://due.example/')?.[3]).toMatch(/^00:1\d:\d\d$/);
    expect(rows.size).toBe(5);
  });

  it('webhook tells its whole life', () => {
    const steps = (name: string) => report('webhook', { id: ids[name] ?? '' }).map(([, ...r]) => r);
    expect(steps('slow')).toEqual([
      ['enqueued', 'POST https://slow.example/, priority normal, text/plain, 11 bytes'],
      ['attempt 1', 'timeout, No response headers within 30000 ms, after 10000.0 ms'],
      ['attempt 2', 'HTTP 200, after 0.4 ms'],
      ['delivered', '2 attempts, 00:01:00 after it was enqueued'],
    ]);
    expect(steps('retry').slice(1)).toEqual([
      ['attempt 1', 'HTTP 503, after 12.3 ms'],
      ['next attempt', expect.stringMatching(/^due in 00:0\d:\d\d$/)],
    ]);
    expect(steps('due').slice(1)).toEqual([
      ['first attempt', expect.stringMatching(/^due for 00:1\d:\d\d$/)],
    ]);
    expect(steps('leased').slice(1)).toEqual([['attempt 1', 'under way in worker 7']]);
    expect(steps('cancelled').slice(1)).toEqual([
      ['cancelled', expect.stringMatching(/^cancelled, 0 attempts, .* after it was enqueued$/)],
    ]);
    expect(report('webhook', { id: randomUUID() })).toEqual([]);
  });

  it.each([
    ['delivered', /^It was delivered at .* by attempt 1\.$/],
    ['cancelled', /^It was cancelled at .* after 0 attempts, so it is not sent any more\.$/],
    [
      'gone',
      /after 1 attempt: the last one was answered with HTTP 410, and gone is not retried\.$/,
    ],
    [
      'failed',
      /as often or for as long as it may be, with 6 attempts: the last one was answered with HTTP 503\.$/,
    ],
    ['leased', /^It is being sent now: worker 7 began attempt 1 00:0\d:\d\d ago\.$/],
    ['later', /^It is not sent before .*, in 00:5\d:\d\d, as its send_at says\.$/],
    [
      'retry',
      /^Attempt 1 was answered with HTTP 503; the next one is due at .*, in 00:0\d:\d\d\.$/,
    ],
    ['due', /^It has been due for 00:1\d:\d\d and no worker is alive: start one/],
    ['unknown', /^No webhook has this id/],
  ])('why-not-delivered says it in a sentence: %s', (name, sentence) => {
    expect(why(ids[name] ?? randomUUID())).toMatch(sentence);
  });

  it('why-not-delivered tells what a webhook waits for while a worker is alive', async () => {
    // As a worker does: the lock belongs to the session.
    const client = await database.pool.connect();
    let next: string | undefined;
    await client.query('select pg_advisory_lock($1, 8)', [lockClass]);
    await client.query(
      `insert into posthorn.workers (number, host, pid, version) values (8, 'here', 1, '1.2.3')`,
    );
    try {
      expect(why(ids['due'] ?? '')).toMatch(
        /is the next of its endpoint: it waits for a free slot/,
      );
      await client.query(
        `insert into posthorn.breakers (key, url, state, consecutive, last_error, open_until)
         values (posthorn.lane_of('https://due.example/'), 'https://due.example/', 'open', 7, 'http_503', now() + interval '20 s')`,
      );
      expect(why(ids['due'] ?? '')).toMatch(
        /its endpoint https:\/\/due\.example\/ has failed since .* \(7 times in a row, last with http_503\): a probe is sent at /,
      );
      expect(report('backlog').find(([url]) => url === 'https://due.example/')?.[7]).toMatch(
        /^breaker until /,
      );
      await client.query(
        `update posthorn.breakers set state = 'closed', open_until = null, throttled_until = now() + interval '1 h'`,
      );
      expect(why(ids['due'] ?? '')).toMatch(/has asked to be left alone until /);
      await client.query('delete from posthorn.breakers');
      await client.query(
        `insert into posthorn.breakers (key, url, state, consecutive, last_error, open_until)
         values (posthorn.origin_of('https://due.example/'), 'https://due.example', 'open', 7, 'timeout', now() + interval '20 s')`,
      );
      expect(why(ids['due'] ?? '')).toMatch(
        /nothing at https:\/\/due\.example has answered since .* \(7 times in a row, last with timeout\): a probe is sent at /,
      );
      expect(report('backlog').find(([url]) => url === 'https://due.example/')?.[7]).toMatch(
        /^origin_breaker until /,
      );
      await client.query('delete from posthorn.breakers');
      expect(why(ids['stuck'] ?? '')).toMatch(
        /^Worker 7 began attempt 1 and .* ran out 00:0\d:\d\d ago/,
      );
      const { rows } = await client.query<{ id: string }>(
        `insert into posthorn.outbox (url, body) values ('https://due.example/?q', '') returning id`,
      );
      next = rows[0]?.id;
      expect(why(next ?? '')).toMatch(
        /slot of its endpoint, https:\/\/due\.example\/: before it, 0 are being sent and 1 wait\.$/,
      );
    } finally {
      await client.query('delete from posthorn.workers');
      await client.query(`delete from posthorn.queue where webhook_id = $1`, [next]);
      await client.query(`delete from posthorn.outbox where id = $1`, [next]);
      await client.query('select pg_advisory_unlock($1, 8)', [lockClass]);
      client.release();
    }
  });

  it.each([
    ['no_answer', 'it has 16 requests in flight there, and gets no answer'],
    ['failing', 'all answers lately were failures, so it keeps few slots'],
    ['limit', 'it uses all that its own limits allow'],
    ['slots', 'it uses all 16 slots that it has earned'],
    ['share', 'the worker is nearly full, and it has its share of it'],
    ['unproven', 'it has not answered lately, and others like it use the slots'],
  ] as const)(
    'why-not-delivered and held-back say what a worker holds back: %s',
    async (reason, told) => {
      const { rows } = await database.pool.query<{ key: string }>(
        `select posthorn.origin_of('https://due.example/')::text as key`,
      );
      const group = reported({ key: rows[0]?.key ?? '', name: 'https://due.example', reason });
      await using _worker = await plantWorker(database, { number: 8, heldBack: [group] });
      expect(why(ids['due'] ?? '')).toMatch(
        /^It has been due for \S+, but worker 8 has held back the origin https:\/\/due\.example since \S+ \S+: /,
      );
      expect(why(ids['due'] ?? '')).toContain(`: ${told}.`);
      const [row] = report('held-back').filter(([, name]) => name === 'https://due.example');
      expect(row).toEqual([
        ...['origin', 'https://due.example', '', reason, '2026-12-01 07:00:00+00', ''],
        ...['', '16', '16', '8'],
      ]);
    },
  );

  it('tells of registered endpoints: their state, what waits for them, and why', async () => {
    const { rows } = await database.pool.query<{ id: string; webhook: string }>(
      `with endpoint as (
         insert into posthorn.endpoints (url, secret, ordered)
         values ('https://registered.example/?hidden-query', 'hidden-secret', true)
         returning id
       )
       select id, posthorn.uuid_v7() as webhook from endpoint`,
    );
    const { id = '', webhook = '' } = rows[0] ?? {};
    await database.pool.query(
      `insert into posthorn.outbox (id, endpoint_id, body) values ($1, $2, 'hidden-body')`,
      [webhook, id],
    );
    const set = (assignment: string) =>
      database.pool.query(`update posthorn.endpoints set ${assignment} where id = $1`, [id]);
    const state = () => report('endpoints').map((row) => [row[1], row[3], row[8]]);
    try {
      expect(state()).toEqual([['https://registered.example/', 'limited', '1']]);
      await database.pool.query(`update posthorn.lane_rules set retry_at = now() + interval '1 h'`);
      expect(state()).toEqual([['https://registered.example/', 'retry_of_the_first', '1']]);
      await set(`status = 'paused'`);
      expect(state()).toEqual([['https://registered.example/', 'paused, by_request', '1']]);
      expect(why(webhook)).toMatch(
        /^Its endpoint https:\/\/registered\.example\/ has been paused since .*, as somebody asked for: it is held/,
      );
      expect(report('backlog').find(([url]) => url === 'https://registered.example/')?.[7]).toMatch(
        /^endpoint_paused since /,
      );
      await set(`status = 'disabled', status_reason = 'gone'`);
      expect(why(webhook)).toMatch(/as it answered 410 Gone twice/);
      expect(report('webhook', { id: webhook })[0]?.[2]).toMatch(/POST https:\/\/registered/);
    } finally {
      await database.pool.query('delete from posthorn.queue where webhook_id = $1', [webhook]);
      await database.pool.query('delete from posthorn.outbox where id = $1', [webhook]);
      await database.pool.query('delete from posthorn.endpoints');
    }
    expect(report('endpoints')).toEqual([]);
  });

  it('alerts tells what is wrong before what was, and not what never lasted', async () => {
    await database.pool.query(
      `insert into posthorn.alerts (rule, severity, summary, fired_at, resolved_at)
       values
         ('backlog', 'warning', 'Over.', now() - interval '2 hours', now() - interval '1 hour'),
         ('backlog', 'warning', 'Long over.', now() - interval '9 days', now() - interval '8 days'),
         ('no_worker', 'critical', 'Now.', now() - interval '3 hours', null),
         ('egress_down', 'critical', 'Only noticed.', null, null)`,
    );
    const shown = () => report('alerts').map((row) => [row[0], row[2], row[4], row[5]]);
    expect(shown()).toEqual([
      ['firing', 'no_worker', '03:00:00', 'Now.'],
      ['resolved', 'backlog', '01:00:00', 'Over.'],
    ]);
    expect(report('alerts', { since: '30 days' })).toHaveLength(3);
    expect(report('alerts', { rows: '1' })).toHaveLength(1);
    await database.pool.query('truncate posthorn.alerts');
  });

  it('webhook tells of one that was sent again how it had ended before', async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body) values ('https://again.example/', '') returning id`,
    );
    const id = rows[0]?.id ?? '';
    await attempt(database.pool, { id, status: 410 });
    await end(database.pool, { id, status: 'failed', attempts: 1, reason: 'gone' });
    const percentiles = () => report('deliveries').map((row) => row.slice(6));
    const before = percentiles();
    await database.pool.query('select posthorn.retry($1)', [id]);
    await attempt(database.pool, { id, number: 2, status: 200 });
    await end(database.pool, { id, status: 'delivered', attempts: 2 });
    expect(report('webhook', { id }).map(([, ...rest]) => rest)).toEqual([
      ['enqueued', expect.stringMatching(/^POST /)],
      ['attempt 1', 'HTTP 410, after 12.3 ms'],
      ['failed', 'gone'],
      ['sent again', 'by itself'],
      ['attempt 2', 'HTTP 200, after 12.3 ms'],
      ['delivered', expect.stringMatching(/^2 attempts/)],
    ]);
    // The time until somebody asked for it is none of the service's.
    expect(percentiles()).toEqual(before);
  });

  it.each(['webhook', 'why-not-delivered', 'event'])('%s says that it needs an id', (name) => {
    expect(psql(name, {})).toEqual({ stdout: '', stderr: expect.stringContaining('-v id=<uuid>') });
  });
});

function why(id: string): string | undefined {
  return report('why-not-delivered', { id })[0]?.[0];
}

/** The rows of a report, without their header. */
function report(name: string, variables: Record<string, string> = {}): string[][] {
  const { stdout, stderr } = psql(name, variables);
  if (stderr !== '') throw new Error(stderr);
  const lines = stdout.split('\n').slice(0, -1);
  return lines.map((line) => line.split('\t'));
}

function psql(name: string, variables: Record<string, string>): { stdout: string; stderr: string } {
  const settings = Object.entries(variables).flatMap(([key, value]) => ['-v', `${key}=${value}`]);
  const { stdout, stderr } = spawnSync(
    'psql',
    [database.url, '-X', '-A', '-t', '-F', '\t', ...settings, '-f', `${folder}${name}.sql`],
    { encoding: 'utf8', env: { ...process.env, PGTZ: 'UTC' } },
  );
  return { stdout, stderr };
}

/** Eleven webhooks; their ids by the name of their state. */
async function enqueueOneOfEachState(pool: Pool): Promise<Record<string, string>> {
  const enqueue = async (name: string): Promise<[string, string]> => {
    const { rows } = await pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, content_type, headers, secret, created_at)
       values ($1, 'hidden-body', 'text/plain', '{"X-Note": "hidden-header"}', 'hidden-secret', now())
       returning id`,
      [`https://${name.replace(/\d$/, '')}.example/?hidden-query`],
    );
    return [name, rows[0]?.id ?? ''];
  };
  const made: Record<string, string> = {};
  for (const name of ['delivered', 'slow', 'gone', 'failed', 'cancelled']) {
    const [, id] = await enqueue(name);
    made[name] = id;
  }
  for (const name of ['due', 'later', 'retry', 'leased', 'stuck']) {
    const [, id] = await enqueue(name);
    made[name] = id;
  }
  const at = (name: string) => made[name] ?? '';
  await attempt(pool, { id: at('delivered'), status: 200, durationMs: 0.4 });
  await attempt(pool, { id: at('slow'), error: 'timeout', durationMs: 10_000 });
  await attempt(pool, { id: at('slow'), number: 2, status: 200, durationMs: 0.4 });
  await attempt(pool, { id: at('gone'), status: 410 });
  await attempt(pool, { id: at('failed'), number: 6, status: 503 });
  await attempt(pool, { id: at('retry'), status: 503 });
  await end(pool, { id: at('delivered'), status: 'delivered', attempts: 1 });
  await end(pool, { id: at('slow'), status: 'delivered', attempts: 2 });
  await end(pool, { id: at('gone'), status: 'failed', attempts: 1, reason: 'gone' });
  await end(pool, { id: at('failed'), status: 'failed', attempts: 6, reason: 'http_503' });
  await pool.query('select posthorn.cancel($1)', [at('cancelled')]);

  const set = (name: string, assignments: string) =>
    pool.query(`update posthorn.queue set ${assignments} where webhook_id = $1`, [at(name)]);
  await set('due', "due_at = now() - interval '10 minutes'");
  await set('later', "due_at = now() + interval '1 hour'");
  await set('retry', "attempts = 1, due_at = now() + interval '5 minutes'");
  await set('leased', "attempts = 1, leased_by = 7, lease_until = now() + interval '1 hour'");
  await set('stuck', "attempts = 1, leased_by = 7, lease_until = now() - interval '1 minute'");
  for (const name of ['leased', 'stuck']) {
    await pool.query(
      'insert into posthorn.attempts (webhook_id, number, worker) values ($1, 1, 7)',
      [at(name)],
    );
  }
  return { ...made, old: await enqueueTwoDaysAgo(pool) };
}

/** It failed just now, and was enqueued before the period that the reports look at. */
async function enqueueTwoDaysAgo(pool: Pool): Promise<string> {
  await pool.query('alter table posthorn.outbox disable trigger outbox_to_queue');
  const { rows } = await pool.query<{ id: string }>(
    `insert into posthorn.outbox (id, url, body, created_at)
     select
       overlay(posthorn.uuid_floor(at)::text placing '7' from 15)::uuid,
       'https://old.example/?hidden-query', 'hidden-body', at
     from (select now() - interval '2 days' as at) as two_days_ago
     returning id`,
  );
  await pool.query('alter table posthorn.outbox enable trigger outbox_to_queue');
  const id = rows[0]?.id ?? '';
  await attempt(pool, { id, number: 6, status: 503 });
  await end(pool, { id, status: 'failed', attempts: 6, reason: 'http_503' });
  return id;
}

async function attempt(
  pool: Pool,
  what: { id: string; number?: number; status?: number; error?: string; durationMs?: number },
): Promise<void> {
  const { id, number = 1, status = null, error = null, durationMs = 12.3 } = what;
  const message = error === null ? null : 'No response headers within 30000 ms';
  await pool.query(
    `insert into posthorn.attempts
       (webhook_id, number, worker, finished_at, status_code, error, error_message, duration_ms, response_body)
     values ($1, $2, 7, clock_timestamp(), $3, $4, $5, $6, 'hidden-answer')`,
    [id, number, status, error, message, durationMs],
  );
}

async function end(
  pool: Pool,
  what: { id: string; status: string; attempts: number; reason?: string },
): Promise<void> {
  await pool.query('delete from posthorn.queue where webhook_id = $1', [what.id]);
  await pool.query(
    `insert into posthorn.outcomes (webhook_id, outbox_id, lane, status, attempts, reason, finished_at)
     select
       id, id, posthorn.lane_of(url), $2::posthorn.webhook_status, $3, $4,
       case $2::text when 'delivered' then created_at + interval '1 minute' else clock_timestamp() end
     from posthorn.outbox
     where id = $1`,
    [what.id, what.status, what.attempts, what.reason ?? null],
  );
}
