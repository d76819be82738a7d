import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The lines of each file, from 1, that differ from a commit; those of files that git does not have yet are not among them. */
export async function changedLines(root: string, ref: string): Promise<Map<string, Set<number>>> {
  const { stdout } = await run(
    'git',
    [
      'diff',
      '--unified=0',
      '--no-color',
      '--no-ext-diff',
      '--no-renames',
      '--merge-base',
      ref,
      '--',
    ],
    { cwd: root, maxBuffer: 256 * 1024 * 1024 },
  );
  return linesOf(stdout);
}

/** Reads a diff without context. */
export function linesOf(diff: string): Map<string, Set<number>> {
  const changed = new Map<string, Set<number>>();
  let lines = new Set<number>();
  for (const line of diff.split('\n')) {
    const file = /^\+\+\+ b\/(.*)$/.exec(line)?.[1];
    if (file !== undefined) {
      lines = new Set();
      changed.set(file, lines);
    }
    const hunk = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (hunk === null) continue;
    const first = Number(hunk[1]);
    for (let at = first; at < first + Number(hunk[2] ?? 1); at++) lines.add(at);
  }
  return changed;
}
