import { afterEach, describe, expect, it } from 'vitest';
import { readDocument } from '../../fuzz/document.ts';
import { reportText, shellCommand } from '../../fuzz/report.ts';
import { type FuzzResult, fuzz, type Report } from '../../fuzz/run.ts';
import { createSchemaCheck } from '../../fuzz/schema-check.ts';
import { documentedBy, openStage, type Stage } from '../../fuzz/stage.ts';
import { problemKinds } from '../../src/input/problems.ts';
import { createTestDatabase } from '../support/database.ts';
import { ringOf } from '../support/key-rings.ts';
import { forEachTest } from '../support/world.ts';
import { type Defect, notesApp, notesDocument } from './notes.ts';

// A fuzzer that finds nothing may be blind: so it is shown an app with one defect at a time, and one with none.

const database = forEachTest(createTestDatabase);
let stage: Stage | undefined;

afterEach(async () => {
  await stage?.[Symbol.asyncDispose]();
  stage = undefined;
});

async function fuzzNotes(
  defect: Defect,
  { from = 0, requests }: { readonly from?: number; readonly requests: number },
): Promise<FuzzResult> {
  stage ??= await openStage({ databaseUrl: database.url, makeApp: notesApp(defect) });
  return await fuzz({
    stages: [stage],
    rules: { operations: readDocument(notesDocument), problemKinds, check: createSchemaCheck() },
    seed: 1,
    from,
    requests,
  });
}

/** What is found first, in hundreds of requests. */
async function findingsOf(defect: Defect): Promise<readonly Report[]> {
  for (let from = 0; from < 2_000; from += 100) {
    const { reports } = await fuzzNotes(defect, { from, requests: 100 });
    if (reports.length > 0) return reports;
  }
  return [];
}

describe('an app with a defect', () => {
  it.each([
    ['fails on NUL', ['error logged', 'server error']],
    ['writes, then refuses', ['changed the database']],
    ['writes when it is looked at', ['changed the database']],
    ['refuses in plain text', ['not a problem']],
    ['shows the secret', ['secret shown']],
    ['logs an error', ['error logged']],
    ['logs the secret', ['secret shown']],
    ['answers what is not documented', ['not documented']],
    ['answers another shape', ['not documented']],
    ['never answers', ['no answer']],
  ] satisfies [Defect, string[]][])('that %s is found out: %s', async (defect, kinds) => {
    const reports = await findingsOf(defect);
    expect([...new Set(reports.map(({ kind }) => kind))].toSorted()).toEqual(kinds);
  });

  it('is shown by the smallest request, as a command that sends its bytes', async () => {
    const [report] = await findingsOf('writes, then refuses');
    expect(report?.detail).toBe('1 × insert of posthorn.endpoints');
    expect(report?.description).toMatch(/^POST \/notes, body: [a-z ]+$/);
    const keys = [stage?.known.keys.all ?? ''];
    const command = shellCommand(report?.request ?? Buffer.alloc(0), keys);
    expect(command).toMatch(/^printf 'POST \/notes HTTP\/1\.1\\r\\nHost: .*"\$KEY" \| nc/);
    expect(command).not.toContain(keys[0]);
  });
});

it('an app without a defect passes, and what it rolled back is no change', async () => {
  const { reports, operations } = await fuzzNotes('none', { requests: 500 });
  expect(reports.map((report) => reportText(report, { seed: 1, keys: [] }))).toEqual([]);
  const { statuses = {} } = operations['POST /notes'] ?? {};
  expect(statuses[201]).toBeGreaterThan(10);
  expect(statuses[400]).toBeGreaterThan(50);
});

it('the API passes: 1,500 requests, most of them wrong', async () => {
  stage = await openStage({ databaseUrl: database.url, keyRing: ringOf('fuzz') });
  const { reports, operations, problems } = await fuzz({
    stages: [stage],
    rules: { operations: await documentedBy(stage), problemKinds, check: createSchemaCheck() },
    seed: 1,
    requests: 1_500,
  });
  expect(reports.map((report) => reportText(report, { seed: 1, keys: [] }))).toEqual([]);
  // Had all been refused at the door, nothing would have been tried.
  expect(operations['POST /webhooks/send']?.statuses[202]).toBeGreaterThan(5);
  expect(operations['PATCH /endpoints/{id}']?.statuses[200]).toBeGreaterThan(0);
  expect(Object.keys(problems).length).toBeGreaterThan(18);
});
