// Pure: no I/O, no clock, no randomness.

import { mark, type PlannedFile } from './planned-file.ts';

/** A program that sends the first webhook, and the command that runs it. */
export interface PlannedProducer {
  readonly file: PlannedFile;
  readonly command: string;
}

const what = 'sends a webhook in a transaction of your own';

export function program(path: string, text: string, command: string): PlannedProducer {
  return { file: { path, what, text }, command };
}

/** What the programs of all stacks say and send. */
export const about = `${mark} Sends a webhook in a transaction of your own: it is delivered if and only if that commits.`;
export const yours = 'What your application changes belongs into the same transaction.';
export const body = '{"type": "order.created", "id": 42}';

/** In development: what a program uses unless its environment says something else. */
export const databaseUrl = 'postgres://postgres:development@127.0.0.1:5432/app';
export const hook = 'http://127.0.0.1:3000/webhooks';
