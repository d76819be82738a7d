import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openKeyFile, readKeyFile } from '../../src/secrets/key-file.ts';

let dataDir: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'posthorn-keys-'));
});

afterEach(() => rm(dataDir, { recursive: true, force: true }));

it('is made once, readable by its owner alone, and nothing is left beside it', async () => {
  expect(await readKeyFile(dataDir)).toBeUndefined();
  const made = await openKeyFile(dataDir);
  const path = join(dataDir, 'encryption-keys');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(dataDir)).toEqual(['encryption-keys']);
  const again = await openKeyFile(dataDir);
  expect(again.currentId).toBe(made.currentId);
  expect(again.keys.get(made.currentId)?.equals(made.keys.values().next().value ?? fail())).toBe(
    true,
  );
});

it('is the same for all that start together', async () => {
  const rings = await Promise.all(Array.from({ length: 20 }, () => openKeyFile(dataDir)));
  expect(new Set(rings.map(({ currentId }) => currentId)).size).toBe(1);
  expect(await readdir(dataDir)).toEqual(['encryption-keys']);
});

it('that was spoiled is not replaced, and what is in it is not repeated', async () => {
  const path = join(dataDir, 'encryption-keys');
  await writeFile(path, 'k1:hunter2');
  await expect(openKeyFile(dataDir)).rejects.toThrow(
    /^The key file .*encryption-keys cannot be used: each key must be 32 bytes in base64(?!.*hunter2)/,
  );
  expect(await readFile(path, 'utf8')).toBe('k1:hunter2');
});

function fail(): never {
  throw new Error('there is no key');
}
