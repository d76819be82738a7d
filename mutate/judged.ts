import { readFile } from 'node:fs/promises';
import { keyOf } from './mutant.ts';

/** A survivor that a person looked at. Its file, line and texts tell which mutant it is, wherever the line has moved since. */
export interface Judged {
  readonly file: string;
  /** The line of the mutant, without its indentation. */
  readonly source: string;
  readonly before: string;
  readonly after: string;
  /** `equivalent`: nothing can tell it from the original. `accepted`: a test would cost more than it is worth. */
  readonly verdict: 'equivalent' | 'accepted';
  readonly reason: string;
}

/** The judgements by `keyOf`. */
export async function readJudged(file: URL): Promise<Map<string, Judged>> {
  const list = JSON.parse(await readFile(file, 'utf8')) as readonly Judged[];
  return new Map(list.map((judged) => [keyOf(judged), judged]));
}
