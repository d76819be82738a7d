import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint, type TestEndpoint } from '../support/endpoints.ts';
import { serveTestApi, type TestApi } from './served-api.ts';

// What the dashboard asks for: how things are, how endpoints did, what is in force, and which webhooks there are.

let database: TestDatabase;
let api: TestApi;
let endpoint: TestEndpoint;

beforeAll(async () => {
  database = await createTestDatabase();
  endpoint = await registerEndpoint(database, { url: 'https://shop.example/Registered' });
  api = await serveTestApi(database.url);
});

afterAll(async () => {
  await api.close();
  await database.drop();
});

/** The answer, whatever its form. */
async function json(path: string): Promise<unknown> {
  return JSON.parse((await api.ask(path)).text);
}

describe('GET /stats', () => {
  it('counts attempts and failures of all workers once, not again by endpoint', async () => {
    await database.pool.query('truncate posthorn.tallies');
    await database.pool.query(
      `insert into posthorn.tallies (worker, endpoint_id, attempts, failures)
       values (1, null, 30, 4), (2, null, 12, 1), (1, $1, 20, 3)`,
      [endpoint.id],
    );
    expect(await json('/stats')).toMatchObject({
      window: { attempts: 42, failures: 5 },
      queue: expect.any(Array),
      tasks: expect.any(Object),
    });
  });

  it('says of how many seconds the attempts are, also when those who made them are gone', async () => {
    const secondsOf = async (age: string) => {
      await database.pool.query('truncate posthorn.tallies');
      await database.pool.query(
        `insert into posthorn.tallies (counted_at, worker, attempts, failures)
         values (now(), 1, 5, 0), (now() - $1::interval, 1, 5, 0)`,
        [age],
      );
      return ((await json('/stats')) as { window: { seconds: number } }).window.seconds;
    };
    expect(Math.floor((await secondsOf('100 s')) / 10)).toBe(11);
    expect(await secondsOf('295 s')).toBe(300);
  });

  it.each(['/stats', '/settings'])('refuses a parameter to %s, which takes none', async (path) => {
    const answer = await api.ask(`${path}?hours=1`);
    expect([answer.status, answer.json.status]).toEqual([400, 400]);
  });

  it.each(['/stats', '/stats/series', '/stats/endpoints', '/settings'])(
    'says of %s that it is only read',
    async (path) => {
      const answer = await api.ask(path, { method: 'POST' });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    },
  );
});

it.each(['2', '-1', '', 'toString', '1;drop'])('refuses a series of "%s" hours', async (hours) => {
  const answer = await api.ask(`/stats/series?hours=${encodeURIComponent(hours)}`);
  expect([answer.status, answer.json.code]).toEqual([400, 'invalid_hours']);
});

describe('GET /stats/endpoints', () => {
  it('adds up what was tried at an endpoint in five minutes, and leaves out what is older than two hours', async () => {
    const quiet = await registerEndpoint(database, { url: 'https://quiet.example/' });
    const busy = await registerEndpoint(database, { url: 'https://busy.example/' });
    await database.pool.query(
      `insert into posthorn.tallies (counted_at, worker, endpoint_id, attempts, failures)
       select to_timestamp(floor(extract(epoch from now()) / 300) * 300) - m * interval '1 minute', w, $1, 10, w
       from (values (10, 1), (9, 2), (5, 1), (130, 1)) as t (m, w)`,
      [busy.id],
    );
    const answer = await json(`/stats/endpoints?ids=${quiet.id},${busy.id}`);
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d[05]:00Z$/);
    expect(answer).toEqual({
      endpoints: {
        [busy.id]: [
          { at, attempts: 20, failures: 3 },
          { at, attempts: 10, failures: 1 },
        ],
      },
    });
  });

  it.each([
    ['no id', ''],
    ['what is none', 'x'],
    ['201 ids', Array.from({ length: 201 }, () => '01a20a98-de68-7969-ab29-7c043a5c0896').join()],
  ])('refuses %s', async (_, ids) => {
    const answer = await api.ask(`/stats/endpoints?ids=${ids}`);
    expect([answer.status, answer.json.code]).toEqual([400, 'invalid_ids']);
  });
});

it('shows the settings that it was given', async () => {
  expect(await json('/settings')).toEqual({ settings: [{ name: 'HOST', value: '127.0.0.1' }] });
});

describe('GET /webhooks', () => {
  const ids: string[] = [];
  let noon: string;

  beforeAll(async () => {
    const url = (path: string) => `https://plain.example/${path}`;
    const send = async (body: object) => ids.push((await api.send({ body: 1, ...body })).json.id);
    await send({ url: url('First'), priority: 'high' });
    await send({ url: url('100%_sure'), priority: 'low' });
    noon = new Date(Date.now() + 1).toISOString();
    // The next id is of a later millisecond.
    while (Date.now() <= Date.parse(noon)) await database.pool.query('select 1');
    await send({ endpoint_id: endpoint.id, priority: 'high' });
  });

  /** Which of the three, by their number. */
  async function listed(query: string): Promise<number[]> {
    const { json: page } = await api.ask(`/webhooks?${query}`);
    return page.webhooks.map(({ id }) => ids.indexOf(id));
  }

  // Each both along the outbox and along the queue, which are walked differently.
  describe.each(['', 'status=pending&'])('with "%s"', (status) => {
    it.each([
      ['priority=high', [2, 0]],
      ['priority=normal', []],
      ['q=first', [0]],
      ['q=REGISTERED', [2]],
      ['q=100%25_', [1]],
      ['q=%25', [1]],
      ['q=_', [1]],
      ['q=plain.example&priority=high', [0]],
    ])('finds what fits %s, and nothing else', async (query, expected) => {
      expect(await listed(status + query)).toEqual(expected);
    });

    it('finds what goes to an endpoint, and what has an id', async () => {
      expect(await listed(`${status}endpoint_id=${endpoint.id}`)).toEqual([2]);
      expect(await listed(`${status}q=${ids[1]}`)).toEqual([1]);
    });

    it('finds what was enqueued from a time on, and before it', async () => {
      const time = encodeURIComponent(noon);
      expect(await listed(`${status}from=${time}`)).toEqual([2]);
      expect(await listed(`${status}until=${time}`)).toEqual([1, 0]);
      const later = encodeURIComponent(new Date(Date.parse(noon) + 3_600_000).toISOString());
      expect(await listed(`${status}from=${time}&until=${later}`)).toEqual([2]);
    });

    it('goes on after a cursor with the same filter', async () => {
      const first = await api.ask(`/webhooks?${status}priority=high&limit=1`);
      const cursor = first.json.next_cursor ?? '';
      expect(await listed(`${status}priority=high&limit=1&cursor=${cursor}`)).toEqual([0]);
    });
  });

  it.each([
    'priority=urgent',
    'endpoint_id=1',
    'from=yesterday',
    'until=2026-11-25T12:00:00',
    'from=2026-13-45T99:00:00Z',
    'from=2026-02-30T00:00:00Z',
    'until=0000-13-01T00:00:00Z',
    'q=',
    'q=%00',
    `q=${'x'.repeat(201)}`,
  ])('refuses %s', async (query) => {
    expect((await api.ask(`/webhooks?${query}`)).status).toBe(400);
  });

  it('reports all that is wrong together', async () => {
    const { json: problem } = await api.ask('/webhooks?limit=0&priority=urgent&from=now');
    expect(problem.errors).toHaveLength(3);
  });
});
