import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Ended } from '../../harness/process.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { unknownId } from '../support/unknown-id.ts';
import { forFile } from '../support/world.ts';

// What a command line is taken for: nothing that was said is passed over.

const url = 'https://customer.example/hooks';
const unknown = unknownId();
const database = forFile(createTestDatabase);

const posthorn = (...args: string[]): Promise<Ended> =>
  runHere(args, { DATABASE_URL: database.url });

describe('what a command line means', () => {
  const waiting = async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      `insert into posthorn.outbox (url, body, send_at) values ($1, '1', now() + interval '1 day') returning id`,
      [url],
    );
    return rows[0]?.id ?? '';
  };

  it.each([
    ['--all'],
    ['--dry-run'],
    ['--url', 'http://other.example/'],
    ['--from', '2h'],
    ['--id', unknown],
  ])('cancel with an id and %s cancels nothing', async (...options) => {
    const id = await waiting();
    const { exitCode, stderr } = await posthorn('cancel', id, ...options);
    expect([exitCode, stderr]).toEqual([
      2,
      expect.stringContaining(`${options[0]} cannot be combined with the id`),
    ]);
    expect((await posthorn('show', id)).stdout).toContain('pending');
  });

  it('"default" takes every setting of an endpoint back, a secret too', async () => {
    const made = await posthorn(
      'endpoints',
      'create',
      '--url',
      url,
      '--description',
      'A',
      '--json',
    );
    const { id } = JSON.parse(made.stdout);
    const set = [
      '--retry-schedule',
      '1,2',
      '--max-in-flight',
      '3',
      '--secret',
      `whsec_${'A'.repeat(32)}`,
    ];
    expect((await posthorn('endpoints', 'change', id, ...set)).exitCode).toBe(0);
    const back = ['--retry-schedule', '--max-in-flight', '--secret', '--description'];
    const changed = await posthorn(
      'endpoints',
      'change',
      id,
      ...back.flatMap((name) => [name, 'default']),
    );
    expect([changed.exitCode, changed.stderr]).toEqual([0, '']);
    const { rows } = await database.pool.query(
      'select secret, retry_schedule_s, max_in_flight, description from posthorn.endpoints where id = $1',
      [id],
    );
    expect(rows).toEqual([
      { secret: null, retry_schedule_s: null, max_in_flight: null, description: '' },
    ]);
    await posthorn('endpoints', 'change', id, '--retry-schedule', '');
    expect((await posthorn('endpoints', 'show', id)).stdout).toContain('no retries');
  });

  it.each([
    ['--status of "list" may be given once', ['list', '--status', 'failed', '--status', 'pending']],
    [
      'Unknown option --limt of "list". Did you mean "--limit"? See: posthorn list --help',
      ['list', '--limt', '3'],
    ],
    ['--limit of "list" needs a value', ['list', '--limit']],
    ['--json of "list" takes no value', ['list', '--json=yes']],
    ['Unknown command "statu". Did you mean "status"?\nCommands: start, ', ['statu']],
    [
      'give at least one of --endpoint, --url, --event, --event-type, --tenant, --from, --id',
      ['cancel', '--until', '1h'],
    ],
    ['or a time ago, like 2h: "banana" is not', ['replay', '--from', 'banana']],
  ])('is refused with "%s"', async (words, args) => {
    const { exitCode, stderr } = await posthorn(...args);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(words)]);
  });

  it('a replay of nothing prints what any replay prints', async () => {
    const none = ['replay', '--url', 'http://127.0.0.1:9/none', '--from', '1h', '--no-wait'];
    const { exitCode, stdout } = await posthorn(...none, '--json');
    expect([exitCode, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ id: expect.any(String), matched: 0, results: expect.anything() }),
    ]);
    expect((await posthorn(...none)).stdout).toMatch(
      /^0 webhooks match\. Replay \S+ puts them back/,
    );
  });

  it.each([['migrate'], ['doctor'], ['secrets'], ['list'], ['status']])(
    '%s --json is one line of JSON and nothing else',
    async (...args) => {
      const { stdout } = await posthorn(...args, '--json');
      expect(stdout.split('\n')).toHaveLength(2);
      expect(typeof JSON.parse(stdout)).toBe('object');
    },
  );

  it('secrets looks, and makes no database and no key', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'posthorn-empty-'));
    const { exitCode, stderr } = await runHere(['secrets'], { POSTHORN_DATA_DIR: empty });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('No database: DATABASE_URL')]);
    expect(await readdir(empty)).toEqual([]);
    await rm(empty, { recursive: true });
  });
});
