import { about, databaseUrl, hook, type PlannedProducer, program, yours } from './producer.ts';

export interface JsOptions {
  readonly packages: Readonly<Record<string, string>>;
  readonly isTypeScript: boolean;
  /** prisma/schema.prisma, if it is there. */
  readonly prismaSchema: string | undefined;
}

/** In the order of a program: what it imports, how it connects, the transaction, and the end. */
interface Parts {
  readonly imports: readonly string[];
  readonly connect: readonly string[];
  /** `enqueue` stands for the call, with the name of the transaction. */
  readonly transaction: (enqueue: (tx: string) => string) => string;
  readonly end: string;
}

const example = "{ url, body: { type: 'order.created', id: 42 } }";

/** By stack. */
export const jsProducers = {
  pg: () => ({
    imports: ["import pg from 'pg';"],
    connect: [
      'const client = new pg.Client({ connectionString: databaseUrl });',
      'await client.connect();',
    ],
    transaction: (enqueue) => `await client.query('begin');
  // ${yours}
  const id = ${enqueue('client')};
  await client.query('commit');`,
    end: 'client.end()',
  }),
  'postgres-js': () => ({
    imports: ["import postgres from 'postgres';"],
    connect: ['const sql = postgres(databaseUrl);'],
    transaction: inCallback('sql.begin'),
    end: 'sql.end()',
  }),
  knex: () => ({
    imports: ["import knex from 'knex';"],
    connect: ["const db = knex({ client: 'pg', connection: databaseUrl });"],
    transaction: inCallback('db.transaction'),
    end: 'db.destroy()',
  }),
  kysely: ({ isTypeScript }) => ({
    imports: ["import { Kysely, PostgresDialect } from 'kysely';", "import pg from 'pg';"],
    connect: [
      'const pool = new pg.Pool({ connectionString: databaseUrl });',
      `const db = new Kysely${isTypeScript ? '<unknown>' : ''}({ dialect: new PostgresDialect({ pool }) });`,
    ],
    transaction: inCallback('db.transaction().execute'),
    end: 'db.destroy()',
  }),
  drizzle: ({ packages }) =>
    packages['pg'] === undefined && packages['postgres'] !== undefined
      ? {
          imports: [
            "import { drizzle } from 'drizzle-orm/postgres-js';",
            "import postgres from 'postgres';",
          ],
          connect: ['const client = postgres(databaseUrl);', 'const db = drizzle({ client });'],
          transaction: inCallback('db.transaction'),
          end: 'client.end()',
        }
      : {
          imports: ["import { drizzle } from 'drizzle-orm/node-postgres';", "import pg from 'pg';"],
          connect: [
            'const client = new pg.Pool({ connectionString: databaseUrl });',
            'const db = drizzle({ client });',
          ],
          transaction: inCallback('db.transaction'),
          end: 'client.end()',
        },
  prisma: ({ packages, prismaSchema }) => {
    const client = `import { PrismaClient } from '${prismaClient(prismaSchema)}';`;
    const close = { transaction: inCallback('prisma.$transaction'), end: 'prisma.$disconnect()' };
    const asked = packages['@prisma/client'] ?? packages['prisma'] ?? '';
    const [, major = '7'] = /(\d+)/.exec(asked) ?? [];
    if (Number(major) < 7) {
      return { imports: [client], connect: ['const prisma = new PrismaClient();'], ...close };
    }
    return {
      imports: ["import { PrismaPg } from '@prisma/adapter-pg';", client],
      connect: [
        'const adapter = new PrismaPg({ connectionString: databaseUrl });',
        'const prisma = new PrismaClient({ adapter });',
      ],
      ...close,
    };
  },
  typeorm: () => ({
    imports: ["import { DataSource } from 'typeorm';"],
    connect: [
      "const dataSource = await new DataSource({ type: 'postgres', url: databaseUrl }).initialize();",
    ],
    transaction: inCallback('dataSource.transaction'),
    end: 'dataSource.destroy()',
  }),
  sequelize: () => ({
    imports: ["import { Sequelize } from 'sequelize';"],
    connect: ['const sequelize = new Sequelize(databaseUrl, { logging: false });'],
    transaction: inCallback('sequelize.transaction'),
    end: 'sequelize.close()',
  }),
  'mikro-orm': () => ({
    imports: ["import { MikroORM } from '@mikro-orm/postgresql';"],
    connect: [
      '// Your own configuration serves as well.',
      'const orm = await MikroORM.init({',
      '  clientUrl: databaseUrl,',
      '  entities: [],',
      '  discovery: { warnWhenNoEntities: false },',
      '});',
    ],
    transaction: inCallback('orm.em.fork().transactional'),
    end: 'orm.close()',
  }),
} as const satisfies Readonly<Record<string, (options: JsOptions) => Parts>>;

/** The program of a JavaScript stack. */
export function planJsProducer(
  stack: keyof typeof jsProducers,
  options: JsOptions,
): PlannedProducer {
  const path = `posthorn/first-webhook.${options.isTypeScript ? 'mts' : 'mjs'}`;
  const { imports, connect, transaction, end }: Parts = jsProducers[stack](options);
  const text = `// ${about}
${[...imports, "import { enqueue } from 'posthorn/producer';"].join('\n')}

const databaseUrl = process.env['DATABASE_URL'] ?? '${databaseUrl}';
const url = process.env['WEBHOOK_URL'] ?? '${hook}';

${connect.join('\n')}
try {
  ${transaction((tx) => `await enqueue(${tx}, ${example})`)}
  console.log(\`Webhook \${id} is on its way: npx posthorn show \${id}\`);
} finally {
  await ${end};
}
`;
  const missing = imports
    .map((line) => /from '((?:@[^/']+\/)?[^./'][^/']*)/.exec(line)?.[1])
    .filter((name) => name !== undefined && !Object.hasOwn(options.packages, name));
  const wanted = [...new Set(['posthorn', ...missing])].join(' ');
  return program(path, text, `npm install ${wanted} && node ${path}`);
}

/** A transaction that is a function's: `await begin(async (tx) => …)`. */
function inCallback(begin: string): Parts['transaction'] {
  return (enqueue) => `const id = await ${begin}(async (tx) => {
    // ${yours}
    return ${enqueue('tx')};
  });`;
}

/** Where Prisma's generator writes the client: its newer one into the application's own folders. */
function prismaClient(schema: string | undefined): string {
  const [, generator = ''] = /generator\s+\w+\s*\{([^}]*)\}/.exec(schema ?? '') ?? [];
  const [, output] = /^\s*output\s*=\s*"([^"]+)"/m.exec(generator) ?? [];
  if (output === undefined) return '@prisma/client';
  const isNew = /provider\s*=\s*"prisma-client"/.test(generator);
  // Both prisma/ and posthorn/ are in the application's folder, so a path from one is a path from the other.
  const from = output.startsWith('../') ? output : `../prisma/${output.replace(/^\.\//, '')}`;
  return isNew ? `${from}/client.ts` : from;
}
