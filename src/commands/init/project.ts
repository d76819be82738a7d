import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../command.ts';

/** The folder of an application, as far as `posthorn init` looks at it. */
export interface Project {
  readonly folder: string;
  /** The text of a file; undefined: it is not there. */
  read(path: string): string | undefined;
  /** The names in a folder; none if it is not there. */
  list(path: string): readonly string[];
  /** The versions of the packages that package.json asks for; undefined: there is no package.json. */
  readonly packages: Readonly<Record<string, string>> | undefined;
  readonly isTypeScript: boolean;
}

/** Larger files are no manifests. */
const maxBytes = 5_000_000;

/** @throws when there is no such folder, or its package.json is not JSON. */
export function openProject(folder: string): Project {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`--dir must be a folder: "${folder}" is not`);
  }
  const read = (path: string) => {
    const file = join(folder, path);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() !== true || found.size > maxBytes) return undefined;
    return readFileSync(file, 'utf8');
  };
  const list = (path: string) => {
    const found = statSync(join(folder, path), { throwIfNoEntry: false });
    return found?.isDirectory() === true ? readdirSync(join(folder, path)).toSorted() : [];
  };
  const manifest = read('package.json');
  return {
    ...{ folder, read, list },
    packages: manifest === undefined ? undefined : packagesIn(manifest),
    isTypeScript: list('.').includes('tsconfig.json'),
  };
}

function packagesIn(manifest: string): Record<string, string> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(manifest);
  } catch (cause) {
    throw new UsageError('package.json must be JSON: it is not', { cause });
  }
  const fields = typeof parsed === 'object' && parsed !== null ? parsed : {};
  const packages: Record<string, string> = {};
  for (const field of ['dependencies', 'devDependencies']) {
    const listed: unknown = Reflect.get(fields, field);
    for (const [name, version] of Object.entries(listed ?? {})) packages[name] = String(version);
  }
  return packages;
}
