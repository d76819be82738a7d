import { once } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { spawnWorker } from '../../harness/process.ts';
import { openText } from '../../src/domain/sealed-text.ts';
import type { Log } from '../../src/log.ts';
import { sealSecrets } from '../../src/maintenance/seal-secrets.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { ringOf, ringText } from '../support/key-rings.ts';
import { besideTransaction } from '../support/rows.ts';
import { forFile } from '../support/world.ts';

// The task that brings all secrets under the current key: plain ones, and those of older keys.

const keyPattern = /[A-Za-z0-9+/]{43}=/;

const database = forFile(createTestDatabase);
let logged: object[];
let log: Log;

beforeEach(async () => {
  await database.empty();
  await database.pool.query('delete from posthorn.sealing');
  logged = [];
  const note = (fields: object, message: string) => void logged.push({ ...fields, message });
  log = { debug: note, info: note, warn: note, error: note };
});

const seal = (...ids: string[]) =>
  sealSecrets(database.pool, { ring: ids.length === 0 ? undefined : ringOf(...ids), log });

async function register(count: number): Promise<void> {
  await database.pool.query(
    `insert into posthorn.endpoints (url, secret, headers, former_secrets)
     select 'https://example.com/', 'planted-secret ' || n, '{"X-Token": "planted-token"}',
       jsonb_build_array(jsonb_build_object('secret', 'planted-former', 'public_key', null,
         'expires_at', now() + interval '1 day'))
     from generate_series(1, $1::integer) as n`,
    [count],
  );
}

async function rows(): Promise<{ id: string; text: string; updated: boolean }[]> {
  const found = await database.pool.query(
    `select id, to_json(e)::text as text, updated_at > created_at + interval '1 ms' as updated
     from posthorn.endpoints as e order by id`,
  );
  return found.rows;
}

async function state(): Promise<object> {
  const found = await database.pool.query(
    `select key_id, total, done, plain, missing_keys, removable_keys, finished_at is not null as finished
     from posthorn.sealing`,
  );
  return found.rows[0];
}

describe('the sealing', () => {
  it('of empty headers leaves none: there is nothing to keep secret', async () => {
    await database.pool.query(
      `insert into posthorn.endpoints (url, secret, headers)
       values ('https://example.com/', 'planted-secret', '{}'), ('https://example.com/', null, '{}')`,
    );
    const hasHeaders = async () => {
      const found = await database.pool.query(
        'select has_headers from posthorn.redacted_endpoints',
      );
      return found.rows.map(({ has_headers }) => has_headers);
    };
    expect(await hasHeaders()).toEqual([false, false]);
    expect(await seal('k1')).toMatchObject({ sealed: 1, plain: 0 });
    expect(await hasHeaders()).toEqual([false, false]);
  });

  it('leaves no plain text, changes nothing that people see, and what it sealed opens', async () => {
    await register(450);
    expect(await seal('k1')).toMatchObject({ sealed: 450, plain: 0 });
    const all = await rows();
    for (const { text, updated } of all) {
      expect(text).not.toContain('planted');
      expect(text.match(/sealed:v1:k1:/g)).toHaveLength(3);
      expect(updated).toBe(false);
    }
    const { rows: kept } = await database.pool.query<{
      id: string;
      secret: string;
      headers: string;
    }>(
      `select id, secret, headers #>> '{}' as headers from posthorn.endpoints order by id limit 1`,
    );
    const { id = '', secret = '', headers = '' } = kept[0] ?? {};
    const ring = ringOf('k1');
    expect(openText(secret, { ring, as: { endpointId: id, purpose: 'secret' } })).toEqual({
      ok: true,
      text: 'planted-secret 1',
    });
    expect(openText(headers, { ring, as: { endpointId: id, purpose: 'headers' } })).toEqual({
      ok: true,
      text: '{"X-Token":"planted-token"}',
    });
    expect(await state()).toEqual({
      key_id: 'k1',
      total: 450,
      done: 450,
      plain: 0,
      missing_keys: [],
      removable_keys: [],
      finished: true,
    });
    expect(await seal('k1')).toMatchObject({ sealed: 0 });
    expect(await rows()).toEqual(all);
  });

  it('goes from an old key to a new one, and says that the old one may be removed', async () => {
    await register(30);
    await seal('old');
    expect(await seal('new', 'old')).toMatchObject({ sealed: 30, removableKeys: ['old'] });
    expect(await state()).toMatchObject({ key_id: 'new', total: 30, done: 30, finished: true });
    expect(logged).toContainEqual(
      expect.objectContaining({
        removableKeys: ['old'],
        message: expect.stringContaining('may be removed'),
      }),
    );
    expect(await seal('new')).toMatchObject({ sealed: 0, missingKeys: [] });
    expect(JSON.stringify(logged)).not.toMatch(keyPattern);
    expect(JSON.stringify(logged)).not.toContain('planted');
  });

  it('leaves what it cannot open, names the key, and goes on with the rest', async () => {
    await register(3);
    await seal('lost');
    await database.pool.query(
      `insert into posthorn.endpoints (url, secret) values ('https://example.com/', 'planted')`,
    );
    expect(await seal('new')).toMatchObject({ sealed: 1, missingKeys: ['lost'] });
    expect(await state()).toMatchObject({ missing_keys: ['lost'] });
    expect(await seal()).toMatchObject({ missingKeys: ['lost', 'new'], plain: 0 });
    expect(await seal('new', 'lost')).toMatchObject({ sealed: 3, removableKeys: ['lost'] });
  });

  it('says how many are plain text when there is no key', async () => {
    await register(5);
    expect(await seal()).toMatchObject({ sealed: 0, plain: 5, missingKeys: [] });
    expect(await state()).toMatchObject({ key_id: null, plain: 5 });
  });

  it('forgets former secrets as soon as they sign no more', async () => {
    await register(2);
    await database.pool.query(
      `update posthorn.endpoints
       set former_secrets = jsonb_set(former_secrets, '{0,expires_at}', to_jsonb(now() - interval '1 second'))
       where id = (select min(id::text)::uuid from posthorn.endpoints)`,
    );
    await seal('k1');
    const { rows: former } = await database.pool.query(
      'select jsonb_array_length(former_secrets) as n from posthorn.endpoints order by id',
    );
    expect(former).toEqual([{ n: null }, { n: 1 }]);
  });

  it('by several at once is done by one, and none undoes what another process changes meanwhile', async () => {
    await register(300);
    const changes = (async () => {
      for (let round = 0; round < 20; round += 1) {
        await database.pool.query(
          `update posthorn.endpoints set secret = 'planted-new' where id = (
             select id from posthorn.endpoints order by id offset $1 limit 1)`,
          [round * 14],
        );
      }
    })();
    const results = await Promise.all([1, 2, 3].map(() => seal('k1')));
    await changes;
    expect(results.some(({ skipped }) => skipped === true)).toBe(true);
    await seal('k1');
    const ring = ringOf('k1');
    const { rows: kept } = await database.pool.query<{ id: string; secret: string }>(
      'select id, secret from posthorn.endpoints order by id',
    );
    const opened = kept.map(({ id, secret }) =>
      openText(secret, { ring, as: { endpointId: id, purpose: 'secret' } }),
    );
    const texts = opened.map((one) => (one.ok ? one.text : 'not opened'));
    expect(texts.filter((text) => text === 'planted-new')).toHaveLength(20);
    expect(texts.filter((text) => text.startsWith('planted-secret '))).toHaveLength(280);
  });
});

it('a secret that is changed between the read and the write of the sealing stays as it was changed', async () => {
  await register(2);
  const { waited, result } = await besideTransaction(
    database,
    {
      statement: `update posthorn.endpoints set secret = 'planted-new' where secret = 'planted-secret 1'`,
      end: 'commit',
    },
    () => seal('k1'),
  );
  expect(waited).toBe(true);
  expect(result).toMatchObject({ sealed: 1, plain: 1 });
  const { rows: kept } = await database.pool.query(
    `select secret from posthorn.endpoints where not starts_with(secret, 'sealed:')`,
  );
  expect(kept).toEqual([{ secret: 'planted-new' }]);
});

describe('the Graphile job', () => {
  it('runs when a worker starts, and after a kill -9 the next worker finishes it', async () => {
    await register(3_000);
    await seal('old');
    const env = { POSTHORN_ENCRYPTION_KEYS: ringText('new', 'old') };
    // Held up in the middle: the last rows are locked until the worker is dead.
    const holder = await database.pool.connect();
    await holder.query('begin');
    await holder.query('select from posthorn.endpoints order by id desc limit 10 for update');
    const worker = await spawnWorker(database.url, env);
    await eventually(async () => {
      const { rows: found } = await database.pool.query(
        `select from posthorn.sealing where key_id = 'new' and done between 1 and 2999`,
      );
      return found.length > 0;
    }, 'the sealing is under way');
    await worker.end('SIGKILL');
    await holder.query('rollback');
    holder.release();
    expect(await state()).toMatchObject({ key_id: 'new', finished: false });
    await using engine = await startEngine(database, { env });
    await eventually(async () => {
      const now = await state();
      return 'finished' in now && now.finished === true;
    }, `the sealing is finished by ${engine.address}`);
    expect(await state()).toMatchObject({ total: 3_000, done: 3_000, removable_keys: ['old'] });
    const { rows: keys } = await database.pool.query('select * from posthorn.secret_keys');
    expect(keys).toEqual([{ key_id: 'new', endpoints: 3_000 }]);
  });

  it('seals in time what SQL brings as plain text, by the crontab', async () => {
    await using engine = await startEngine(database, {
      env: { POSTHORN_ENCRYPTION_KEYS: ringText('k1') },
    });
    await once(engine.events, 'maintained');
    await register(1);
    const { rowCount } = await database.pool.query(
      `select posthorn_graphile.add_job('posthorn:secrets', '{}'::json)`,
    );
    expect(rowCount).toBe(1);
    await eventually(async () => {
      const [row] = await rows();
      return row?.text.includes('planted') === false;
    }, 'it is sealed');
  });
});

describe('posthorn secrets', () => {
  it('says how far it is and what may be removed, and shows no key and no secret', async () => {
    await register(2);
    await seal('old');
    const env = { DATABASE_URL: database.url, POSTHORN_ENCRYPTION_KEYS: ringText('new', 'old') };
    const before = await runHere(['secrets'], env);
    expect([before.exitCode, before.stderr]).toEqual([0, '']);
    expect(before.stdout).toMatch(/^new +0 +seals/m);
    expect(before.stdout).toMatch(/^old +2 +needed/m);
    await seal('new', 'old');
    const after = await runHere(['secrets'], env);
    expect(after.stdout).toMatch(/^old +0 +may be removed/m);
    const without = await runHere(['secrets'], {
      ...env,
      POSTHORN_ENCRYPTION_KEYS: ringText('other'),
    });
    expect([without.exitCode, without.stdout]).toEqual([
      1,
      expect.stringMatching(/^new +2 +missing/m),
    ]);
    for (const { stdout, stderr } of [before, after, without]) {
      expect(stdout + stderr).not.toMatch(keyPattern);
      expect(stdout + stderr).not.toContain('planted');
    }
    const wrong = await runHere(['secrets'], { ...env, POSTHORN_ENCRYPTION_KEYS: 'hunter2' });
    expect([wrong.exitCode, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/^POSTHORN_ENCRYPTION_KEYS cannot be used: each key must be id:base64/),
    ]);
    expect(wrong.stderr).not.toContain('hunter2');
  });
});
