import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { canRunPsql } from '../../harness/can-run.ts';
import type { Ended } from '../../harness/process.ts';
import { reportCommand } from '../../src/commands/report-command.ts';
import { type ReportName, reportNames } from '../../src/queries/report-names.ts';
import { describeReport } from '../../src/queries/reports.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase } from '../support/database.ts';
import { endedWebhooks } from '../support/ended-webhooks.ts';
import { publishEvents, subscribedEndpoint } from '../support/event-rows.ts';
import { createTestRoles } from '../support/roles.ts';
import { unknownId } from '../support/unknown-id.ts';
import { forFile } from '../support/world.ts';

// `posthorn report`: the reports of sql/history without psql. test/sql/history.test.ts checks what they say.

const folder = fileURLToPath(new URL('../../sql/history/', import.meta.url));
const database = forFile(createTestDatabase);
const url = 'https://customer.example/hooks?token=hidden';
let event: string;
let failed: string;

const posthorn = (...args: string[]): Promise<Ended> =>
  runHere(['report', ...args], { DATABASE_URL: database.url });

beforeAll(async () => {
  const ids = await endedWebhooks(database, { to: url, count: 3, attempts: 2 });
  failed = ids[2] ?? '';
  await endedWebhooks(database, { to: url, count: 2, status: 'delivered' });
  await subscribedEndpoint(database);
  await subscribedEndpoint(database, { to: null });
  [event = ''] = await publishEvents(database, {});
});

/** What a report must be given. */
function optionsOf(name: ReportName): string[] {
  if (name === 'event') return ['--id', event];
  return describeReport(name).variables.some((one) => one.name === 'id') ? ['--id', failed] : [];
}

it('knows every report, and has an option for each of its variables', () => {
  const files = readdirSync(folder).map((file) => file.replace(/\.sql$/, ''));
  expect(reportNames.toSorted()).toEqual(files.toSorted());
  for (const name of reportNames) {
    const { variables, answers } = describeReport(name);
    expect(Object.keys(reportCommand.options ?? {})).toEqual(
      expect.arrayContaining(variables.map((variable) => variable.name)),
    );
    expect(answers).toMatch(/^[A-Z].{20,120}[.:]?$/);
    expect(readFileSync(`${folder}${name}.sql`, 'utf8')).toContain(`-- posthorn report ${name}`);
  }
});

it('without a name lists them', async () => {
  const { exitCode, stdout } = await runHere(['report']);
  expect(exitCode).toBe(0);
  for (const name of reportNames) expect(stdout).toMatch(new RegExp(`^${name} +--`, 'm'));
  expect(stdout).toMatch(/^failures +--since +What failed in the last 24 hours/m);
  const { stdout: json } = await runHere(['report', '--json']);
  expect(JSON.parse(json).reports[0]).toEqual({
    name: 'failures',
    answers: expect.stringMatching(/^What failed/),
    options: [{ name: 'since', default: '24 hours' }],
  });
});

describe.skipIf(!canRunPsql('the comparison of "posthorn report" with psql'))('each report', () => {
  // What changes with the second is compared by its shape.
  const still = (text: string) => text.replaceAll(/\d\d:\d\d:\d\d(\.\d+)?/g, 'TIME');

  it.each(reportNames)('%s has the rows that psql shows', async (name) => {
    const options = optionsOf(name);
    const { exitCode, stdout, stderr } = await posthorn(name, ...options, '--json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).not.toContain('hidden');
    const tables: Record<string, unknown>[][] = JSON.parse(stdout).tables;
    const ours = tables.flat().map((row) => Object.values(row).map(asText));
    const variables = options.length === 0 ? [] : ['-v', `id=${options[1]}`];
    const psql = spawnSync(
      'psql',
      [database.url, '-XAt', '-F', '\t', ...variables, '-f', `${folder}${name}.sql`],
      { encoding: 'utf8', env: { ...process.env, PGTZ: 'UTC' } },
    );
    expect(psql.stderr).toBe('');
    const theirs = psql.stdout.split('\n').slice(0, -1);
    expect(ours.map((row) => still(row.join('\t')))).toEqual(
      theirs.map((line) => still(plain(line))),
    );
  });

  function asText(value: unknown): string {
    return value === null ? '' : String(value).replace(/^(\d{4}-\d\d-\d\d)T([\d:.]+)Z$/, '$1 $2');
  }

  /** JSON has no zeros at the end of a number, and no zone at the end of a time. */
  function plain(line: string): string {
    return line
      .split('\t')
      .map((cell) =>
        /^\d+\.\d*0$/.test(cell)
          ? String(Number(cell))
          : cell.replace(/^(\d{4}-\d\d-\d\d .*)\+00$/, '$1'),
      )
      .join('\t');
  }
});

it('prints a table, the answer of one column as it is, and "No rows."', async () => {
  const { stdout } = await posthorn('failures');
  const [head, row, ...rest] = stdout.trimEnd().split('\n');
  expect(head).toMatch(/^reason +webhooks +endpoints +last_at +last_id +last_url +last_message$/);
  expect(row).toMatch(/^http_503 +3 +1 /);
  expect(rest).toEqual([]);
  expect((await posthorn('failures', '--since', '0 seconds')).stdout).toBe('No rows.\n');
  const why = await posthorn('why-not-delivered', '--id', failed);
  expect(why.stdout).toMatch(/^It failed at .* it was tried as often .*\n$/);
  const { stdout: events } = await posthorn('event', '--id', event);
  expect(events.split('\n\n')).toHaveLength(2);
});

it('gives JSON its own values', async () => {
  const { stdout } = await posthorn('failures', '--since', '2h', '--json');
  expect(JSON.parse(stdout)).toEqual({
    report: 'failures',
    tables: [
      [
        {
          reason: 'http_503',
          webhooks: 3,
          endpoints: 1,
          last_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          last_id: expect.any(String),
          last_url: 'https://customer.example/hooks',
          last_message: null,
        },
      ],
    ],
  });
});

it.each<[string, string[]]>([
  ['The NAME of "report" must be one of failures, failed, ', ['failurez']],
  ['--since needs the name of a report', ['--since', '1h']],
  ['The report failed takes no --since: it takes --rows', ['failed', '--since', '1h']],
  ['The report webhook needs --id', ['webhook']],
  ['--id must be a UUID in lower case with dashes: "x" is not', ['webhook', '--id', 'x']],
  ['--rows must be a whole number from 1 to 100000: "0" is not', ['failed', '--rows', '0']],
  [
    "--since must be a Postgres interval, such as '7 days', '90 minutes' or 2h: \"soon\" is not",
    ['failures', '--since', 'soon'],
  ],
])('refuses with "%s"', async (message, args) => {
  const { exitCode, stdout, stderr } = await posthorn(...args);
  expect(stderr).toContain(message);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
});

it('answers about a webhook that is not there', async () => {
  const { exitCode, stdout } = await posthorn('why-not-delivered', '--id', unknownId());
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^No webhook has this id/)]);
});

describe('with the roles of "posthorn roles"', () => {
  const roles = forFile(async () => createTestRoles(await createTestDatabase()));

  it.each(reportNames)('a reader may run %s', async (name) => {
    const options = optionsOf(name);
    const env = { DATABASE_URL: roles.urls.reader };
    const { exitCode, stderr } = await runHere(['report', name, ...options], env);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  it('a producer may not, and is told so', async () => {
    const { exitCode, stderr } = await runHere(['report', 'failed'], {
      DATABASE_URL: roles.urls.producer,
    });
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/^The role of DATABASE_URL may not/),
    ]);
  });
});
