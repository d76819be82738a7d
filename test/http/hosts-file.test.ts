import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isLocalhost, readHosts } from '../../src/http/hosts-file.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'posthorn-hosts-'));
});

afterAll(() => rmSync(folder, { recursive: true }));

it.each(['localhost', 'LocalHost', 'localhost.', 'a.localhost', 'a.b.localhost.'])(
  '%s is this machine, whatever a name server says',
  (name) => {
    expect(isLocalhost(name)).toBe(true);
  },
);

it.each(['', 'notlocalhost', 'localhosts', 'localhost.example', 'localhost..', 'local.host'])(
  '%j is not',
  (name) => {
    expect(isLocalhost(name)).toBe(false);
  },
);

it('names have the addresses of all their lines, in any case, and comments have none', () => {
  const path = join(folder, 'hosts');
  writeFileSync(
    path,
    `# 10.0.0.9 commented
10.0.0.1\tOne one.example # two
  fd00::1   one
nonsense  three

192.168.1.1 localhost four`,
  );
  const hosts = readHosts(path);
  expect(hosts.find('one')).toEqual([
    { address: '10.0.0.1', family: 4 },
    { address: 'fd00::1', family: 6 },
  ]);
  expect(hosts.find('one.example')).toEqual([{ address: '10.0.0.1', family: 4 }]);
  expect(hosts.find('four')).toEqual([{ address: '192.168.1.1', family: 4 }]);
  for (const name of ['two', 'three', 'commented', '#', '']) {
    expect(hosts.find(name), name).toBeUndefined();
  }
  const loopback = [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
  expect([hosts.find('localhost'), hosts.find('a.localhost')]).toEqual([loopback, loopback]);
});

it('without a file localhost is known, and nothing else', () => {
  const hosts = readHosts(join(folder, 'missing'));
  expect(hosts.find('localhost')).toHaveLength(2);
  expect(hosts.find('one')).toBeUndefined();
});
