import { describe, expect, it } from 'vitest';
import type { Ended } from '../../harness/process.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { publishEvents, subscribedEndpoint, webhookOf } from '../support/event-rows.ts';
import { ask } from '../support/rows.ts';
import { unknownId } from '../support/unknown-id.ts';
import { forFile } from '../support/world.ts';

// The commands for events, subscriptions and tenants.

const url = 'https://customer.example/hooks';
const unknown = unknownId();
const database = forFile(createTestDatabase);

const posthorn = (...args: string[]): Promise<Ended> =>
  runHere(args, { DATABASE_URL: database.url });

/** What a command that succeeds prints for programs. */
async function json(...args: string[]): Promise<Record<string, never>> {
  const { exitCode, stdout, stderr } = await posthorn(...args, '--json');
  expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' });
  expect(stdout.trimEnd()).not.toContain('\n');
  return JSON.parse(stdout);
}

it('publish sends an event to those who subscribe, once for a key', async () => {
  const endpoint = await subscribedEndpoint(database, { tenant: 'once' });
  const args = ['publish', 'order.paid', '--tenant', 'once', '--idempotency-key', 'k'];
  const body = ['--body', '{"total":1.0}', '--header', 'X-A: b', '--priority', 'high'];
  const made = await json(...args, ...body);
  expect(made).toEqual({ id: expect.any(String), is_new: true });
  expect(await json(...args, ...body)).toEqual({ id: made['id'], is_new: false });
  expect(
    await ask(
      database,
      `select o.body, o.headers, o.priority, q.webhook_id
       from posthorn.outbox as o join posthorn.queue as q on q.outbox_id = o.id where o.tenant = 'once'`,
    ),
  ).toEqual([
    {
      body: '{"total":1.0}',
      headers: { 'X-A': 'b' },
      priority: 'high',
      webhook_id: await webhookOf(database, { event: made['id'] ?? '', endpoint }),
    },
  ]);
  const other = await posthorn(...args, '--body', 'another');
  expect([other.exitCode, other.stderr]).toEqual([
    1,
    expect.stringContaining(`The idempotency key stands for another event: ${made['id']}`),
  ]);
});

it('events list chooses by tenant, type, time and whether anybody received them', async () => {
  await subscribedEndpoint(database, { tenant: 'lists', to: 'a.*' });
  const [one = '', two = '', three = ''] = await publishEvents(
    database,
    { tenant: 'lists', type: 'a.b' },
    { tenant: 'lists', type: 'c' },
    { tenant: 'other lists', type: 'a.b' },
  );
  const listed = async (...args: string[]) => {
    const { events } = await json('events', 'list', ...args);
    return (events as unknown as { id: string }[]).map(({ id }) => id);
  };
  expect(await listed('--tenant', 'lists')).toEqual([two, one]);
  expect(await listed('--tenant', 'lists', '--limit', '1')).toEqual([two]);
  expect(await listed('--event-type', 'a.b')).toEqual([three, one]);
  expect(await listed('--tenant', 'lists', '--unmatched')).toEqual([two]);
  expect(await listed('--tenant', 'lists', '--until', '1h')).toEqual([]);
  expect(await listed('--tenant', 'lists', '--from', '1h')).toEqual([two, one]);
  const { stdout } = await posthorn('events', 'list', '--tenant', 'lists');
  expect(stdout).toMatch(/^ID +PUBLISHED +TENANT +TYPE +RECIPIENTS +BODY\n/);
  expect(stdout).toContain('lists');
  expect((await posthorn('events', 'list', '--tenant', 'nobody')).stdout).toBe('No events.\n');
});

it('events show says who received it and why the others did not', async () => {
  const tenant = 'shows';
  const no = await subscribedEndpoint(database, { tenant, url: `${url}?secret`, to: 'x' });
  const yes = await subscribedEndpoint(database, { tenant, url });
  const [event = ''] = await publishEvents(database, { tenant, type: 'order.paid' });
  const webhook = await webhookOf(database, { event, endpoint: yes });
  const { stdout } = await posthorn('events', 'show', event);
  expect(stdout).toMatch(new RegExp(`^${no} +shows +not sent +no_subscription +${url}$`, 'm'));
  expect(stdout).toMatch(new RegExp(`^${yes} +shows +pending +slot +${webhook} +${url}$`, 'm'));
  expect(await json('events', 'show', event)).toMatchObject({
    id: event,
    recipients: 1,
    webhooks: [{ id: webhook, event_type: 'order.paid', tenant: 'shows' }],
  });
  const [alone = ''] = await publishEvents(database, { tenant: 'no endpoints' });
  expect((await posthorn('events', 'show', alone)).stdout).toContain(
    'The tenant has no endpoints.',
  );
  const shown = await posthorn('show', webhook);
  expect(shown.stdout).toMatch(new RegExp(`^event +order\\.paid ${event}$`, 'm'));
  expect(shown.stdout).toMatch(/^tenant +shows$/m);
});

it('subscriptions are added once, listed and ended', async () => {
  const made = await json('endpoints', 'create', '--url', url, '--tenant', 'subscribes');
  const endpoint = String(made['id']);
  const add = ['subscriptions', 'add', endpoint, 'order.*', '--filter', '$.total>=100'];
  const first = (await posthorn(...add)).stdout.trim();
  expect((await posthorn(...add)).stdout.trim()).toBe(first);
  expect(await json(...add)).toMatchObject({
    id: first,
    tenant: 'subscribes',
    event_type: 'order.*',
  });
  const list = ['subscriptions', 'list', '--tenant', 'subscribes'];
  expect(await json(...list)).toMatchObject({ subscriptions: [{ id: first }] });
  expect(await json('subscriptions', 'list', '--endpoint', endpoint)).toMatchObject({
    subscriptions: [{ id: first }],
  });
  expect(await json(...list, '--event-type', 'order.paid')).toEqual({ subscriptions: [] });
  expect((await posthorn('endpoints', 'show', endpoint)).stdout).toContain(
    'order.*, if ($."total" >= 100)',
  );
  expect((await posthorn('subscriptions', 'end', first)).stdout).toContain('has ended');
  expect(await json(...list)).toEqual({ subscriptions: [] });
  expect(await json(...list, '--ended')).toMatchObject({ subscriptions: [{ id: first }] });
  expect((await posthorn(...list, '--ended')).stdout).toMatch(/^ID +SINCE +ENDED /);
  expect((await posthorn(...list)).stdout).toBe('No subscriptions.\n');
});

it('tenants are limited, and their limits shown and taken away', async () => {
  const change = ['tenants', 'change', 'limited'];
  const options = ['--max-in-flight', '3', '--rate-limit', '2.5', '--max-waiting', '9'];
  expect((await posthorn(...change, ...options, '--refuse-when-full', 'true')).stdout).toBe(
    'Changed: 3 in flight, 2.5 a second, 9 waiting, refuses when full.\n',
  );
  await database.pool.query(
    `update posthorn.tenants set full_since = '2026-11-25T12:00Z' where id = 'limited'`,
  );
  expect((await posthorn('tenants', 'list')).stdout).toMatch(
    /^limited +0 +3 in flight, .* when full +2026-11-25 \S+$/m,
  );
  expect(await json(...change, '--rate-limit', 'default', '--name', '7')).toMatchObject({
    ...{ id: 'limited', name: '7', max_in_flight: 3, rate_limit_per_s: null, max_waiting: 9 },
  });
  for (const [wrong, said] of [
    [[], 'Nothing to change: give one of --name, --max-in-flight'],
    [['--max-in-flight', '0'], 'max_in_flight must be a whole number from 1 to 10000'],
    [['--refuse-when-full', 'maybe'], 'refuse_when_full must be true or false'],
  ] as const) {
    const refused = await posthorn(...change, ...wrong);
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining(said)]);
  }
  const all = await posthorn('tenants', 'change', '*', '--max-in-flight', '3');
  expect(all.exitCode).not.toBe(0);
  expect(all.stderr).toContain('the id of a tenant must not be "*"');
});

it('tenants are listed and renamed', async () => {
  await subscribedEndpoint(database, { tenant: 'Old Name', url });
  await database.pool.query(
    `insert into posthorn.tenants (id, name) values ('taken', 'Taken Ltd')`,
  );
  await database.pool.query(`insert into posthorn.tenants (id, name) values ('Old Name', 'Old')`);
  const taken = await posthorn('tenants', 'rename', 'Old Name', 'taken');
  expect([taken.exitCode, taken.stderr]).toEqual([
    1,
    expect.stringContaining('has settings already'),
  ]);
  const renamed = await posthorn('tenants', 'rename', 'Old Name', 'new');
  expect(renamed.stdout).toBe('"new" has 1 endpoint of "Old Name".\n');
  const { tenants } = await json('tenants', 'list');
  expect(tenants).toContainEqual({
    id: 'new',
    name: 'Old',
    endpoints: 1,
    ...{ max_in_flight: null, rate_limit_per_s: null, max_waiting: null },
    ...{ refuse_when_full: false, full_since: null },
    created_at: expect.any(String),
  });
  expect((await posthorn('tenants', 'list')).stdout).toMatch(/^taken +0 +no limits +Taken Ltd$/m);
  expect(await json('endpoints', 'list', '--tenant', 'new')).toMatchObject({
    endpoints: [{ tenant: 'new' }],
  });
  expect(await json('endpoints', 'list', '--tenant', 'Old Name')).toEqual({ endpoints: [] });
});

describe('an endpoint that was disabled', () => {
  const disabled = async (tenant: string) => {
    const endpoint = await subscribedEndpoint(database, { tenant });
    await posthorn('endpoints', 'disable', endpoint);
    await publishEvents(database, { tenant }, { tenant });
    return endpoint;
  };

  it('catches up when it is enabled, unless that is left out', async () => {
    const first = await disabled('catches up');
    expect(await json('endpoints', 'enable', first)).toMatchObject({
      catching_up: true,
      catch_up: { status: 'running' },
    });
    const ended = await posthorn('endpoints', 'catch-up', first, '--cancel');
    expect(ended.stdout).toMatch(
      /^catch-up +cancelled, events since .+: 0 read, 0 webhooks added$/m,
    );
    const second = await disabled('declines');
    expect(await json('endpoints', 'enable', second, '--no-catch-up')).toMatchObject({
      catching_up: false,
      catch_up: null,
    });
  });

  it('catches up by hand since a time, or is only counted', async () => {
    const endpoint = await disabled('by hand');
    const catchUp = ['endpoints', 'catch-up', endpoint, '--since', '1h'];
    const counted = await posthorn(...catchUp, '--dry-run');
    expect(counted.stdout).toBe('It has missed 2 events.\n');
    expect(await json(...catchUp, '--dry-run')).toEqual({ dry_run: true, missed: 2 });
    expect(
      await ask(database, 'select from posthorn.catch_ups where endpoint_id = $1', [endpoint]),
    ).toEqual([]);
    const begun = await posthorn(...catchUp, '--rate', '5');
    expect(begun.stdout).toBe('It has missed 2 events. The workers enqueue them, 5 a second.\n');
    expect(
      await ask(
        database,
        'select rate_limit_per_s, status from posthorn.catch_ups where endpoint_id = $1',
        [endpoint],
      ),
    ).toEqual([{ rate_limit_per_s: 5, status: 'running' }]);
    expect((await posthorn('endpoints', 'show', endpoint)).stdout).toMatch(/^catch-up +running, /m);
  });

  it('has nothing to catch up with if it has missed nothing', async () => {
    const endpoint = await subscribedEndpoint(database, { tenant: 'missed nothing' });
    const begun = await posthorn('endpoints', 'catch-up', endpoint, '--since', '1h');
    expect(begun.stdout).toBe('It has missed 0 events.\n');
  });
});

it('list, replay and cancel choose by tenant, type of events and event', async () => {
  const tenant = 'chooses';
  await subscribedEndpoint(database, { tenant });
  const [one = '', two = ''] = await publishEvents(
    database,
    { tenant, type: 'order.paid' },
    { tenant, type: 'order.sent' },
  );
  const listed = async (...args: string[]) => {
    const { webhooks } = await json('list', ...args);
    return (webhooks as unknown as { event_id: string }[]).map(({ event_id }) => event_id);
  };
  expect(await listed('--tenant', tenant)).toEqual([two, one]);
  expect(await listed('--tenant', tenant, '--event-type', 'order.paid')).toEqual([one]);
  expect(await listed('--event', two)).toEqual([two]);
  expect((await posthorn('list', '--event', unknown)).stdout).toBe('No webhook matches.\n');
  expect(await json('cancel', '--event', one)).toEqual({ cancelled: 1 });
  expect(await json('cancel', '--tenant', tenant, '--event-type', 'order.sent')).toEqual({
    cancelled: 1,
  });
  const replay = ['replay', '--status', 'cancelled', '--dry-run'];
  expect(await json(...replay, '--tenant', tenant)).toMatchObject({ matched: 2 });
  expect(await json(...replay, '--event', one)).toMatchObject({ matched: 1 });
  expect(await json(...replay, '--event-type', 'order.paid', '--tenant', tenant)).toMatchObject({
    matched: 1,
  });
  await posthorn('replay', '--status', 'cancelled', '--event', one, '--no-wait');
  expect((await posthorn('replays', 'list')).stdout).toContain(`cancelled of the event ${one}`);
});

it('send takes a tenant', async () => {
  const { id } = await json('send', '--url', url, '--tenant', 'sends', '--body', 'x');
  expect(await json('list', '--tenant', 'sends')).toMatchObject({ webhooks: [{ id }] });
  expect((await posthorn('list', '--tenant', 'sends')).stdout).toMatch(/ sends +https:/);
});

describe('the exit code', () => {
  it.each<[number, string, string[]]>([
    [2, 'needs TYPE', ['publish']],
    [2, 'event_type must be 1 to 16 words', ['publish', 'no type', '--body', 'x']],
    [2, 'must not begin with "posthorn."', ['publish', 'posthorn.x', '--body', 'x']],
    [2, 'secret', ['publish', 'a', '--body', 'x', '--secret', 'x']],
    [1, 'No event with id', ['events', 'show', unknown]],
    [2, 'The id of the event must be a UUID', ['events', 'show', 'x']],
    [2, '--endpoint must be the id of an endpoint', ['subscriptions', 'list', '--endpoint', 'x']],
    [2, '--event must be the id of an event', ['list', '--event', 'x']],
    [2, 'endpoint_id must be', ['subscriptions', 'add', 'x', 'a']],
    [
      2,
      'endpoint_id must be that of a registered endpoint',
      ['subscriptions', 'add', unknown, 'a'],
    ],
    [2, 'event_type must be a type of events', ['subscriptions', 'add', unknown, 'a.*.b']],
    [
      2,
      'filter must be a jsonpath predicate',
      ['subscriptions', 'add', unknown, 'a', '--filter', '$.a >'],
    ],
    [
      2,
      'filter must not contain like_regex',
      ['subscriptions', 'add', unknown, 'a', '--filter', '$.a like_regex "x"'],
    ],
    [1, 'No subscription with id', ['subscriptions', 'end', unknown]],
    [1, 'No tenant with id', ['tenants', 'rename', 'nobody here', 'x']],
    [2, 'to must be an id of 1 to 255 bytes', ['tenants', 'rename', 'x', '*']],
    [2, 'To catch up, give --since', ['endpoints', 'catch-up', unknown]],
    [
      2,
      '--rate must be a number',
      ['endpoints', 'catch-up', unknown, '--since', '1h', '--rate', '0'],
    ],
    [
      2,
      '--since cannot be combined with --cancel',
      ['endpoints', 'catch-up', unknown, '--since', '1h', '--cancel'],
    ],
    [1, 'No endpoint with id', ['endpoints', 'catch-up', unknown, '--since', '1h']],
    [1, 'No endpoint with id', ['endpoints', 'catch-up', unknown, '--cancel']],
    [2, 'tenant must', ['endpoints', 'create', '--url', url, '--tenant', '*']],
    [2, 'Unknown option --tenant', ['endpoints', 'change', unknown, '--tenant', 'x']],
    [2, 'Unknown option --no-catch-up', ['endpoints', 'resume', unknown, '--no-catch-up']],
    [1, 'Nothing to replay: there is no event with id', ['replay', '--event', unknown]],
    [1, 'Nothing to cancel: there is no event with id', ['cancel', '--event', unknown]],
    [2, 'event_type must be a type of events', ['replay', '--event-type', 'order.*']],
    [2, 'event_id must be', ['replay', '--event', 'x']],
    [2, '--tenant cannot be combined with the id', ['cancel', unknown, '--tenant', 'x']],
  ])('is %i with "%s"', async (code, message, args) => {
    const { exitCode, stderr, stdout } = await posthorn(...args);
    expect(stderr).toContain(message);
    expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
  });
});
