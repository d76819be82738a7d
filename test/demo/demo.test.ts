import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { arrivalsPerS, usual } from '../../demo/arrivals.ts';
import { customers, sideEndpoints } from '../../demo/customers.ts';
import { eventTypes } from '../../demo/event-types.ts';
import { createPlainLog } from '../../demo/plain-log.ts';
import { type PosthornProcess, watchProcess } from '../../harness/process.ts';
import { compileSchema } from '../../src/catalogue/compiled-schema.ts';
import { eventually } from '../support/eventually.ts';

// `npm run demo` as somebody runs it in a terminal: in a process group of its own, which Ctrl-C reaches as a whole.

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Where the demo makes its directory. */
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'posthorn-demo-test-'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

it('shows the dashboard with life in it, and Ctrl-C leaves nothing behind', async () => {
  await using demo = start(['--rate', '40', '--orders', '100']);
  const address = addressIn(await demo.line(/Dashboard +http/));
  const page = await fetch(`${address}/`);
  expect([page.status, page.headers.get('content-type')]).toEqual([
    200,
    'text/html; charset=utf-8',
  ]);

  await eventually(() => has(address, 'status=delivered'), 'a delivered webhook');
  await eventually(() => has(address, 'status=failed'), 'a webhook that is refused for good');
  const waiting = (why: string) => async () =>
    (await list(address, 'status=pending&limit=200')).some(({ waits_for: what }) => what === why);
  await eventually(waiting('due_time'), 'a webhook that waits for its next try or its time');

  await using database = await connect(demo);
  const { orders, told } = await eventually(async () => {
    const { rows } = await database.client.query<{ orders: number; told: number; gaps: boolean }>(`
      select
        (select count(*)::integer from orders) as orders,
        (select count(*)::integer from posthorn.events where idempotency_key like 'order-%-created') as told,
        (select max(id) > count(*) from orders) as gaps`);
    const [row = { orders: 0, told: 0, gaps: false }] = rows;
    // One order in twenty is rolled back, by chance, and leaves a gap.
    return row.orders > 50 && row.gaps && row;
  }, 'more than 50 orders, and one that was rolled back');
  expect(told).toBe(orders);

  await eventually(async () => {
    const found = await database.client.query<{ missing: string[] }>(eventsShown);
    return found.rows[0]?.missing.length === 0;
  }, 'events of all kinds');

  const postmaster = await postmasterPid();
  await database.client.end();
  expect(await interrupt(demo)).toBe(0);
  expect(await readdir(home)).toEqual([]);
  expect(isAlive(postmaster)).toBe(false);
  await expect(fetch(`${address}/healthz`)).rejects.toThrow();
});

/** What the dashboard should show of events, and what of it is not there yet. */
const eventsShown = `
  select coalesce(array_agg(name) filter (where not is_there), '{}') as missing
  from (values
    ('two tenants', (select count(distinct tenant) > 1 from posthorn.webhooks where event_type = 'order.created')),
    ('an event with two recipients', exists (select from posthorn.events where recipients = 2)),
    ('an event whose filter is false', exists (
      select from posthorn.events where tenant = 'atlas' and event_type = 'order.created' and recipients = 1)),
    ('an event without recipients', exists (select from posthorn.unmatched_events)),
    ('a broadcast to several', exists (select from posthorn.events where tenant = '*' and recipients > 2)),
    ('an endpoint that caught up', exists (
      select from posthorn.catch_ups where status = 'finished' and webhooks > 0))
  ) as f (name, is_there)`;

it('leaves nothing behind when it is interrupted while it starts', async () => {
  await using demo = start([]);
  await demo.line(/Starting/);
  await eventually(async () => (await readdir(home)).length > 0, 'its directory');
  expect(await interrupt(demo)).toBe(0);
  expect(demo.output.join('\n')).not.toMatch(/Dashboard/);
  expect(await readdir(home)).toEqual([]);
});

it.each(customers)(
  '$name takes more than the shop sends it, so that no backlog can only grow',
  (customer) => {
    const getsPerS = arrivalsPerS(customer, { among: customers, ...usual });
    expect(getsPerS).toBeGreaterThan(0);
    // A receiver that refuses what is too much gets four fifths of what it takes, and failures come again.
    const spare = 0.8 * customer.takesPerS - 1.2 * getsPerS;
    expect(spare).toBeGreaterThan(0);
    // What is placed at once at the start is gone long before an alert says that something has been due for five minutes.
    const atOnce = arrivalsPerS(customer, { among: customers, perSecond: usual.atOnce });
    expect(atOnce / spare).toBeLessThan(60);
  },
);

it.each(sideEndpoints)('$name takes more than its customer is sent', ({ tenant, takesPerS }) => {
  const customer = customers.find(({ name }) => name === tenant);
  expect(customer).toBeDefined();
  if (customer === undefined) return;
  const getsPerS = arrivalsPerS(customer, { among: customers, ...usual });
  expect(0.8 * takesPerS).toBeGreaterThan(1.2 * getsPerS);
});

it.each(eventTypes)('the example of $name fits its schema', async ({ schema, example }) => {
  const check = await compileSchema({ ...schema });
  expect(check(example)).toBeUndefined();
});

it('prints errors as sentences, and nothing else of the log', () => {
  const lines: string[] = [];
  const log = createPlainLog((line) => lines.push(line));
  for (const level of ['debug', 'info', 'warn'] as const) log[level]({ error: 'x' }, 'Hidden');
  log.error({ alert: 'backlog_age' }, 'Alert: something is due');
  log.error({ error: 'Error: one\n  at two' }, 'Cannot listen');
  expect(lines).toEqual(['  ! Alert: something is due', '  ! Cannot listen: Error: one']);
});

it('says which option is wrong, and starts nothing', async () => {
  await using demo = start(['--rate', 'many']);
  await demo.line(/Cannot use --rate .* from 1 to 9999: current value is many/);
  await demo.line(/Usage: npm run demo/);
  expect(await readdir(home)).toEqual([]);
});

function start(args: readonly string[]): PosthornProcess {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn('npm', ['run', '--silent', 'demo', '--', ...args], {
    cwd: root,
    detached: true,
    // npm would keep its own compiled code beside the demo's directory.
    env: { PATH, HOME, TMPDIR: home, PORT: '0', NODE_DISABLE_COMPILE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const demo = watchProcess(child);
  return {
    ...demo,
    [Symbol.asyncDispose]: async () => {
      // A test that failed must not leave the demo running: npm alone would go without it.
      if (child.exitCode === null && child.signalCode === null) await interrupt(demo);
    },
  };
}

/** Ctrl-C: to all processes of the group. The exit code of the demo, as npm passes it on. */
async function interrupt({ child }: PosthornProcess): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  process.kill(-(child.pid ?? Number.NaN), 'SIGINT');
  return await ended;
}

interface Listed {
  readonly waits_for: string | null;
}

async function list(address: string, query: string): Promise<readonly Listed[]> {
  const response = await fetch(`${address}/webhooks?${query}`);
  const { webhooks } = (await response.json()) as { webhooks: readonly Listed[] };
  return webhooks;
}

async function has(address: string, query: string): Promise<boolean> {
  return (await list(address, query)).length > 0;
}

function addressIn(line: string): string {
  return /http:\/\/[^/\s]+/.exec(line)?.[0] ?? line;
}

/** Its database, by the psql command line that it prints. */
async function connect(demo: PosthornProcess) {
  const uri = /'(postgres:[^']+)'/.exec(await demo.line(/psql +psql/))?.[1] ?? '';
  const url = new URL(uri);
  const [line = ''] = (await readFile(url.searchParams.get('passfile') ?? '', 'utf8')).split('\n');
  url.password = line.split(':').at(-1) ?? '';
  url.search = '';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

async function postmasterPid(): Promise<number> {
  const [dataDir = ''] = await readdir(home);
  const [pid = ''] = (
    await readFile(join(home, dataDir, 'postgres', 'postmaster.pid'), 'utf8')
  ).split('\n');
  return Number(pid);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
