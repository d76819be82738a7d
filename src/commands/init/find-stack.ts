import { UsageError } from '../command.ts';
import type { Project } from './project.ts';
import type { StackName } from './stack-names.ts';

/** A stack, and what showed that it is used here. */
export interface FoundStack {
  readonly name: StackName;
  /** Such as "package.json has knex". */
  readonly because: string;
}

/** How one ecosystem is recognised: in these files, by the first of these patterns that is found, or else by the file. */
interface Ecosystem {
  readonly files: readonly string[];
  readonly signs: readonly (readonly [StackName, RegExp])[];
  /** Undefined: nothing here sends webhooks. */
  readonly otherwise?: StackName;
}

const ecosystems: readonly Ecosystem[] = [
  {
    files: ['manage.py', 'pyproject.toml', 'requirements.txt', 'Pipfile', 'setup.cfg', 'setup.py'],
    signs: [
      ['django', /\bdjango\b/i],
      ['sqlalchemy', /\b(sqlalchemy|sqlmodel|alembic)\b/i],
    ],
    otherwise: 'psycopg',
  },
  {
    files: ['go.mod'],
    signs: [
      ['gorm', /\bgorm\.io\/gorm\b/],
      ['pgx', /\bjackc\/pgx\b/],
    ],
    otherwise: 'database-sql',
  },
  {
    files: ['pom.xml', 'build.gradle', 'build.gradle.kts'],
    signs: [['jpa', /spring-boot-starter-data-jpa/]],
    otherwise: 'jdbc',
  },
  { files: ['Gemfile'], signs: [['activerecord', /\b(rails|activerecord)\b/]] },
  { files: ['composer.json'], signs: [['laravel', /"laravel\/framework"/]], otherwise: 'pdo' },
  { files: ['Cargo.toml'], signs: [['sqlx', /\bsqlx\b/]] },
];

/** In the order in which they are looked for: an ORM before the driver that it uses. */
const npmPackages: readonly (readonly [StackName, RegExp])[] = [
  ['prisma', /^(@prisma\/client|prisma)$/],
  ['drizzle', /^drizzle-orm$/],
  ['mikro-orm', /^@mikro-orm\/(core|postgresql)$/],
  ['typeorm', /^typeorm$/],
  ['sequelize', /^sequelize$/],
  ['kysely', /^kysely$/],
  ['knex', /^knex$/],
  ['postgres-js', /^postgres$/],
  ['pg', /^pg$/],
];

/**
 * Finds the stack of a folder. A package.json without a library for Postgres is left out: it may be that of a front end.
 *
 * @throws when there are several.
 */
export function findStack(project: Project): FoundStack {
  const found = [ofPackages(project), ...ecosystems.map((one) => ofEcosystem(project, one))].filter(
    (one) => one !== undefined,
  );
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  if (first !== undefined) {
    const listed = found.map(({ name, because }) => `${name} (${because})`).join(', ');
    throw new UsageError(`Several stacks are used here: ${listed}. Choose one with --stack`);
  }
  if (project.packages !== undefined) {
    return { name: 'pg', because: 'package.json has no library for Postgres that is known' };
  }
  return { name: 'sql', because: 'nothing that is known is here; --stack chooses' };
}

function ofPackages({ packages }: Project): FoundStack | undefined {
  for (const [name, pattern] of npmPackages) {
    const found = Object.keys(packages ?? {}).find((one) => pattern.test(one));
    if (found !== undefined) return { name, because: `package.json has ${found}` };
  }
  return undefined;
}

function ofEcosystem(
  project: Project,
  { files, signs, otherwise }: Ecosystem,
): FoundStack | undefined {
  const texts = files.flatMap((file) => {
    const text = project.read(file);
    return text === undefined ? [] : [{ file, text }];
  });
  for (const [name, pattern] of signs) {
    const found = texts.find(({ text }) => pattern.test(text));
    if (found !== undefined) return { name, because: `${found.file} has ${name}` };
  }
  const [first] = texts;
  if (first === undefined || otherwise === undefined) return undefined;
  return { name: otherwise, because: `${first.file} is here` };
}
