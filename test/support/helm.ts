import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** What the chart makes of these values in a release of the name "posthorn". */
export function renderChart(values: object, directory = chart): Document[] {
  const text = runHelm(
    [
      ...['template', 'posthorn', directory, '--namespace', 'posthorn', '--values=-'],
      // A helm that "go install" made takes its Kubernetes for an old one.
      '--kube-version=1.30.0',
    ],
    JSON.stringify(values),
  );
  return parseAllDocuments(text).flatMap((parsed) => parsed.toJS() ?? []);
}

/**
 * What helm says after an installation with these values. Without a cluster it does not say it, so a copy of the chart has the text in
 * a document.
 */
export async function renderNotes(values: object): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'posthorn-chart-'));
  try {
    await cp(chart, directory, { recursive: true });
    const notes = await readFile(join(chart, 'templates/NOTES.txt'), 'utf8');
    await writeFile(
      join(directory, 'templates/_notes.tpl'),
      `{{ define "notes" }}${notes}{{ end }}`,
    );
    await writeFile(
      join(directory, 'templates/notes.yaml'),
      'kind: Notes\ntext: {{ include "notes" . | toJson }}\n',
    );
    return renderChart(values, directory).find(({ kind }) => kind === 'Notes').text;
  } finally {
    await rm(directory, { recursive: true });
  }
}
