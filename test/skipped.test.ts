import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// No run leaves out tests without a word, and a gate that must run them all fails.

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const canRunFile = at('../harness/can-run.ts');

const files = {
  'lacks.test.mjs': `
    import { it } from 'vitest';
    import { canRun } from ${JSON.stringify(canRunFile)};
    const isHere = canRun('no-such-program', { why: 'the tests of nothing', debian: 'nothing' });
    it.skipIf(!isHere)('needs a program', () => {});
    it('needs no program', () => {});`,
  'notes.test.mjs': `
    import { it } from 'vitest';
    it('looks first', ({ skip }) => skip('the moon is down'));`,
  'part.test.mjs': `
    import { it } from 'vitest';
    import { canTest } from ${JSON.stringify(canRunFile)};
    it('goes on without a part', () => void canTest(false, 'there is no sun.'));`,
  'whole.test.mjs': `
    import { it } from 'vitest';
    import { canRun } from ${JSON.stringify(canRunFile)};
    it.skipIf(!canRun(process.execPath, { why: 'this one' }))('runs', () => {});`,
};

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'posthorn-skipped-'));
  for (const [name, code] of Object.entries(files)) await writeFile(join(folder, name), code);
});

afterAll(() => rm(folder, { recursive: true }));

async function runTests(
  args: readonly string[],
  { mustBeComplete, without = '' }: { readonly mustBeComplete: boolean; readonly without?: string },
): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn(
    process.execPath,
    [
      at('../node_modules/vitest/vitest.mjs'),
      ...['run', '--root', folder, '--reporter', at('support/skipped-reporter.ts'), ...args],
    ],
    {
      env: {
        ...process.env,
        POSTHORN_TEST_COMPLETE: mustBeComplete ? '1' : '',
        POSTHORN_TEST_WITHOUT: without,
      },
      cwd: at('..'),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, said: out + err };
}

describe('what is skipped', () => {
  it('is listed with the reason, and fails a run that must be complete', async () => {
    const { code, said } = await runTests(['lacks', 'notes'], { mustBeComplete: true });
    expect(said).toContain('2 tests were skipped:');
    expect(said).toContain('  lacks.test.mjs: needs a program\n');
    expect(said).toContain('  notes.test.mjs: looks first (the moon is down)\n');
    expect(said).toContain('because the tests of nothing cannot run "no-such-program"');
    expect(code).toBe(1);
  });

  it('fails no run on a machine that cannot have the program, if nothing else is skipped', async () => {
    const options = { mustBeComplete: true, without: 'other nothing' };
    expect(await runTests(['lacks'], options)).toMatchObject({ code: 0 });
    expect(await runTests(['lacks', 'part'], options)).toMatchObject({ code: 1 });
    expect(await runTests(['lacks', 'notes'], options)).toMatchObject({ code: 1 });
  });

  it('fails no other run', async () => {
    const { code, said } = await runTests(['lacks'], { mustBeComplete: false });
    expect(said).toContain('1 tests were skipped:');
    expect(code).toBe(0);
  });

  it('may be a part of a test', async () => {
    const { code, said } = await runTests(['part'], { mustBeComplete: true });
    expect(said).toContain('because there is no sun.');
    expect(code).toBe(1);
  });
});

it('a run that skips nothing is complete, and so is one of some tests by name', async () => {
  expect(await runTests(['whole'], { mustBeComplete: true })).toMatchObject({ code: 0 });
  expect(await runTests(['lacks', '-t', 'no program'], { mustBeComplete: true })).toMatchObject({
    code: 0,
  });
});
