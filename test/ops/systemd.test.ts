import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { canRun } from '../../harness/can-run.ts';
import { readConfig } from '../../src/config/config.ts';

// The units in systemd's own eyes.

const folder = fileURLToPath(new URL('../../ops/systemd/', import.meta.url));
const hasSystemd = canRun('systemd-analyze', {
  why: 'the checks of the units of ops/systemd',
  debian: 'systemd',
});

const units = ['posthorn-worker.service', 'posthorn-api.service'];
const read = (file: string) => readFileSync(`${folder}${file}`, 'utf8');

describe.each(units)('%s', (unit) => {
  it.skipIf(!hasSystemd)('is free of mistakes', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', `${folder}${unit}`], {
      encoding: 'utf8',
    });
    // Units of the machine itself are looked at as well.
    expect(stderr.split('\n').filter((line) => line.includes('posthorn'))).toEqual([]);
    expect(status).toBe(0);
  });

  it.skipIf(!hasSystemd)('exposes next to nothing: below 2 of 10', () => {
    const { status, stdout, stderr } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=yes', '--threshold=20', `${folder}${unit}`],
      { encoding: 'utf8' },
    );
    expect(status, stdout + stderr).toBe(0);
  });

  it('gives a stop the time it takes, and does not start again in vain', () => {
    const text = read(unit);
    const timeoutS = Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]);
    const leastMs = unit.includes('worker') ? readConfig({}).graceMs + 10_000 : 10_000;
    expect(timeoutS * 1_000).toBeGreaterThanOrEqual(leastMs);
    // The exit code of a setting that cannot be used (docs/configuration.md).
    expect(text).toMatch(/^RestartPreventExitStatus=2$/m);
    const command = /^ExecStart=\/usr\/bin\/env posthorn (\w+)$/m.exec(text)?.[1];
    expect(unit).toBe(`posthorn-${command}.service`);
  });
});

it('posthorn.env holds settings that Posthorn takes', () => {
  const settings = [...read('posthorn.env').matchAll(/^#?([A-Z_]+)=(.*)$/gm)];
  expect(settings.length).toBeGreaterThan(1);
  const config = readConfig(Object.fromEntries(settings.map(([, name, value]) => [name, value])));
  expect(config.databaseUrl).toBeDefined();
  expect(config.alerts.url).toBeDefined();
});
