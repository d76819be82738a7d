/**
 * A process that runs the embedded Postgres of the directory given as its argument, says so in one
 * line of JSON on stdout, and stops it when its stdin ends, so also when the tests are broken off.
 * Killed by tests to leave an orphan behind.
 */
import { once } from 'node:events';
import { startEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

const server = await startEmbeddedPostgres({
  dataDir: process.argv[2] ?? '',
  log: quiet,
  settings: { fsync: 'off' },
});
process.stdout.write(`${JSON.stringify({ url: server.url, port: server.port })}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
await server.stop();
