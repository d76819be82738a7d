// Pure: no I/O, no clock, no randomness.

/** What `posthorn init` knows, by ecosystem. In one ecosystem, those that stand further up are looked for first. */
export const stackNames = [
  'prisma',
  'drizzle',
  'mikro-orm',
  'typeorm',
  'sequelize',
  'kysely',
  'knex',
  'postgres-js',
  'pg',
  'django',
  'sqlalchemy',
  'psycopg',
  'gorm',
  'pgx',
  'database-sql',
  'jpa',
  'jdbc',
  'activerecord',
  'laravel',
  'pdo',
  'sqlx',
  'sql',
] as const;

export type StackName = (typeof stackNames)[number];
