import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { checks, columns } from './judge.ts';

/** The folder of all examples. */
export const home = fileURLToPath(new URL('..', import.meta.url));

const command = z.array(z.string()).min(1);

/** What an example.json says. examples/README.md explains the fields. */
const Description = z.object({
  title: z.string().min(1),
  tools: z.array(z.string()).min(1),
  install: z.array(command),
  run: command,
  checks: z.array(z.enum(checks)).default([]),
  pgbouncer: z.boolean().default(false),
  receiver: z.boolean().default(false),
  slow: z.boolean().default(false),
  notes: z.partialRecord(z.enum(columns), z.string()).default({}),
});

/** An example: a folder with an example.json. */
export interface Example extends Readonly<z.infer<typeof Description>> {
  /** The path of its folder below examples/, with slashes, such as "drizzle" or "python/django". */
  readonly name: string;
  readonly folder: string;
}

/** All examples, by name. */
export function findExamples(): Example[] {
  return filesNamed('example.json', home)
    .map((file) => readExample(file))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Those with one of these names, or in a folder with one of them. */
export function chosen(examples: readonly Example[], names: readonly string[]): Example[] {
  const isNamed = (name: string) => (example: Example) =>
    example.name === name || example.name.startsWith(`${name}/`);
  for (const name of names) {
    if (examples.some(isNamed(name))) continue;
    const known = examples.map((example) => example.name).join(', ');
    throw new TypeError(`--only must name an example: "${name}" is none of ${known}`);
  }
  return examples.filter((example) => names.some((name) => isNamed(name)(example)));
}

/** The first of its tools that this machine does not have. */
export function missingTool({ tools }: Example): string | undefined {
  return tools.find((tool) => !isOnPath(tool));
}

/** Whether a command is on the PATH, or where servers are for somebody who is not root. */
export function isOnPath(tool: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The nearest folder upwards, within examples/, that has the npm packages of an example; undefined: it needs none. */
export function packagesOf({ folder, tools }: Example): string | undefined {
  if (!tools.includes('node')) return undefined;
  for (let at = folder; `${at}${sep}`.startsWith(home); at = dirname(at)) {
    if (readdirSync(at).includes('package-lock.json')) return at;
  }
  return undefined;
}

function readExample(file: string): Example {
  const folder = dirname(file);
  const name = relative(home, folder).split(sep).join('/');
  const parsed = Description.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (parsed.success) return { ...parsed.data, name, folder };
  throw new Error(`examples/${name}/example.json is wrong: ${z.prettifyError(parsed.error)}`);
}

/** Does not look into what is installed, built or generated. */
function filesNamed(name: string, folder: string): string[] {
  const ignored = ['node_modules', 'target', 'vendor', 'generated'];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return entry.name === name ? [path] : [];
    if (!entry.isDirectory() || entry.name.startsWith('.') || ignored.includes(entry.name))
      return [];
    return filesNamed(name, path);
  });
}
