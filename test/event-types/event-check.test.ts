import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckMode } from '../../src/domain/check-mode.ts';
import { serveTestApi, type TestApi } from '../api/served-api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';

// POSTHORN_CHECK_EVENTS: what the HTTP API makes of events that are not as the catalogue has them.

let database: TestDatabase;
const apis = new Map<CheckMode, TestApi>();

beforeAll(async () => {
  database = await createTestDatabase();
  for (const checkEvents of ['off', 'known', 'strict'] as const) {
    apis.set(checkEvents, await serveTestApi(database.url, { checkEvents, maximumPoolSize: 3 }));
  }
  await database.pool.query(
    `insert into posthorn.event_types (name, schema) values
       ('order.paid', '{"type": "object", "properties": {"total": {"type": "number"}, "lines": {"items": {"type": "object"}}}, "required": ["total"], "additionalProperties": false}'),
       ('deep', '{"items": {"$ref": "#"}}'),
       ('wrong', '{"type": "objct"}'),
       ('free', null)`,
  );
});

afterAll(async () => {
  for (const api of apis.values()) await api.close();
  await database.drop();
});

function apiOf(mode: CheckMode): TestApi {
  const api = apis.get(mode);
  if (api === undefined) throw new Error(`No API checks ${mode}`);
  return api;
}

const post = (mode: CheckMode, path: string, body: unknown) =>
  apiOf(mode).ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const count = async () =>
  Number((await database.pool.query('select count(*) from posthorn.events')).rows[0]?.count);

const right = { event_type: 'order.paid', body: { total: 1 } };
const wrong = { event_type: 'order.paid', body: { total: 'secret' } };
const unknown = { event_type: 'order.sent', body: 'anything' };
const free = { event_type: 'free', body: 'anything' };

describe.each<[CheckMode, object[], object[]]>([
  ['off', [right, free, unknown, wrong], []],
  ['known', [right, free, unknown], [wrong]],
  ['strict', [right, free], [wrong, unknown]],
])('%s', (mode, taken, refused) => {
  it.each(taken)('takes $event_type with the body $body', async (event) => {
    expect((await post(mode, '/events', event)).status).toBe(202);
    expect((await post(mode, '/events/batch', { events: [event, right] })).status).toBe(202);
  });

  it.each(refused)(
    'refuses $event_type with the body $body, and publishes nothing',
    async (event) => {
      const before = await count();
      expect((await post(mode, '/events', event)).status).toBe(400);
      expect((await post(mode, '/events/batch', { events: [right, event] })).status).toBe(400);
      expect(await count()).toBe(before);
    },
  );
});

it.each<[string, unknown, string, string, RegExp]>([
  [
    'the place and the rule',
    { total: 'secret' },
    'event_body_fits_its_schema',
    '/body/total',
    /the value at \/total must be number \(rule #\/properties\/total\/type\)/,
  ],
  [
    'a place far inside',
    { total: 1, lines: [{}, 'secret'] },
    'event_body_fits_its_schema',
    '/body/lines/1',
    /at \/lines\/1 must be object/,
  ],
  [
    'what is missing',
    {},
    'event_body_fits_its_schema',
    '/body',
    /the value must have required property 'total'/,
  ],
  [
    'that there is too much',
    { total: 1, secret: 1 },
    'event_body_fits_its_schema',
    '/body',
    /must NOT have additional properties/,
  ],
  ['that it is text', 'secret', 'event_body_is_json', '/body', /must be JSON/],
])(
  'a body that does not fit: the answer names %s, and not the value',
  async (_, body, code, pointer, detail) => {
    const { json, text } = await post('known', '/events', { event_type: 'order.paid', body });
    expect([json.type, json.code]).toEqual(['urn:posthorn:problem:invalid_event', code]);
    expect(json.errors).toEqual([{ pointer, code, detail: expect.stringMatching(detail) }]);
    expect(text).not.toContain('secret');
    const batch = await post('known', '/events/batch', {
      events: [right, { event_type: 'order.paid', body }],
    });
    expect(batch.json.errors.map((error) => error.pointer)).toEqual([`/events/1${pointer}`]);
  },
);

it('the text of a JSON string is what counts', async () => {
  const answer = await post('known', '/events', { event_type: 'order.paid', body: '{"total": 1}' });
  expect(answer.status).toBe(202);
});

it('a type that is not in the catalogue is named', async () => {
  const { json } = await post('strict', '/events', unknown);
  expect(json.errors).toEqual([
    {
      pointer: '/event_type',
      code: 'event_type_is_in_the_catalogue',
      detail: expect.stringContaining('"order.sent" is not'),
    },
  ]);
});

it('a batch is told of each event that does not fit, up to 20', async () => {
  const { json } = await post('strict', '/events/batch', { events: [unknown, right, wrong] });
  expect(json.errors.map(({ pointer }) => pointer)).toEqual([
    '/events/0/event_type',
    '/events/2/body/total',
  ]);
  const many = await post('strict', '/events/batch', { events: Array(30).fill(wrong) });
  expect(many.json.errors).toHaveLength(20);
  expect(many.json.detail).toMatch(/\(and 29 more\)$/);
});

it('a body that is nested too deep to be checked is refused, and the API lives', async () => {
  const body = '['.repeat(60_000) + ']'.repeat(60_000);
  const { json } = await post('known', '/events', { event_type: 'deep', body });
  expect(json.detail).toMatch(/must not be nested so deep/);
  expect((await post('known', '/events', right)).status).toBe(202);
});

it('a schema that is none checks nothing, and the log says so once', async () => {
  for (let time = 0; time < 2; time += 1) {
    expect((await post('known', '/events', { event_type: 'wrong', body: 1 })).status).toBe(202);
  }
  const logged = apiOf('known').logged.filter(({ level }) => level === 'error');
  expect(logged).toEqual([
    {
      level: 'error',
      fields: { eventType: 'wrong', error: expect.stringMatching(/type must be equal/) },
      message: expect.stringContaining('not checked'),
    },
  ]);
});

it('a change of the catalogue takes effect by itself', async () => {
  const event = { event_type: 'changing', body: 1 };
  expect((await post('strict', '/events', event)).status).toBe(400);
  const becomes = (status: number) =>
    eventually(
      async () => (await post('strict', '/events', event)).status === status,
      String(status),
    );
  await database.pool.query(`insert into posthorn.event_types (name) values ('changing')`);
  await becomes(202);
  await database.pool.query(
    `update posthorn.event_types set schema = '{"type": "string"}' where name = 'changing'`,
  );
  await becomes(400);
});

it.each([
  ['', 202],
  ['strict', 400],
])(
  'POSTHORN_CHECK_EVENTS=%s: an event of an unknown type is answered with %i',
  async (mode, status) => {
    await using posthorn = await startEngine(database, {
      worker: false,
      api: true,
      env: { POSTHORN_CHECK_EVENTS: mode },
    });
    const answer = await fetch(`${posthorn.address}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(unknown),
    });
    expect(answer.status).toBe(status);
  },
);
