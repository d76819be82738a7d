import { execFile } from 'node:child_process';
import { lchown, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

interface Account {
  readonly uid: number;
  readonly gid: number;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Options for child_process: directory, environment and user. */
  readonly options: { cwd: string; env?: NodeJS.ProcessEnv; uid?: number; gid?: number };
}

/** How Postgres programs are run here. */
export interface Launcher {
  /** The owner that Postgres' files must have; undefined: the current user. */
  readonly account: Account | undefined;
  command(program: string, args: readonly string[]): Command;
}

const plain: Launcher = {
  account: undefined,
  command: (program, args) => ({ program, args, options: surroundings() }),
};

/**
 * Decides under which account Postgres runs. It refuses uid 0, so root runs it as the owner of `directory`. If that is
 * root, `postgres` or `nobody` becomes the owner.
 *
 * @param place.directory an existing directory of ours that Postgres will use.
 * @throws when root finds no way to let that account reach the program and the directory.
 */
export async function chooseLauncher(place: {
  directory: string;
  postgres: string;
}): Promise<Launcher> {
  if (process.getuid?.() !== 0) return plain;
  const account = await takeOver(place.directory);
  for (const launcher of [asAccount(account), asAccountWithOverride(account)]) {
    if (await reaches(launcher, place)) return launcher;
  }
  throw new Error(
    `Cannot start the embedded Postgres: it must not run as root, and uid ${account.uid} ` +
      `cannot access its files ${place.directory} and ${place.postgres}; ` +
      'move both out of a private directory, run as another user, install setpriv (util-linux), ' +
      'or set DATABASE_URL',
  );
}

/** The walk is needed because a copy made by root (cp -r, a restored backup) belongs to root throughout. */
async function takeOver(directory: string): Promise<Account> {
  const owner = await stat(directory);
  if (owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const account = await systemAccount();
  await lchown(directory, account.uid, account.gid);
  for (const entry of await readdir(directory, { recursive: true })) {
    await lchown(join(directory, entry), account.uid, account.gid);
  }
  return account;
}

async function systemAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  return { uid: 65_534, gid: 65_534 }; // nobody, in an image without /etc/passwd
}

function asAccount(account: Account): Launcher {
  return {
    account,
    command: (program, args) => ({ program, args, options: { ...surroundings(), ...account } }),
  };
}

/**
 * Runs Postgres with files below a directory that only root may enter, such as /root: under a uid other than 0, which
 * Postgres requires, that keeps root's right to bypass file modes. Without no_setuid_fixup the kernel ignores that
 * right in access(2), with which Postgres checks its own program.
 */
function asAccountWithOverride(account: Account): Launcher {
  const privileges = [
    `--reuid=${account.uid}`,
    `--regid=${account.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    '--securebits=+no_setuid_fixup',
  ];
  return {
    account,
    command: (program, args) => ({
      program: 'setpriv',
      args: [...privileges, program, ...args],
      options: surroundings(),
    }),
  };
}

/**
 * Tests the access by trying it, because modes, ACLs, mount options and missing capabilities cannot all be foreseen.
 */
async function reaches(launcher: Launcher, place: { directory: string; postgres: string }) {
  const script = 'cd "$1" && exec "$0" --version';
  const { program, args, options } = launcher.command('/bin/sh', [
    '-c',
    script,
    place.postgres,
    place.directory,
  ]);
  try {
    // Inside the try: some failures to change the uid are thrown, not reported.
    await run(program, args, options);
    return true;
  } catch {
    return false;
  }
}

/**
 * A minimal environment: PGOPTIONS and similar variables would change the server, and it does not need our secrets.
 * LC_ALL=C keeps messages readable to us, and prevents macOS from starting an extra thread. Windows programs need much
 * of their environment, so they inherit it.
 */
function surroundings(): Command['options'] {
  if (process.platform === 'win32') return { cwd: process.cwd() };
  return { cwd: '/', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } };
}
