import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { canRun } from '../../harness/can-run.ts';
import type { Ended } from '../../harness/process.ts';
import { commands } from '../../src/commands/commands.ts';
import { helpOf } from '../../src/commands/help.ts';
import { oneLine, table } from '../../src/commands/table.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks, startReplay } from '../support/ended-webhooks.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { unknownId } from '../support/unknown-id.ts';
import { forFile } from '../support/world.ts';

// Commands for people, most of them run in this process; cli.test.ts starts them as processes. docs.test.ts runs more of them against
// a worker that delivers.

const url = 'https://customer.example/hooks';
const unknown = unknownId();
const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const database = forFile(createTestDatabase);

const posthorn = (...args: string[]): Promise<Ended> =>
  runHere(args, { DATABASE_URL: database.url });

it('endpoints rotate gives a new secret, once, and says when it cannot', async () => {
  const made = await posthorn('endpoints', 'create', '--url', url, '--json');
  const { id } = JSON.parse(made.stdout);
  const first = await posthorn('endpoints', 'rotate', id);
  expect([first.exitCode, first.stdout]).toEqual([0, expect.stringContaining('whsec_')]);
  const shown = await posthorn('endpoints', 'show', id, '--json');
  expect(JSON.parse(shown.stdout).former_secrets).toHaveLength(1);
  expect(shown.stdout).not.toContain('whsec_');
  const ed25519 = await posthorn(
    'endpoints',
    'rotate',
    id,
    '--secret-type',
    'ed25519',
    '--overlap-s',
    '0',
  );
  expect(ed25519.stdout).toContain('whpk_');
  const wrong = await posthorn('endpoints', 'rotate', id, '--overlap-s', '604801');
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('overlap_s')]);
  await posthorn('endpoints', 'delete', id);
  const gone = await posthorn('endpoints', 'rotate', unknown);
  expect(gone.exitCode).toBe(1);
});

it('keys are made once, listed without themselves, and revoked', async () => {
  const made = await posthorn(
    'keys',
    'create',
    '--name',
    'shop',
    '--scope',
    'send,read',
    '--expires',
    '90d',
  );
  const key = made.stdout.trim();
  expect([made.exitCode, key]).toEqual([0, expect.stringMatching(/^phk_[A-Za-z0-9_-]{43}$/)]);
  const listed = await posthorn('keys', 'list', '--json');
  const [row] = JSON.parse(listed.stdout).keys;
  expect(row).toMatchObject({ name: 'shop', scopes: ['read', 'send'], is_usable: true });
  expect(listed.stdout).not.toContain(key);
  expect((await posthorn('keys', 'revoke', row.id)).exitCode).toBe(0);
  expect((await posthorn('keys', 'list')).stdout).toContain('revoked');
  expect((await posthorn('keys', 'revoke', unknown)).exitCode).toBe(1);
  for (const args of [['--scope', 'all'], ['--expires', 'soon'], []]) {
    const name = args.length === 0 ? [] : ['--name', 'x'];
    expect((await posthorn('keys', 'create', ...name, ...args)).exitCode).toBe(2);
  }
});

describe('what a command prints for programs', () => {
  it('is one line of JSON, whatever it does', async () => {
    const [failed = ''] = await endedWebhooks(database, { to: url, count: 3 });
    const endpoint = await registerEndpoint(database, { url });
    await endpoint.enqueue(1);
    const replay = await startReplay(database, { url });
    const calls: [string[], object][] = [
      [['status'], { alerts: [], workers: [], due: 1 }],
      [['held-back'], { held_back: [], more: false }],
      [['list', '--status', 'failed'], { webhooks: [{}, {}, {}] }],
      [['show', failed], { id: failed, status: 'failed' }],
      [['retry', failed], { id: failed, status: 'pending' }],
      [['cancel', failed], { id: failed, status: 'cancelled' }],
      [['cancel', '--endpoint', endpoint.id, '--dry-run'], { dry_run: true, matched: 1 }],
      [['cancel', '--endpoint', endpoint.id], { cancelled: 1 }],
      [['replay', '--url', url, '--dry-run'], { matched: 2 }],
      [
        ['replay', '--url', url, '--no-wait', '--rate', '5', '--priority', 'own'],
        { status: 'running', rate_limit_per_s: 5 },
      ],
      [['replays', 'list'], { replays: [{}, {}] }],
      [['replays', 'show', replay], { id: replay }],
      [['endpoints', 'list'], { endpoints: [{ id: endpoint.id }] }],
      [['endpoints', 'pause', endpoint.id], { status: 'paused' }],
      [
        ['endpoints', 'change', endpoint.id, '--retry-schedule', '1,2', '--ordered', 'true'],
        { retry_schedule_s: [1, 2], ordered: true },
      ],
      [['endpoints', 'delete', endpoint.id], { status: 'deleted' }],
      [['hold', '--reason', 'a test'], { held: { kind: 'request' } }],
      [['resume'], { was_held: { kind: 'request' } }],
      [['migrate'], { applied: [], defined: [] }],
    ];
    for (const [args, answer] of calls) {
      const { exitCode, stdout, stderr } = await posthorn(...args, '--json');
      expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
      expect(stdout.trimEnd()).not.toContain('\n');
      expect(JSON.parse(stdout)).toMatchObject(answer);
    }
  });
});

describe('the exit code', () => {
  it.each<[number, string, string[]]>([
    [2, 'Unknown command "dance".\nCommands: start, ', ['dance']],
    [2, 'Unknown command "endpoints dance".', ['endpoints', 'dance']],
    [2, 'The command "show" needs ID', ['show']],
    [2, 'Unexpected "more" after "show"', ['show', unknown, 'more']],
    [2, 'The id of the webhook must be a UUID', ['retry', 'x']],
    [2, '--limit must be a whole number from 1 to 10000', ['list', '--limit', '0']],
    [2, '--status must be one of pending', ['list', '--status', 'lost']],
    [2, 'To replay, give at least one of --endpoint', ['replay']],
    [2, '--rate must be a number', ['replay', '--url', url, '--rate', 'fast']],
    [2, 'must be a time with a zone', ['replay', '--from', 'yesterday']],
    [2, 'must be one of bash, zsh', ['completion', 'fish']],
    [2, 'url must be an absolute http', ['send', '--url', 'x', '--body', 'x']],
    [2, 'secret must be whsec_', ['send', '--url', url, '--body', 'x', '--secret', 'whsec_x']],
    [1, 'No webhook with id', ['show', unknown]],
    [1, 'No webhook with id', ['retry', unknown]],
    [1, 'No replay with id', ['replays', 'cancel', unknown]],
    [1, 'No endpoint with id', ['endpoints', 'pause', unknown]],
    [1, 'Nothing to replay: there is no endpoint', ['replay', '--endpoint', unknown]],
    [1, 'Nothing to cancel: there is no endpoint', ['cancel', '--endpoint', unknown]],
    [
      2,
      'The header x-a is given twice',
      ['send', '--url', url, '--header', 'X-A: 1', '--header', 'x-a: 2'],
    ],
    [2, 'content_type must be', ['send', '--url', url, '--body', 'x', '--content-type', 'no type']],
    ...['5,,10', '5,', ',5', 'x'].map((schedule): [number, string, string[]] => [
      2,
      'retry_schedule_s must be',
      ['endpoints', 'create', '--url', url, '--retry-schedule', schedule],
    ]),
    ...['--overlap-s=abc', '--secret-type=foo'].map((option): [number, string, string[]] => [
      2,
      'must be',
      ['endpoints', 'rotate', unknown, option],
    ]),
  ])('is %i with "%s"', async (code, message, args) => {
    const { exitCode, stderr, stdout } = await posthorn(...args);
    expect(stderr).toContain(message);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
  });

  it('is 1 without a database, and the message says what is missing', async () => {
    const { exitCode, stderr } = await runHere(['list'], { POSTHORN_DATA_DIR: '/nowhere' });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^No database: DATABASE_URL is not set/);
  });

  it('is 0 when whoever reads has had enough', async () => {
    await endedWebhooks(database, { to: url, count: 500 });
    const script = `'${process.execPath}' '${cli}' list --limit 500 | head -1; exit \${PIPESTATUS[0]}`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script], {
      env: { ...process.env, DATABASE_URL: database.url },
    });
    expect(stdout).toMatch(/^ID +ENQUEUED/);
  });
});

it('send reads the body from standard input, byte for byte', async () => {
  const child = spawn(process.execPath, [cli, 'send', '--url', url, '--header', 'X-A: b: c'], {
    env: { ...process.env, DATABASE_URL: database.url },
  });
  child.stdin.end('\uFEFF{"n":  1.0}\n');
  const [chunk] = await once(child.stdout, 'data');
  const { rows } = await database.pool.query(
    'select body, headers from posthorn.outbox where id = $1',
    [String(chunk).trim()],
  );
  expect(rows).toEqual([{ body: '\uFEFF{"n":  1.0}\n', headers: { 'X-A': 'b: c' } }]);
});

it('status says of an alert that outlives its cause that it is no longer so', async () => {
  await database.pool.query(
    `insert into posthorn.alerts (rule, severity, summary, step, fired_at, clear_since)
     values ('held', 'critical', 'Nothing is sent.', 1, now(), now()), ('backlog', 'warning', 'Many wait.', 1, now(), null)`,
  );
  const { stdout } = await posthorn('status');
  expect(stdout).toMatch(/ {2}No longer so: Nothing is sent\.$/m);
  expect(stdout).toMatch(/backlog .*\d {2}Many wait\.$/m);
  await database.pool.query('delete from posthorn.alerts');
});

describe('the help', () => {
  it.each(commands.map((command) => ({ name: command.name, command })))(
    'of "$name" explains each option',
    ({ command }) => {
      const help = helpOf(command);
      expect(help).toContain(`posthorn ${command.name}`);
      for (const [name, option] of Object.entries(command.options ?? {})) {
        expect(help).toContain(`--${name}`);
        expect(help).toContain(option.help);
      }
    },
  );

  it('of every command that prints something has --json', () => {
    const without = commands.filter(({ options = {} }) => !('json' in options));
    // "types" prints TypeScript.
    expect(without.map(({ name }) => name)).toEqual(['types', 'bench', 'completion']);
  });
});

describe.skipIf(!canRun('script', { why: 'the tests of colours', debian: 'bsdutils' }))(
  'on a terminal',
  () => {
    it('there are colours, unless NO_COLOR says no, and elsewhere none', async () => {
      const coloured = await onTerminal('list --limit 3', {});
      expect(coloured).toContain('\u001B[');
      expect(await onTerminal('list --limit 3', { NO_COLOR: '1' })).not.toContain('\u001B[');
      expect((await posthorn('list', '--limit', '3')).stdout).not.toContain('\u001B[');
    });

    it('a replay draws how far it is, and elsewhere not', async () => {
      const replay = await startReplay(database, { url: `${url}/none`, status: 'cancelled' });
      expect(await onTerminal(`replays cancel ${replay}`, {})).toContain('█');
      const { stderr } = await posthorn('replays', 'cancel', replay);
      expect(stderr).not.toContain('█');
    });

    async function onTerminal(args: string, env: Record<string, string>): Promise<string> {
      const { PATH = '', HOME = '' } = process.env;
      const { stdout } = await promisify(execFile)(
        'script',
        ['-qec', `'${process.execPath}' '${cli}' ${args}`, '/dev/null'],
        { env: { PATH, HOME, TERM: 'xterm', DATABASE_URL: database.url, ...env } },
      );
      return stdout;
    }
  },
);

describe('a table', () => {
  it('shows what others have named in one line, without what moves a cursor', () => {
    expect(oneLine('a\u001B[2J\r\nb\u202Ec')).toBe('a [2J b c');
    const text = table(
      ['A', 'B'],
      [
        ['x\ny', 'long words'],
        ['xyz', 'b'],
      ],
      {
        hasColours: false,
        columns: 10,
      },
    );
    expect(text).toBe('A    B\nx y  long…\nxyz  b');
  });
});
