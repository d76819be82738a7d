import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { GoneEndpoints } from '../../src/deliver/gone-endpoints.ts';
import { createEvents } from '../../src/events.ts';
import { createLog } from '../../src/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint, type TestEndpoint } from '../support/endpoints.ts';

// Answers 410 Gone of a registered endpoint: the second since its last success disables it.

let database: TestDatabase;
let endpoint: TestEndpoint;
let gone: GoneEndpoints;
let disabled: string[];

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

beforeEach(async () => {
  endpoint = await registerEndpoint(database, { url: 'https://a.example/' });
  const events = createEvents();
  disabled = [];
  events.on('endpointsDisabled', ({ ids, reason }) => {
    for (const id of ids) disabled.push(`${reason} ${id}`);
  });
  gone = new GoneEndpoints({ pool: database.pool, events, log: createLog('silent') });
});

const answered = (
  what: 'gone' | 'delivered' | 'http_404',
  goneAnswers = 0,
  endpointId: string | null = endpoint.id,
) => ({
  webhook: { endpointId, goneAnswers },
  decision:
    what === 'delivered'
      ? { became: 'delivered' as const }
      : { became: 'failed' as const, reason: what },
});

const row = async () => {
  const { status, status_reason, gone_answers } = await endpoint.row();
  return [status, status_reason, gone_answers];
};

it('one is counted, and the second disables the endpoint', async () => {
  await gone.note([answered('gone')]);
  expect([await row(), disabled]).toEqual([['active', null, 1], []]);
  await gone.note([answered('gone', 1)]);
  expect([await row(), disabled]).toEqual([['disabled', 'gone', 2], [`gone ${endpoint.id}`]]);
});

it('two in one batch disable it', async () => {
  await gone.note([answered('gone'), answered('gone')]);
  expect([await row(), disabled]).toEqual([['disabled', 'gone', 2], [`gone ${endpoint.id}`]]);
});

it('one after a success is the first again, in one batch or in two', async () => {
  await gone.note([answered('gone')]);
  await gone.note([answered('delivered', 1)]);
  expect(await row()).toEqual(['active', null, 0]);
  await gone.note([answered('gone')]);
  await gone.note([answered('delivered', 1), answered('gone', 1)]);
  expect([await row(), disabled]).toEqual([['active', null, 1], []]);
});

it('other answers, and webhooks without an endpoint, change nothing', async () => {
  await gone.note([answered('gone')]);
  await gone.note([
    answered('http_404', 1),
    // It was claimed before the endpoint answered 410: nothing is known to be over.
    answered('delivered', 0),
    answered('gone', 0, null),
  ]);
  expect([await row(), disabled]).toEqual([['active', null, 1], []]);
});

it('each endpoint has answers of its own', async () => {
  const other = await registerEndpoint(database, { url: 'https://a.example/' });
  await gone.note([answered('gone'), answered('gone', 0, other.id)]);
  expect(await row()).toEqual(['active', null, 1]);
  expect(await other.row()).toMatchObject({ status: 'active', gone_answers: 1 });
});
