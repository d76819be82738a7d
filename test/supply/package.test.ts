import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stagesOf } from '../../.ci/dockerfile.ts';
import { spawnPosthorn } from '../../harness/process.ts';
import { version } from '../../src/version.ts';
import { openPage, startBrowser } from '../support/browser.ts';
import { createTestDatabase } from '../support/database.ts';

// The package as npm makes it from what the image's build is given, with what it depends on and nothing else of this
// directory. The image is this package and its dependencies, so that what holds here holds there.

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  exports: Record<string, unknown>;
};
/** What a program can import of the package without its server, such as "posthorn/producer". */
const subpaths = Object.keys(manifest.exports)
  .filter((name) => name !== '.')
  .map((name) => `posthorn${name.slice(1)}`);
const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
  packages: Record<
    string,
    { integrity?: string; resolved?: string; dev?: boolean; devOptional?: boolean; link?: boolean }
  >;
};
let directory: string;
let installed: string;
let files: string[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'posthorn-package-'));
  const context = await copyBuildContext();
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', directory], {
    cwd: context,
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
});

afterAll(() => rm(directory, { recursive: true }));

describe('the packed package', () => {
  test('has what is read at run time', () => {
    const needed = ['sql', 'migrations'].flatMap((folder) =>
      readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
        // The dump of the schema is for those who read the repository.
        .filter((name) => name.endsWith('.sql') && name !== 'schema.sql')
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
    // As browsers load it, without what checks its types.
    expect(files.filter((file) => /^dashboard\/.*(?<!\.(?:html|js|css|svg))$/.test(file))).toEqual(
      [],
    );
    expect(files.filter((file) => /\.(png|svg)$/.test(file))).toEqual(['dashboard/icon.svg']);
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

  test('starts with a database, migrates it, serves its pages and stops', async () => {
    const database = await createTestDatabase();
    try {
      const env = { DATABASE_URL: database.url, PORT: '0' };
      await using posthorn = spawnPosthorn('start', env, join(installed, 'dist/cli.js'));
      await posthorn.line(/Worker ready/);
      const listening = await posthorn.line(/http:\/\/127\.0\.0\.1:\d+/);
      const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(listening)?.[0] ?? '';
      for (const path of ['/', '/docs', '/openapi.json', '/dashboard/app.js', '/healthz']) {
        expect([path, (await fetch(origin + path)).status]).toEqual([path, 200]);
      }
      await opensInBrowser(origin);
      expect(await posthorn.end('SIGTERM')).toBe(0);
    } finally {
      await database.drop();
    }
  });
});

describe('what the package has apart from its root', () => {
  test.each(subpaths)('%s is the same for import and for require', async (name) => {
    const load = async (type: string, all: string) => {
      const code = `${all}; console.log(Object.keys(all).toSorted().join());`;
      const args = [`--input-type=${type}`, '--eval', code];
      return (await run(process.execPath, args, { cwd: directory })).stdout.trim();
    };
    const imported = await load('module', `import * as all from '${name}'`);
    const required = await load('commonjs', `const all = require('${name}')`);
    expect(imported).toMatch(/^\w+(,\w+)*$/);
    expect(required).toBe(imported);
  });

  test.each(subpaths)('%s needs no other package', (name) => {
    const folder = name.slice('posthorn/'.length);
    const own = files.filter((file) => /^dist\/(?:cjs\/)?(\w+)\/.*js$/.exec(file)?.[1] === folder);
    expect(own.length).toBeGreaterThan(1);
    for (const file of own) {
      const code = readFileSync(join(installed, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
      const imported = code.matchAll(
        /(?:^(?:import|export)\b[^'";]*\bfrom |^import |\b(?:require|import)\()['"]([^'"]+)/gm,
      );
      const paths = [...imported].map(([, path]) => path);
      expect(paths.filter((path) => !/^\.\/|^\.\.\/transaction\//.test(path ?? ''))).toEqual([]);
    }
  });

  test('has types for programs of both kinds, in the strictest TypeScript', async () => {
    const program = [
      ...subpaths.map((name, at) => `export * as all${at} from '${name}';`),
      `import { enqueue, enqueueMany, publish, RefusedError, type Transaction } from 'posthorn/producer';`,
      `declare module 'posthorn/producer' { interface EventTypes { 'order.paid': { order: number } } }`,
      `declare const tx: Transaction;`,
      `export const webhook: Promise<string> = enqueue(tx, { url: 'https://a.example/', body: {} });`,
      `export const ids: Promise<string[]> = enqueueMany(tx, [{ endpointId: 'x', body: 'y' }]);`,
      `export const event = publish(tx, { eventType: 'order.paid', body: { order: 1 } });`,
      `export const rule = (error: RefusedError): string | undefined => error.constraint;`,
      ...[
        `enqueue(tx, { url: 'https://a.example/' });`,
        `enqueue({ run() {} }, { url: 'https://a.example/', body: {} });`,
        `publish(tx, { eventType: 'order.paid', body: { order: '1' } });`,
        `publish(tx, { eventType: 'order.payed', body: { order: 1 } });`,
      ].map((line) => `// @ts-expect-error\n${line}`),
    ].join('\n');
    for (const type of ['module', 'commonjs']) {
      await mkdir(join(directory, type));
      await writeFile(join(directory, type, 'package.json'), JSON.stringify({ type }));
      await writeFile(join(directory, type, 'program.ts'), program);
    }
    const compilerOptions = {
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      ...{ module: 'nodenext', target: 'es2022', types: [], noEmit: true, skipLibCheck: false },
    };
    const config = { compilerOptions, include: ['*/program.ts'] };
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config));
    const said = await run(join(root, 'node_modules/.bin/tsc'), ['-p', directory]).catch(
      (error: { stdout: string }) => error,
    );
    expect(said.stdout).toBe('');
  });
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
      const { dev, devOptional } = lock.packages[`node_modules/${name}`] ?? {};
      if (dev === true || devOptional === true) expect(listed.has(name), name).toBe(false);
    }
    // Nor do those that only they need.
    expect([...listed.keys()].filter((name) => name.startsWith('@typescript/'))).toEqual([]);
  });
});

test('the image holds the package, its dependencies and nothing else, and does not run as root', () => {
  const stages = stagesOf(readFileSync(`${root}Dockerfile`, 'utf8'));
  expect(stages).toHaveLength(2);
  const [build, image] = stages.map(({ instructions }) =>
    instructions.map(({ name, text }) => `${name} ${text}`),
  );
  // From the tarball, with the versions of the lockfile.
  expect(build).toContainEqual(
    expect.stringMatching(/^RUN npm pack .*tar -xzf \S+\.tgz -C \/app --strip-components=1/),
  );
  const unpacked = build?.indexOf('WORKDIR /app') ?? -1;
  expect(build?.[unpacked + 1]).toMatch(/^RUN npm ci --omit=dev /);
  // Nothing runs in the last stage, so that it can be made for another processor.
  expect(image?.filter((line) => /^(COPY|ADD|RUN|USER|ENTRYPOINT)/.test(line))).toEqual([
    'COPY --from=build /app ./',
    'USER 1000:1000',
    'ENTRYPOINT ["posthorn"]',
  ]);
  expect(build?.join('\n').match(/^ADD |curl|wget/m)).toBeNull();
});

/** What `COPY . .` gives the image's build, in a directory of its own, and the dependencies as `npm ci` installs them. */
async function copyBuildContext(): Promise<string> {
  const context = join(directory, 'context');
  const allowed = readFileSync(`${root}.dockerignore`, 'utf8')
    .split('\n')
    .flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
  for (const path of allowed) await cp(root + path, join(context, path), { recursive: true });
  await symlink(`${root}node_modules`, join(context, 'node_modules'));
  return context;
}

/** Where there is a browser: the dashboard shows itself, and nothing that it asks for is missing. */
async function opensInBrowser(origin: string): Promise<void> {
  const browser = await startBrowser();
  if (typeof browser === 'string') return;
  try {
    await using watched = await openPage(browser, { origin, colours: 'light', width: 1280 });
    await watched.page.goto(origin);
    await watched.page.getByText('Ready: nothing has been sent yet').first().waitFor();
    expect(watched.troubles).toEqual([]);
  } finally {
    await browser.close();
  }
}

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
