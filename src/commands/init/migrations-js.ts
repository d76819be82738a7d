import { loginSql } from './login-sql.ts';
import {
  indented,
  known,
  one,
  type Place,
  type PlannedMigration,
  plainSql,
  sqlPath,
  what,
} from './migration-file.ts';
import { mark } from './planned-file.ts';

/** The migrations of JavaScript stacks. */
export const jsMigrations = {
  prisma: ({ project, moment }) =>
    one(
      `${known(project, 'prisma/migrations', `${moment.stamp}_posthorn_producer`)}/migration.sql`,
      loginSql('--'),
      'npx prisma migrate deploy',
    ),
  drizzle: () => ({
    files: [{ path: sqlPath, what, text: loginSql('--') }],
    command: `npx drizzle-kit generate --custom --name=posthorn_producer && cat ${sqlPath} >> drizzle/*_posthorn_producer.sql && npx drizzle-kit migrate`,
  }),
  'mikro-orm': ({ project, moment }) => {
    const type = project.isTypeScript;
    const file = `Migration${moment.stamp}_posthorn_producer.${type ? 'ts' : 'js'}`;
    const path = known(project, 'migrations', file);
    const name = /([^/]+)\.[jt]s$/.exec(path)?.[1] ?? '';
    return one(
      path,
      `// ${mark}
import { Migration } from '@mikro-orm/migrations';

export class ${name} extends Migration {
  ${type ? 'override up(): void' : 'up()'} {
    this.addSql(\`${indented(6)}\`);
  }

  ${type ? 'override down(): void' : 'down()'} {}
}
`,
      'npx mikro-orm migration:up',
    );
  },
  typeorm: ({ project, moment }) => {
    const ending = project.isTypeScript ? 'ts' : 'mjs';
    const path = known(project, 'src/migrations', `${moment.unixMs}-PosthornProducer.${ending}`);
    const at = /(\d+)-/.exec(path)?.[1] ?? String(moment.unixMs);
    const type = project.isTypeScript ? ' implements MigrationInterface' : '';
    const runner = project.isTypeScript ? ': QueryRunner' : '';
    const nothing = project.isTypeScript ? ': Promise<void>' : '';
    return one(
      path,
      `// ${mark}
${project.isTypeScript ? "import type { MigrationInterface, QueryRunner } from 'typeorm';\n" : ''}
export class PosthornProducer${at}${type} {
  async up(queryRunner${runner})${nothing} {
    await queryRunner.query(\`${indented(6)}\`);
  }

  async down()${nothing} {}
}
`,
      project.isTypeScript
        ? 'npx typeorm-ts-node-commonjs migration:run -d src/data-source.ts'
        : 'npx typeorm migration:run -d src/data-source.js',
    );
  },
  sequelize: ({ project, moment }) =>
    one(
      known(project, 'migrations', `${moment.stamp}-posthorn-producer.cjs`),
      `// ${mark}
'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.query(\`${indented(6)}\`);
  },

  async down() {},
};
`,
      'npx sequelize-cli db:migrate',
    ),
  kysely: ({ project, moment }) => {
    // The command "kysely" comes with kysely-ctl. Without it, nothing here knows how the migrations are run.
    if (project.packages?.['kysely-ctl'] === undefined) return plainSql();
    const type = project.isTypeScript;
    return one(
      known(project, 'migrations', `${moment.stamp}_posthorn_producer.${type ? 'ts' : 'mjs'}`),
      `// ${mark}
import { ${type ? 'type Kysely, ' : ''}sql } from 'kysely';

export async function up(db${type ? ': Kysely<unknown>' : ''})${type ? ': Promise<void>' : ''} {
  await sql\`${indented(4)}\`.execute(db);
}

export async function down()${type ? ': Promise<void>' : ''} {}
`,
      'npx kysely migrate:latest',
    );
  },
  knex: ({ project, moment }) =>
    one(
      known(project, 'migrations', `${moment.stamp}_posthorn_producer.cjs`),
      `// ${mark}

exports.up = (knex) =>
  knex.schema.raw(\`${indented(4)}\`);

exports.down = async () => {};
`,
      'npx knex migrate:latest',
    ),
  pg: ofNode,
  'postgres-js': ofNode,
} as const satisfies Readonly<Record<string, (place: Place) => PlannedMigration>>;

function ofNode({ project, moment }: Place): PlannedMigration {
  if (project.packages?.['node-pg-migrate'] === undefined) return plainSql();
  const path = known(project, 'migrations', `${moment.unixMs}_posthorn-producer.sql`);
  const text = `-- Up Migration\n${loginSql('--')}\n-- Down Migration\n`;
  return one(path, text, 'npx node-pg-migrate up');
}
