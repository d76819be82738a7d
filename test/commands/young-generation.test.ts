import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

// The limit of V8's young generation: see src/commands/young-generation.ts.

const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

/** Runs before Posthorn in each process: says which it is, and how large the young generation gets while many objects live a while. */
const probe = `
  import { getHeapSpaceStatistics } from 'node:v8';
  const kept = [];
  let most = 0;
  for (let made = 0; made < 3_000_000; made += 1) {
    kept.push({ made, text: 'x' + made });
    if (kept.length > 150_000) kept.splice(0, 75_000);
    if (made % 20_000 > 0) continue;
    most = Math.max(most, getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size);
  }
  console.log(JSON.stringify({ pid: process.pid, flags: process.execArgv.slice(0, -2), mostMb: most / 2 ** 20 }));`;

interface Seen {
  readonly pid: number;
  readonly flags: readonly string[];
  readonly mostMb: number;
}

describe.skipIf(process.platform === 'win32')('the young generation', () => {
  it.each(['start', 'worker', 'api'])(
    'of "posthorn %s" is bounded, in the process that was started',
    async (command) => {
      const seen = await run([], [command, '--json']);
      expect(seen).toHaveLength(2);
      const [first, second] = seen;
      expect(second?.pid).toBe(first?.pid);
      expect(second?.flags).toEqual(['--max-semi-space-size=16']);
      expect(second?.mostMb).toBeLessThan(40);
    },
  );

  it('stays as somebody has chosen it', async () => {
    const chosen = await run(['--max-semi-space-size=8'], ['worker']);
    expect(chosen).toMatchObject([{ flags: ['--max-semi-space-size=8'] }]);
    const byEnvironment = await run([], ['worker'], {
      NODE_OPTIONS: '--max-semi-space-size=8',
    });
    expect(byEnvironment).toMatchObject([{ flags: [] }]);
  });

  it('of a command that ends soon is left alone', async () => {
    expect(await run([], ['status'])).toHaveLength(1);
  });
});

/** What the probe saw in each process; Posthorn itself finds no database and ends. */
async function run(
  flags: readonly string[],
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Seen[]> {
  const { PATH = '' } = process.env;
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(probe)}`];
  const ended = await promisify(execFile)(process.execPath, [...flags, ...preload, cli, ...args], {
    env: { PATH, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing', ...env },
  }).catch((error: { stdout: string }) => error);
  return ended.stdout
    .split('\n')
    .filter((line) => line.startsWith('{"pid"'))
    .map((line) => JSON.parse(line) as Seen);
}
