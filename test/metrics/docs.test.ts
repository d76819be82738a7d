import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { closedPort } from '../../harness/receivers.ts';
import { createTestDatabase } from '../support/database.ts';
import { startEngine } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { hasPromtool, type Scraped, scrape } from '../support/scrape.ts';
import { forFile } from '../support/world.ts';

// docs/metrics.md against what a process really answers, in both directions.

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `(posthorn_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$/gm)].map(
  ([, name = '', type = '', labels = '']) => ({
    name,
    type,
    labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
  }),
);

const database = forFile(createTestDatabase);
let scraped: Scraped;

beforeAll(async () => {
  await database.pool.query(
    "insert into posthorn.maintenance_runs (task, duration_ms, detail) values ('posthorn:prune', 1, '{}')",
  );
  await using posthorn = await startEngine(database, {
    api: true,
    // Nobody is there; that there should be is enough.
    env: { REDIS_URL: `redis://127.0.0.1:${await closedPort()}` },
  });
  scraped = await eventually(async () => {
    const metrics = await scrape(posthorn.address);
    return metrics.series.get('posthorn_database_up') === 1 && metrics;
  }, 'the database has been asked');
});

it('finds a table to compare', () => {
  expect(rows.length).toBeGreaterThan(40);
});

it('names every metric there is, with its type, and none that there is not', () => {
  const documented = rows.map(({ name, type }) => `${name} ${type}`);
  const real = [...scraped.types]
    .filter(([name]) => name.startsWith('posthorn_'))
    .map(([name, type]) => `${name} ${type}`);
  expect(documented.toSorted()).toEqual(real.toSorted());
});

it('names the labels of each metric, in their order', () => {
  for (const { name, labels } of rows) {
    const [series] = [...scraped.series.keys()].filter(isOf(name));
    // The two that are absent as long as nothing was sent.
    if (series === undefined) expect(name).toMatch(/^posthorn_recent_/);
    else expect([name, labelsOf(series)]).toEqual([name, labels]);
  }
});

it('explains the values of labels', () => {
  const open = new Set(['reason', 'task', 'version', 'le']);
  const values = [...scraped.series.keys()]
    .filter((series) => series.startsWith('posthorn_'))
    .flatMap((series) => [...series.matchAll(/(\w+)="([^"]*)"/g)])
    .filter(([, label = '']) => !open.has(label))
    .map(([, , value = '']) => value);
  expect(values.length).toBeGreaterThan(100);
  // `2xx` to `5xx` are told as a range.
  const told = (value: string) => page.includes(`\`${value}\``) || /^[34]xx$/.test(value);
  expect([...new Set(values)].filter((value) => !told(value))).toEqual([]);
});

it('names no metric in its queries that there is not', () => {
  const named = [...page.matchAll(/\bposthorn_\w+/g)].map(([name]) =>
    name.replace(/_(bucket|sum|count)$/, ''),
  );
  expect([...new Set(named)].filter((name) => !scraped.types.has(name))).toEqual([]);
});

it.skipIf(!hasPromtool)('has queries that Prometheus can read', () => {
  const queries = [...page.matchAll(/^\| [^|`]+ \| `(.+)` \|$/gm)].map(([, query = '']) => query);
  expect(queries.length).toBeGreaterThan(8);
  const file = join(mkdtempSync(join(tmpdir(), 'posthorn-rules-')), 'rules.yml');
  const rules = queries.map((expr, at) => ({ record: `query:${at}`, expr }));
  // YAML is a superset of JSON.
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file]);
  rmSync(dirname(file), { recursive: true });
  expect([status, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining('SUCCESS')]);
});

function isOf(name: string): (series: string) => boolean {
  return (series) => new RegExp(`^${name}(_bucket|_sum|_count)?(\\{|$)`).test(series);
}

function labelsOf(series: string): string[] {
  return [...series.matchAll(/(\w+)="/g)]
    .map(([, label = '']) => label)
    .filter((label) => label !== 'le');
}
