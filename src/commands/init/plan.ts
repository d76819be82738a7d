import { envPath, planCompose, planEnv } from './compose.ts';
import { planMigration } from './migration.ts';
import type { Moment, PlannedFile } from './planned-file.ts';
import type { PlannedProducer } from './producer.ts';
import { goProducers } from './producers-go.ts';
import { jdbcProducer, jpaProducer } from './producers-java.ts';
import { jsProducers, planJsProducer } from './producers-js.ts';
import { moreProducers } from './producers-more.ts';
import { pythonProducers } from './producers-python.ts';
import type { Project } from './project.ts';
import type { StackName } from './stack-names.ts';

/** What `posthorn init` writes, and the commands that come next. */
export interface Plan {
  readonly files: readonly PlannedFile[];
  readonly next: readonly string[];
}

/** `key`: 32 random bytes in base64, for the settings. */
export function planFor(
  stack: StackName,
  {
    project,
    moment,
    key,
  }: { readonly project: Project; readonly moment: Moment; readonly key: string },
): Plan {
  const [, database] =
    /^\s*(?:export\s+)?DATABASE_URL\s*=\s*(\S.*)$/m.exec(project.read('.env') ?? '') ?? [];
  const hasDatabase = database !== undefined;
  const compose = planCompose({ version: moment.version, hasDatabase });
  const migration = planMigration(stack, { project, moment });
  const producer = planProducer(stack, project);
  const settings = [...(hasDatabase ? ['.env'] : []), envPath].map((file) => `. ./${file}`);
  return {
    files: [compose, planEnv({ key, hasDatabase }), ...migration.files, producer.file],
    next: [
      `set -a; ${settings.join('; ')}; set +a; docker compose -f ${compose.path} up -d${quoting(database)}`,
      migration.command,
      producer.command,
    ],
  };
}

/** The shell ends a value at an "&" that is not quoted, and leaves the variable empty. Other readers of a .env do not. */
function quoting(value: string | undefined): string {
  return value !== undefined && /^[^'"\s]*[&;|<>()`$]/.test(value)
    ? '   # first put DATABASE_URL in .env into single quotes: it has characters of the shell'
    : '';
}

function planProducer(stack: StackName, project: Project): PlannedProducer {
  const isMaven =
    project.read('pom.xml') !== undefined || project.read('build.gradle') === undefined;
  if (stack === 'jdbc') return jdbcProducer({ isMaven });
  if (stack === 'jpa') return jpaProducer({ isMaven, home: springHome(project) });
  if (Object.hasOwn(jsProducers, stack)) {
    return planJsProducer(stack as keyof typeof jsProducers, {
      packages: project.packages ?? {},
      isTypeScript: project.isTypeScript,
      prismaSchema: project.read('prisma/schema.prisma'),
    });
  }
  const others: Readonly<Partial<Record<StackName, () => PlannedProducer>>> = {
    ...goProducers,
    ...pythonProducers,
    ...moreProducers,
  };
  return (others[stack] ?? moreProducers.sql)();
}

/** Spring finds components in the package of the application's own class and below it. */
function springHome(project: Project): { package: string; folder: string } | undefined {
  let folders = ['src/main/java'];
  for (let depth = 0; depth < 8; depth += 1) {
    for (const folder of folders) {
      for (const name of project.list(folder).filter((one) => one.endsWith('.java'))) {
        const text = project.read(`${folder}/${name}`) ?? '';
        const [, found] = /^package\s+([\w.]+);/m.exec(text) ?? [];
        if (found !== undefined && text.includes('@SpringBootApplication'))
          return { package: found, folder };
      }
    }
    folders = folders.flatMap((folder) => project.list(folder).map((name) => `${folder}/${name}`));
  }
  return undefined;
}
