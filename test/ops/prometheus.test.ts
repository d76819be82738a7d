import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type PosthornProcess, spawnPosthorn } from '../../harness/process.ts';
import { type Receiver, startReceiver } from '../../harness/receiver.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { registerEndpoint } from '../support/endpoints.ts';
import { eventually } from '../support/eventually.ts';
import { hasPrometheus, type Prometheus, startPrometheus } from '../support/prometheus.ts';

// The rules and the dashboard against a real Prometheus that scrapes a real Posthorn at work: a metric that was renamed, or a
// label that never was, is found here and not at night.

const folder = fileURLToPath(new URL('../../ops/', import.meta.url));

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly labels?: { readonly severity: string };
  readonly expr: string;
}

const rules = (
  parse(readFileSync(`${folder}prometheus/alerts.yml`, 'utf8')) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const { panels } = JSON.parse(readFileSync(`${folder}grafana/posthorn.json`, 'utf8')) as {
  panels: Panel[];
};
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
);

describe('the dashboard', () => {
  it('has panels that do not overlap, each with an id of its own and the chosen data source', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { gridPos, title, type, datasource } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      if (type !== 'row') expect(datasource?.uid, title).toBe(`\${datasource}`);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`), `${title} at ${x},${y}`).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  });
});

it('the guide has a row for every alert, with its severity, and for nothing else', () => {
  const guide = readFileSync(`${folder}README.md`, 'utf8');
  const rows = [...guide.matchAll(/^\| `(Posthorn\w+)` \| (\w+) \|/gm)].map((row) => row.slice(1));
  const alerts = rules.flatMap(({ alert, labels }) =>
    alert === undefined ? [] : [[alert, labels?.severity]],
  );
  expect(rows).toEqual(alerts);
  expect(guide).toContain(
    `three recording rules (success rate, average delivery time, webhooks due) and ${alerts.length} alerts`,
  );
});

describe.skipIf(!hasPrometheus)('the rules', () => {
  it('pass their unit tests in promtool', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'alerts.test.yml'], {
      cwd: `${folder}prometheus`,
      encoding: 'utf8',
    });
    expect(status, stdout + stderr).toBe(0);
  });

  it('are checked by promtool, and so is the configuration', () => {
    for (const args of [
      ['check', 'rules', 'alerts.yml'],
      ['check', 'config', 'prometheus.yml'],
    ]) {
      const { status, stderr } = spawnSync('promtool', args, {
        cwd: `${folder}prometheus`,
        encoding: 'utf8',
      });
      expect(status, stderr).toBe(0);
    }
  });

  it('each have a unit test in which they fire, and one in which they do not', () => {
    const { tests } = parse(readFileSync(`${folder}prometheus/alerts.test.yml`, 'utf8')) as {
      tests: { alert_rule_test?: { alertname: string; exp_alerts?: unknown[] }[] }[];
    };
    const tested = tests.flatMap((test) => test.alert_rule_test ?? []);
    const names = (fires: boolean) =>
      [
        ...new Set(
          tested
            .filter(({ exp_alerts }) => (exp_alerts !== undefined) === fires)
            .map(({ alertname }) => alertname),
        ),
      ].toSorted();
    const alerts = rules.flatMap(({ alert }) => alert ?? []).toSorted();
    expect(names(true)).toEqual(alerts);
    expect(names(false)).toEqual(alerts);
  });
});

/** What has no data in a Posthorn that is well, and runs without a Redis. */
const mayBeEmpty = new Set(['min(posthorn_redis_up)']);

describe.skipIf(!hasPrometheus)('with a Prometheus that scrapes a Posthorn', () => {
  let database: TestDatabase;
  let receiver: Receiver;
  let posthorn: PosthornProcess;
  let prometheus: Prometheus;

  beforeAll(async () => {
    database = await createTestDatabase();
    receiver = await startReceiver();
    receiver.answer((request, response) => {
      response.statusCode = Number(/\d+$/.exec(request.path)?.[0] ?? 200);
      response.end();
    });
    posthorn = spawnPosthorn('start', { DATABASE_URL: database.url, PORT: '0' });
    await posthorn.line(/Worker ready/);
    const address = /http:\/\/(\S+)/.exec(await posthorn.line(/^ {2}API /))?.[1] ?? '';
    prometheus = await startPrometheus([address]);
    // Before the first of anything, so that the increase from nothing to one is seen.
    await eventually(
      async () => (await prometheus.query('posthorn_build_info')).length === 1,
      'the first scrape',
    );
    await cause();
    await happened('posthorn_endpoints_disabled_total{reason="gone"} == 1');
    await happened('sum(posthorn_attempts_total{outcome="failed"}) >= 6');
    await happened('sum(posthorn_attempts_total{outcome="retry"}) >= 20');
    await happened('sum(posthorn_jobs_total{task=~"posthorn:.+",result="success"}) >= 3');
    // What all processes share is counted every 15 s.
    await database.pool.query(`update posthorn.stats set taken_at = '-infinity'`);
    await happened('count(posthorn_maintenance_last_success_timestamp_seconds) >= 3');
  });

  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await posthorn?.[Symbol.asyncDispose]();
    await receiver?.close();
    await database?.drop();
  });

  it.each(queries)('$title: $expr', async ({ expr, legendFormat }) => {
    const samples = await prometheus.query(expr.replaceAll('$__rate_interval', '1m'));
    if (!mayBeEmpty.has(expr)) expect(samples.length).toBeGreaterThan(0);
    for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
      for (const { metric } of samples) expect(metric).toHaveProperty(label);
    }
  });

  it.each(rules.map(({ alert, record, expr }) => ({ name: alert ?? record ?? '', expr })))(
    '$name: $expr',
    async ({ expr }) => {
      await prometheus.query(expr);
      const known = new Set(await prometheus.names());
      const names = expr.match(/\b(?:posthorn[_:]|up\b)[\w:]*/g) ?? [];
      expect(names.length).toBeGreaterThan(0);
      for (const name of names) expect(known).toContain(name);
    },
  );

  it('the alerts fire for what happened, and for nothing else', async () => {
    const firing = await eventually(async () => {
      const alerts = await prometheus.query('ALERTS{alertstate="firing"}');
      const names = [...new Set(alerts.map(({ metric }) => metric['alertname']))].toSorted();
      return names.length === 2 && names;
    }, 'the two alerts fire');
    expect(firing).toEqual(['PosthornEndpointDisabled', 'PosthornFailureRate']);
  });

  async function happened(expression: string): Promise<void> {
    await eventually(async () => (await prometheus.query(expression)).length > 0, expression);
  }

  /** Successes, failures for good and for now, an endpoint that is gone, and a scheduled task. */
  async function cause(): Promise<void> {
    for (const [path, count] of [
      ['/200', 30],
      ['/400', 4],
      ['/503', 20],
    ] as const) {
      await database.pool.query(
        `insert into posthorn.outbox (url, body, priority)
         select $1 || '/' || n || $2, '{}', (array['high', 'normal', 'low'])[1 + n % 3]
         from generate_series(1, $3::integer) as n`,
        [receiver.url, path, count],
      );
    }
    const gone = await registerEndpoint(database, { url: `${receiver.url}/410` });
    await gone.enqueue(2);
    await database.pool.query(
      `select posthorn_graphile.add_job(task)
       from unnest(array['posthorn:alerts', 'posthorn:partitions', 'posthorn:prune']) as task`,
    );
  }
});
