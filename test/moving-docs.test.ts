import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestDatabase } from './support/database.ts';
import { startEngine } from './support/engine.ts';
import { subscribedEndpoint } from './support/event-rows.ts';
import { forFile } from './support/world.ts';

// What docs/moving.md tells people to run, run: the statements for one's own outbox, and the script that copies endpoints from Svix.

const page = await readFile(new URL('../docs/moving.md', import.meta.url), 'utf8');
const database = forFile(createTestDatabase);

/** The code block of the page that holds this text. */
function block(part: string): string {
  const blocks = [...page.matchAll(/^ *```\w+\n([\s\S]*?)^ *```$/gm)].map(([, code = '']) => code);
  const found = blocks.filter((code) => code.includes(part));
  if (found.length !== 1) throw new Error(`${found.length} blocks with ${part}`);
  return found[0] ?? '';
}

async function rowsOf<Row extends object>(statement: string): Promise<Row[]> {
  const { rows } = await database.pool.query<Row>(statement);
  return rows;
}

describe('an outbox of one’s own', () => {
  const insert = `insert into app_outbox (tenant, event_type, payload)
    select 'acme', 'order.paid', jsonb_build_object('id', id) from generate_series(1, 5) as id`;

  afterEach(async () => {
    await database.pool.query(
      'drop table if exists app_outbox; drop function if exists forward_to_posthorn()',
    );
    await database.empty();
  });

  it('is copied once, in order, however often the statement is repeated', async () => {
    await subscribedEndpoint(database, { tenant: 'acme', url: 'http://127.0.0.1:9/hook' });
    await database.pool.query(block('create table app_outbox'));
    await database.pool.query(insert);
    await database.pool.query(block('lock table app_outbox'));
    // As if the update had been lost.
    await database.pool.query('update app_outbox set sent_at = null');
    await database.pool.query(block('lock table app_outbox'));
    const events = await rowsOf<{ id: number }>(
      `select (body::jsonb ->> 'id')::integer as id from posthorn.events order by posthorn.events.id`,
    );
    expect(events.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5]);
    const [waiting = '', copied = ''] = block('as waiting from app_outbox where').split(';\n');
    expect(await rowsOf(waiting)).toEqual([{ waiting: '0' }]);
    expect(await rowsOf(copied)).toEqual([{ copied: '5', without_recipient: '0' }]);
  });

  it('is copied by one INSERT, which refuses to do it twice', async () => {
    const copy = block('insert into posthorn.events (tenant, event_type, body, idempotency_key)');
    await database.pool.query(block('create table app_outbox'));
    await database.pool.query(insert);
    await database.pool.query(copy);
    await expect(database.pool.query(copy)).rejects.toMatchObject({ code: '23505' });
    expect(await rowsOf('select from posthorn.events')).toHaveLength(5);
  });

  it('forwards new rows by the trigger and leaves the older ones to the old worker', async () => {
    await database.pool.query(block('create table app_outbox'));
    await database.pool.query(insert);
    await database.pool.query(block('create trigger forward_to_posthorn'));
    await database.pool.query(
      `insert into app_outbox (tenant, event_type, payload) values ('acme', 'order.paid', '{"id": 6}')`,
    );
    expect(await rowsOf('select from app_outbox where sent_at is null')).toHaveLength(5);
    expect(await rowsOf('select body, idempotency_key from posthorn.events')).toEqual([
      { body: '{"id": 6}', idempotency_key: 'app-outbox-6' },
    ]);
  });
});

describe('the script that copies endpoints from Svix', () => {
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  const endpoints = [
    {
      id: 'ep_1',
      url: 'https://acme.example/one',
      description: 'Shop',
      filterTypes: ['order.paid', 'order.sent'],
      throttleRate: 20,
    },
    {
      id: 'ep_2',
      url: 'https://acme.example/two',
      description: '',
      filterTypes: null,
      disabled: true,
    },
    { id: 'ep_3', url: 'https://acme.example/three', description: '', channels: ['project_1'] },
    { id: 'ep_4', url: 'https://acme.example/four', description: '', filterTypes: ['not..words'] },
  ];

  /** Answers as the OpenAPI document of Svix says, a page of two endpoints at a time. */
  async function startSvix(): Promise<{ url: string } & AsyncDisposable> {
    const answer = (path: string, iterator: string | null): unknown => {
      if (path === '/api/v1/app')
        return { data: [{ id: 'app_1', uid: 'acme' }], done: true, iterator: 'end' };
      if (path.endsWith('/secret')) return { key: secret };
      if (path.endsWith('/headers')) return { headers: { 'X-Shop': 'a' }, sensitive: [] };
      const from = Number(iterator ?? 0);
      return {
        data: endpoints.slice(from, from + 2),
        done: from + 2 >= endpoints.length,
        iterator: `${from + 2}`,
      };
    };
    const server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://svix');
      const isAllowed = request.headers.authorization === 'Bearer token';
      response.writeHead(isAllowed ? 200 : 401, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify(
          isAllowed ? answer(pathname, searchParams.get('iterator')) : { detail: 'no token' },
        ),
      );
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      },
    };
  }

  it('copies each endpoint once, with its secret, and says what it leaves out', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'posthorn-moving-'));
    try {
      await using svix = await startSvix();
      await using posthorn = await startEngine(database, { worker: false, api: true });
      const script = join(folder, 'import-svix.mjs');
      await writeFile(script, block('// import-svix.mjs'));
      const run = async () => {
        const { stdout } = await promisify(execFile)(process.execPath, [script], {
          env: {
            ...process.env,
            SVIX_URL: svix.url,
            SVIX_TOKEN: 'token',
            POSTHORN_URL: posthorn.address,
            POSTHORN_API_KEY: '',
          },
        });
        return stdout.trimEnd().split('\n');
      };
      expect(await run()).toEqual([
        'copied acme: ep_1, https://acme.example/one',
        'copied acme: ep_2, https://acme.example/two, disabled',
        'LEFT OUT acme: ep_3, https://acme.example/three: its channels need filters',
        expect.stringMatching(/^LEFT OUT acme: ep_4, .*: POST \/endpoints got 400: .*event_type/),
      ]);
      // The second run only repeats what it cannot copy.
      expect((await run()).map((line) => line.slice(0, 8))).toEqual(['LEFT OUT', 'LEFT OUT']);
      const rows = await rowsOf(
        `select tenant, url, description, secret, headers, status, rate_limit_per_s,
           array(select event_type from posthorn.subscriptions where endpoint_id = e.id order by event_type) as types
         from posthorn.endpoints as e order by url`,
      );
      const common = { tenant: 'acme', secret, headers: { 'X-Shop': 'a' } };
      expect(rows).toEqual([
        {
          ...common,
          url: 'https://acme.example/one',
          description: 'Shop ep_1',
          status: 'active',
          rate_limit_per_s: 20,
          types: ['order.paid', 'order.sent'],
        },
        {
          ...common,
          url: 'https://acme.example/two',
          description: 'ep_2',
          status: 'disabled',
          rate_limit_per_s: null,
          types: ['*'],
        },
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
