import { execFileSync } from 'node:child_process';

/** Servers are where the PATH of somebody who is not root need not lead. */
export const programsEnv = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };

/** How a line begins that says why tests are skipped. The reporter of skipped tests collects these lines. */
export const skipMark = 'Tests are skipped: ';

/**
 * Whether tests can run that need more than npm brings, for `skipIf`; says why when they cannot. Every test that may be skipped asks
 * here, so that no run leaves out tests without a word.
 */
export function canTest(isPossible: boolean, why: string): boolean {
  if (!isPossible) console.warn(skipMark + why);
  return isPossible;
}

/** Whether this machine has a program; says which tests are skipped when it has not. */
export function canRun(
  command: string,
  {
    why,
    args = ['--version'],
    debian = command,
    isInDebian = true,
  }: {
    /** The tests that need it. */
    readonly why: string;
    /** What it is asked, if not for its version; it must succeed. */
    readonly args?: readonly string[];
    /** The package that has it. */
    readonly debian?: string;
    /** Whether a package has it. If not, CONTRIBUTING.md says where it is from. */
    readonly isInDebian?: boolean;
  },
): boolean {
  let isHere = true;
  try {
    execFileSync(command, args, { stdio: 'ignore', env: programsEnv });
  } catch {
    isHere = false;
  }
  const line = args.includes('--version') ? command : [command, ...args].join(' ');
  const source = isInDebian ? `Debian has it in ${debian}.` : `See CONTRIBUTING.md for ${command}.`;
  return canTest(isHere, `${why} cannot run "${line}". ${source}`);
}

export const canRunPsql = (why: string) => canRun('psql', { why, debian: 'postgresql-client' });
