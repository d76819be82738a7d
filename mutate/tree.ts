import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What `npm ci` installs, which nothing mutates: the copy points to it. */
const installed = ['node_modules', 'bench/node_modules', 'mutate/node_modules'];

/** A copy of the working tree as it is now, without what git ignores, in which mutants live. It is gone after `dispose`. */
export class Tree implements AsyncDisposable {
  readonly path: string;
  /** Paths from its root. */
  readonly files: readonly string[];

  private constructor({ path, files }: { path: string; files: readonly string[] }) {
    this.path = path;
    this.files = files;
  }

  static async copy(root: string): Promise<Tree> {
    const files = await filesOf(root);
    const path = await mkdtemp(join(tmpdir(), 'posthorn-mutate-'));
    const tree = new Tree({ path, files });
    try {
      for (const folder of new Set(files.map((file) => dirname(file)))) {
        await mkdir(join(path, folder), { recursive: true });
      }
      for (const file of files) await copyFile(join(root, file), join(path, file));
      for (const folder of installed) {
        if (existsSync(join(root, folder))) await symlink(join(root, folder), join(path, folder));
      }
      return tree;
    } catch (error) {
      await tree[Symbol.asyncDispose]();
      throw error;
    }
  }

  read(file: string): Promise<string> {
    return readFile(join(this.path, file), 'utf8');
  }

  async write(file: string, text: string): Promise<void> {
    await writeFile(join(this.path, file), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was stopped a moment ago may still be writing.
    await rm(this.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/** All files that git has or would add. */
export async function filesOf(root: string): Promise<string[]> {
  const { stdout } = await run(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    {
      cwd: root,
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  return [...new Set(stdout.split('\0'))].filter(
    (file) => file !== '' && existsSync(join(root, file)),
  );
}
