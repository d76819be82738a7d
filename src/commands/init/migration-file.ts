import { joinSql, loginSql } from './login-sql.ts';
import type { Moment, PlannedFile } from './planned-file.ts';
import type { Project } from './project.ts';

/** A migration in the form of a tool, and the command that runs it. */
export interface PlannedMigration {
  readonly files: readonly PlannedFile[];
  readonly command: string;
}

/** Where and when a migration is made. */
export interface Place {
  readonly project: Project;
  readonly moment: Moment;
}

export const what = 'lets the login that runs it send webhooks';

/** Of a stack without a tool for migrations, or whose tool wants to make the file itself. */
export const sqlPath = 'posthorn/producer-login.sql';

export function plainSql(): PlannedMigration {
  return one(sqlPath, loginSql('--'), `psql "$DATABASE_URL" -f ${sqlPath}`);
}

export function one(path: string, text: string, command: string): PlannedMigration {
  return { files: [{ path, what, text }], command };
}

/** The migration that an earlier `posthorn init` has made in this folder, or a new one: a number must not make a second. */
export function known(project: Project, folder: string, name: string): string {
  const earlier = project
    .list(folder)
    .find((one) => /posthorn[-_]?producer(\.(?!down)|$)/i.test(one));
  return `${folder}/${earlier ?? name}`;
}

/** The SQL in a string of several lines. */
export function indented(spaces: number): string {
  return `\n${joinSql(spaces)}\n${' '.repeat(spaces - 2)}`;
}
