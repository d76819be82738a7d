import { spawnSync } from 'node:child_process';
import { canRun } from '../../harness/can-run.ts';

/** What a process answered to GET /metrics. */
export interface Scraped {
  readonly text: string;
  readonly contentType: string;
  /** By name and labels as they stand in the text, such as `posthorn_lanes{state="open"}`. */
  readonly series: ReadonlyMap<string, number>;
  /** The type of each metric, by name. */
  readonly types: ReadonlyMap<string, string>;
  /** The value of a series; throws when there is none. */
  value(series: string): number;
  /** The sum over all series of a metric. */
  sum(name: string): number;
}

/** Scrapes as Prometheus does. */
export async function scrape(address: string): Promise<Scraped> {
  const response = await fetch(`${address}/metrics`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`GET /metrics answered ${response.status}: ${text}`);
  const lines = text.split('\n').filter((line) => line !== '');
  const series = new Map(
    lines
      .filter((line) => !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
  );
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
  const value = (name: string) => {
    const found = series.get(name);
    if (found === undefined) throw new Error(`There is no series ${name}`);
    return found;
  };
  const sum = (name: string) =>
    [...series]
      .filter(([key]) => key === name || key.startsWith(`${name}{`))
      .reduce((total, [, number]) => total + number, 0);
  const contentType = response.headers.get('content-type') ?? '';
  return { text, contentType, series, types, value, sum };
}

/** Whether this machine has promtool (Debian: apt-get install prometheus). */
export const hasPromtool = canRun('promtool', {
  why: 'the checks of the metrics',
  debian: 'prometheus',
});

/** What `promtool check metrics` has to complain about. */
export function lint(text: string): string {
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  return stdout + stderr;
}
