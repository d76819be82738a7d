import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { version } from '../../src/version.ts';
import { createTestDatabase } from '../support/database.ts';
import { spawnPosthorn } from '../support/process.ts';

// The package as npm makes it, with what it depends on and nothing else of this directory.

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};
const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
  packages: Record<
    string,
    { integrity?: string; resolved?: string; dev?: boolean; link?: boolean }
  >;
};
let directory: string;
let installed: string;
let files: string[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'posthorn-package-'));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', directory], {
    cwd: root,
  });
  await run('tar', [
    '-xzf',
    join(directory, stdout.trim().split('\n').at(-1) ?? ''),
    '-C',
    directory,
  ]);
  installed = join(directory, 'package');
  files = readdirSync(installed, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1));
  await linkDependencies();
}, 120_000);

afterAll(() => rm(directory, { recursive: true }));

describe('the packed package', () => {
  test('has what is read at run time', () => {
    const needed = ['sql', 'migrations'].flatMap((folder) =>
      readdirSync(root + folder)
        .filter((name) => name.endsWith('.sql'))
        .map((name) => `${folder}/${name}`),
    );
    expect(files).toEqual(
      expect.arrayContaining([
        ...needed,
        ...['dist/cli.js', 'dist/index.js', 'dist/index.d.ts', 'package.json'],
        ...['README.md', 'LICENSE', 'SECURITY.md', 'CHANGELOG.md', 'docs/security.md'],
      ]),
    );
    expect(files).not.toHaveLength(0);
  });

  test('has no tests, sources, benchmarks, and nothing that was not meant for it', () => {
    const folders = new Set(files.map((file) => file.split('/')[0] ?? ''));
    expect([...folders].sort()).toEqual([
      ...['ARCHITECTURE.md', 'CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md'],
      ...['dashboard', 'dist', 'docs', 'migrations', 'ops', 'package.json', 'sql'],
    ]);
    expect(
      files.filter((file) => /\.test\.[jt]s|(?<!\.d)\.ts$|(?:^|\/)\.|\.pem$|\.key$/.test(file)),
    ).toEqual([]);
  });

  test('has no secret in it', () => {
    const secret =
      /-----BEGIN [A-Z ]*PRIVATE KEY|npm_[A-Za-z0-9]{36}|gh[pousr]_[A-Za-z0-9]{36}|AKIA[0-9A-Z]{16}|_authToken/;
    const found = files.filter((file) =>
      secret.test(readFileSync(join(installed, file), 'latin1')),
    );
    expect(found).toEqual([]);
  });

  test('says its version, and can be imported', async () => {
    const cli = await run(process.execPath, [join(installed, 'dist/cli.js'), '--version']);
    expect(cli.stdout.trim()).toBe(version);
    const code = `import { enqueue } from 'posthorn'; console.log(typeof enqueue);`;
    const imported = await run(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: directory,
    });
    expect(imported.stdout.trim()).toBe('function');
  });

  test('starts with a database, migrates it, and stops', async () => {
    const database = await createTestDatabase();
    try {
      const env = { DATABASE_URL: database.url, PORT: '0' };
      await using posthorn = spawnPosthorn('start', env, join(installed, 'dist/cli.js'));
      await posthorn.line(/Worker ready/);
      expect(await posthorn.end('SIGTERM')).toBe(0);
    } finally {
      await database.drop();
    }
  }, 60_000);
});

describe('the dependencies', () => {
  test('are of one version each, and the lockfile knows their content', () => {
    for (const wanted of Object.values({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(wanted).toMatch(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/);
    }
    for (const [path, entry] of Object.entries(lock.packages)) {
      if (path === '') continue;
      expect(entry.integrity, path).toMatch(/^sha512-/);
      expect(entry.resolved, path).toBeUndefined();
    }
  });

  test('stand in the bill of materials, and those for development do not', async () => {
    const { stdout } = await run('npm', ['run', '--silent', 'sbom'], {
      cwd: root,
      maxBuffer: 16 * 1_048_576,
    });
    const bill = JSON.parse(stdout) as {
      bomFormat: string;
      components: { name: string; version: string }[];
    };
    expect(bill.bomFormat).toBe('CycloneDX');
    const listed = new Map(bill.components.map((one) => [one.name, one.version]));
    for (const [name, wanted] of Object.entries(manifest.dependencies)) {
      expect(listed.get(name), name).toBe(wanted);
    }
    for (const name of Object.keys(manifest.devDependencies)) {
      if (lock.packages[`node_modules/${name}`]?.dev === true)
        expect(listed.has(name), name).toBe(false);
    }
  });
});

test('the image is made of files that are there and may go into it, and does not run as root', () => {
  const lines = readFileSync(`${root}Dockerfile`, 'utf8').split('\n');
  const allowed = readFileSync(`${root}.dockerignore`, 'utf8');
  const copied = lines
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
    .flatMap((line) => line.split(' ').slice(1, -1));
  expect(copied.length).toBeGreaterThan(0);
  for (const path of copied) {
    expect(existsSync(root + path), path).toBe(true);
    expect(allowed, path).toMatch(new RegExp(`^!${path}$`, 'm'));
  }
  expect(lines.filter((line) => line.startsWith('USER '))).toEqual(['USER node']);
  expect(lines.filter((line) => /^ADD |curl|wget/.test(line))).toEqual([]);
  expect(lines.filter((line) => line.startsWith('RUN npm ci')).join()).toContain('npm ci');
});

/** As npm would install them: what the lockfile does not call a dev dependency, and posthorn itself. */
async function linkDependencies(): Promise<void> {
  const places = Object.entries(lock.packages)
    .filter(
      ([path, entry]) => /^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path) && entry.dev !== true,
    )
    .map(([path]) => path)
    .filter((path) => existsSync(root + path));
  for (const path of places) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await symlink(root + path, join(directory, path));
  }
  await symlink(installed, join(directory, 'node_modules/posthorn'));
}
