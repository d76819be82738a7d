import { afterAll, beforeAll, expect, it } from 'vitest';
import { FloodedApi, floods } from '../../harness/floods.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let api: FloodedApi;

beforeAll(async () => {
  database = await createTestDatabase();
  api = await FloodedApi.start(database.url);
});

afterAll(async () => {
  api[Symbol.dispose]();
  await database.drop();
});

const unread = floods.filter(({ requestsAtOnce, reads }) => requestsAtOnce > 100 && !reads);

it.each(unread)(
  '$name: they are not begun, take no memory, and the health is told meanwhile',
  async (flood) => {
    const before = await api.used();
    const { sent, used } = await api.flood(flood, { ms: 500 });
    expect(sent.requests).toBeGreaterThan(10_000);
    expect(used.peakMb - before.peakMb).toBeLessThan(100);
    // Answers that the kernel takes are as good as read.
    expect(used.begun).toBeLessThan(sent.requests / 5);
    // Of CPU time: what a turn takes by the clock is up to the machine.
    expect(used.longestTurnMs).toBeLessThan(250);
  },
  60_000,
);
