import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type PosthornProcess, runPosthorn, spawnPosthorn } from '../../harness/process.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { copyCluster } from '../support/cluster.ts';

// `posthorn doctor` beside a Posthorn that somebody has just started, as he calls it: without any setting.

let dataDir: string;
let posthorn: PosthornProcess;

beforeAll(async () => {
  dataDir = await mkdtemp(join(inject('quickDirectory'), 'posthorn-doctor-'));
  await copyCluster(dataDir);
  posthorn = spawnPosthorn('start', { POSTHORN_DATA_DIR: dataDir, PORT: '0' });
  await posthorn.line(/Worker ready/);
});

afterAll(async () => {
  await posthorn.end('SIGTERM');
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

const doctor = (args: string[] = [], env: Record<string, string> = {}) =>
  runPosthorn(['doctor', ...args], { POSTHORN_DATA_DIR: dataDir, ...env });

describe('posthorn doctor on a good server', () => {
  it('finds nothing, in a line per check, and its exit code is 0 even if warnings count', async () => {
    const { exitCode, stdout, stderr } = await doctor(['--strict']);
    expect([exitCode, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^(\d+) checks, \1 ok, 0 warnings, 0 failures$/);
    expect(lines.slice(0, -2).filter((line) => !/^ok {4}\S.* {2}\S/.test(line))).toEqual([]);
    expect(stdout).not.toContain('\u001B');
    expect(stdout).toMatch(/^ok +workers +1 worker, version /m);
  });

  it('says the same as JSON; docs/doctor.md has all its checks with their rules', async () => {
    const { exitCode, stdout } = await doctor(['--json']);
    expect(exitCode).toBe(0);
    const report = JSON.parse(stdout) as { status: string; checks: Finding[] };
    expect(report.status).toBe('ok');
    expect(new Set(report.checks.map(({ check }) => check)).size).toBe(report.checks.length);
    for (const finding of report.checks) {
      expect(finding).toEqual({
        check: expect.stringMatching(/^[a-z_ ]+$/),
        status: 'ok',
        found: expect.stringMatching(/\S/),
        rule: expect.stringMatching(/\S/),
        remedy: null,
      });
    }
    const page = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| `([a-z_ ]+)` \| (.*) \|$/gm)].map(
      ([, check, rule]) => [check, rule],
    );
    expect(documented).toEqual(report.checks.map(({ check, rule }) => [check, rule]));
  });

  it('warns of a clock that is 20 s off, and fails at 90 s', async () => {
    const withClock = async (offsetMs: number) => {
      const { exitCode, stdout } = await doctor([], {
        NODE_OPTIONS: `--import ${new URL('../../chaos/wrong-clock.ts', import.meta.url)}`,
        CHAOS_CLOCK_OFFSET_MS: String(offsetMs),
      });
      return [exitCode, /^\w+ +clock .*$/m.exec(stdout)?.[0].replaceAll(/ +/g, ' ')];
    };
    expect(await withClock(20_000)).toEqual([0, 'warn clock Postgres is 20 s behind']);
    expect(await withClock(-90_000)).toEqual([1, 'fail clock Postgres is 90 s ahead']);
  });

  it('is strict if told so: then a warning is a failure', async () => {
    const env = { REDIS_URL: 'redis://:hunter2@127.0.0.1:1' };
    const lax = await doctor([], env);
    expect([lax.exitCode, lax.stdout]).toEqual([
      0,
      expect.stringMatching(/^warn +redis .*ECONNREFUSED/m),
    ]);
    expect(lax.stdout).not.toContain('hunter2');
    expect((await doctor(['--strict'], env)).exitCode).toBe(1);
  });
});

describe('posthorn doctor without a server', () => {
  it('says that none runs, and starts none', async () => {
    const { exitCode, stdout } = await runPosthorn(['doctor'], {
      POSTHORN_DATA_DIR: join(dataDir, 'nothing-here'),
    });
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^fail +connection +DATABASE_URL is not set, and no embedded Postgres runs in \S+nothing-here$/m,
    );
    expect(stdout).toContain('→ Run "posthorn start"');
  });

  it('says why DATABASE_URL leads nowhere, without its password', async () => {
    const { exitCode, stdout, stderr } = await runPosthorn(['doctor', '--json'], {
      DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/d',
    });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'fail',
      checks: [{ check: 'connection', found: expect.stringContaining('ECONNREFUSED') }, {}],
    });
    expect(stdout + stderr).not.toContain('hunter2');
  });

  it('is not asked with what it does not understand', async () => {
    expect((await runPosthorn(['doctor', '--fix'])).exitCode).toBe(2);
    expect((await runPosthorn(['doctor'], { DATABASE_URL: 'nonsense' })).exitCode).toBe(2);
  });
});
