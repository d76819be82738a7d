/*
 * posthorn/producer: what a program needs that enqueues webhooks and publishes events in its own transactions.
 *
 * It imports nothing, neither of Posthorn nor of anybody else, and uses nothing that Node 18, Bun or Deno lack. So that
 * stays cheap in every program: test/architecture.test.ts checks the imports, tsconfig.cjs.json the language.
 */

export type { Transaction } from '../transaction/transaction.ts';
export { enqueue, enqueueMany } from './enqueue.ts';
// All of it: an interface that is exported by name could not be extended from outside.
export type * from './event.ts';
export { publish, publishMany } from './publish.ts';
export { RefusedError } from './refused-error.ts';
export type { NewWebhook, Priority } from './webhook.ts';
