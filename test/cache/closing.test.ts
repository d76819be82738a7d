import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

// A process of its own: only there one sees whether something is left that holds it up.

const script = `
  import { createServer } from 'node:net';
  const { LaneCache } = await import(process.argv[1]);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  let connections = 0;
  // A Redis that takes connections and hangs up: the next try is later each time.
  const server = createServer((socket) => {
    socket.destroy();
    connections += 1;
    if (connections !== 8) return;
    server.close();
    // By then both connections know that they were hung up, and wait for their next try.
    setTimeout(() => {
      cache.close();
      const closedMs = performance.now();
      process.on('exit', () => console.log(Math.round(performance.now() - closedMs)));
    }, 200);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cache = new LaneCache({ url: 'redis://127.0.0.1:' + server.address().port, log, namespace: 'x' });
  cache.listen(() => {});
`;

it('a process ends at once when it has closed a cache whose Redis never was', async () => {
  const module = new URL('../../src/cache/lane-cache.ts', import.meta.url).href;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '--eval',
    script,
    module,
  ]);
  // Its next try was two seconds and more away.
  expect(Number(stdout)).toBeLessThan(1_000);
});
