import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canRun } from '../../harness/can-run.ts';
import { freePort } from '../../harness/free-port.ts';
import { eventually } from './eventually.ts';

/** Whether this machine has a Prometheus with its promtool (Debian: apt-get install prometheus). */
export const hasPrometheus = ['prometheus', 'promtool'].every((command) =>
  canRun(command, { why: 'the tests of ops/prometheus and ops/grafana', debian: 'prometheus' }),
);

/** A series as Prometheus answers it. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** A real Prometheus of a test's own, with the rules of ops/prometheus, that scrapes every second. */
export interface Prometheus extends AsyncDisposable {
  /** Rejects when Prometheus refuses the expression. */
  query(expression: string): Promise<Sample[]>;
  /** Names of all metrics that it knows. */
  names(): Promise<string[]>;
}

const rules = fileURLToPath(new URL('../../ops/prometheus/alerts.yml', import.meta.url));

export async function startPrometheus(targets: readonly string[]): Promise<Prometheus> {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-prometheus-'));
  const port = await freePort();
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [rules],
    scrape_configs: [{ job_name: 'posthorn', static_configs: [{ targets }] }],
  };
  // JSON is YAML.
  await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const address = `http://127.0.0.1:${port}`;
  await eventually(async () => {
    const response = await fetch(`${address}/-/ready`).catch(() => undefined);
    return response?.ok === true;
  }, 'Prometheus is ready');
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`${address}${path}`);
    const answer = (await response.json()) as { status: string; error?: string; data: unknown };
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`);
    return answer.data;
  };
  return {
    query: async (expression) => {
      const data = await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`);
      return (data as { result: Sample[] }).result;
    },
    names: async () => (await ask('/api/v1/label/__name__/values')) as string[],
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}
