import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { programsEnv } from '../../harness/can-run.ts';

export const chart = fileURLToPath(new URL('../../ops/helm/posthorn/', import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: a document of any kind.
export type Document = any;

/** Runs helm; throws with what it says if it fails. It is kept away from the settings of who runs the tests. */
export function runHelm(args: readonly string[], input = ''): string {
  try {
    return execFileSync('helm', args, {
      encoding: 'utf8',
      input,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: programsEnv.PATH, HOME: tmpdir() },
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${stdout}${stderr}`);
  }
}

/** What the chart makes of these values, as YAML or JSON, in a release of the name "posthorn". */
export function renderChart(values: object): Document[] {
  const text = runHelm(
    ['template', 'posthorn', chart, '--namespace', 'posthorn', '--values', '-'],
    JSON.stringify(values),
  );
  return parseAllDocuments(text).flatMap((parsed) => parsed.toJS() ?? []);
}
