import { execFileSync } from 'node:child_process';

/** Servers are where the PATH of somebody who is not root need not lead. */
export const programsEnv = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };

/** Whether this machine has a program; says which tests are skipped when it has not. */
export function canRun(command: string, { why }: { readonly why: string }): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore', env: programsEnv });
    return true;
  } catch {
    console.warn(`No ${command} on the PATH: ${why} are skipped. Debian has it as ${command}.`);
    return false;
  }
}
