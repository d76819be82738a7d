import type { TestCase, TestModule } from 'vitest/node';
import { createVitest } from 'vitest/node';

/*
 * A child of `npm run mutate`: keeps a vitest open in its working directory and runs the test files that it is asked for, up to the
 * first failure. Its Postgres and its template database last as long as it does.
 */

export type Asked = { readonly file: string };
export type Answered = {
  readonly file: string;
  readonly ms: number;
  readonly failed: string | null;
};

const vitest = await createVitest('test', {
  root: process.cwd(),
  watch: false,
  bail: 1,
  maxWorkers: 1,
  reporters: [{}],
  onConsoleLog: () => false,
});

process.on('message', ({ file }: Asked) => {
  run(file).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', close);

async function run(file: string): Promise<Answered> {
  const startedAt = Date.now();
  const specifications = [vitest.getRootProject().createSpecification(`${process.cwd()}/${file}`)];
  // It keeps the results of all files that it ever ran, and gives them with those of this one.
  vitest.state.filesMap.clear();
  vitest.state.idMap.clear();
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  const failed = testModules.map(failureOf).find((failure) => failure !== null) ?? null;
  const stray = unhandledErrors.length > 0 ? `${file}: ${String(unhandledErrors[0])}` : null;
  return { file, ms: Date.now() - startedAt, failed: failed ?? stray };
}

function failureOf(module: TestModule): string | null {
  if (module.ok()) return null;
  const first = (module.children.allTests('failed') as Iterable<TestCase>)
    [Symbol.iterator]()
    .next();
  if (first.done !== true) return `${module.relativeModuleId} > ${first.value.fullName}`;
  const message = module.errors()[0]?.message ?? 'a hook failed';
  return `${module.relativeModuleId}: ${message.split('\n')[0]}`;
}

function close(): void {
  vitest.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
}
