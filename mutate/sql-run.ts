import pg from 'pg';
import { databaseUrlFor } from '../harness/database-url.ts';
import { parseStatement } from '../src/db/sql-file.ts';
import type { Definition } from './definitions.ts';
import { definitionsIn } from './find-sql.ts';
import { engineTests, groundOf, sqlGrounds, testsUnder } from './grounds.ts';
import { applied, type Mutant, type Result } from './mutant.ts';
import type { Ran, TestRunner } from './test-runner.ts';
import type { Tree } from './tree.ts';

/** How a mutant is put where the tests run, and taken away. */
interface Change {
  /** What Postgres says against it. */
  invalid(): Promise<string | undefined>;
  make(): Promise<void>;
  undo(): Promise<void>;
}

/** Runs mutants of SQL: those of a statement in its file, those of a definition in the template database. */
export class SqlRun {
  readonly #tree: Tree;
  readonly #runner: TestRunner;
  readonly #serverUrl: string;
  readonly #isNear: boolean;
  readonly #definitions: readonly Definition[];
  readonly #texts: ReadonlyMap<string, string>;
  readonly #onPhase: (phase: string) => void;

  private constructor(options: {
    tree: Tree;
    runner: TestRunner;
    serverUrl: string;
    isNear: boolean;
    onPhase: (phase: string) => void;
    texts: ReadonlyMap<string, string>;
  }) {
    this.#tree = options.tree;
    this.#runner = options.runner;
    this.#serverUrl = options.serverUrl;
    this.#isNear = options.isNear;
    this.#onPhase = options.onPhase;
    this.#texts = options.texts;
    this.#definitions = definitionsIn([...options.texts].map(([file, text]) => ({ file, text })));
  }

  static async open(options: {
    tree: Tree;
    runner: TestRunner;
    serverUrl: string;
    /** Only the tests that belong to the mutant, not those of the engine. */
    isNear: boolean;
    onPhase: (phase: string) => void;
  }): Promise<SqlRun> {
    const texts = new Map<string, string>();
    for (const file of options.tree.files) {
      if (/\.sql$|^test\/.*\.test\.ts$/.test(file)) texts.set(file, await options.tree.read(file));
    }
    return new SqlRun({ ...options, texts });
  }

  async run(mutant: Mutant): Promise<Result> {
    const startedAt = Date.now();
    const tests = this.#testsFor(mutant);
    const result = async (status: Result['status'], detail: string): Promise<Result> => ({
      mutant,
      status,
      detail,
      ms: Date.now() - startedAt,
    });
    if (tests.length === 0) return result('no coverage', '');
    const text = this.#texts.get(mutant.file) ?? '';
    const definition = this.#definitionOf(mutant);
    const change =
      definition === undefined
        ? this.#changeOfFile(text, mutant)
        : this.#changeOfTemplate(text, { definition, mutant });
    const invalid = await change.invalid();
    if (invalid !== undefined) return result('invalid', invalid);
    const ran: string[] = [];
    for (const file of tests) {
      // Before the change: what fails by itself notices nothing.
      const usual = await this.#usual(file);
      if (usual.failed !== null) continue;
      await change.make();
      try {
        const { failed, isTimeout } = await this.#runner.run(file);
        if (failed !== null) return result(isTimeout ? 'timeout' : 'killed', failed);
      } finally {
        await change.undo();
      }
      ran.push(file);
    }
    return ran.length > 0 ? result('survived', ran.join(' ')) : result('no coverage', '');
  }

  async #usual(file: string): Promise<Ran> {
    const isNew = !this.#runner.knows(file);
    const usual = await this.#runner.usual(file);
    if (isNew) {
      const how = usual.failed === null ? '' : `, is left out because it fails: ${usual.failed}`;
      this.#onPhase(`${file} takes ${(usual.ms / 1000).toFixed(1)} s without a mutant${how}`);
    }
    return usual;
  }

  #changeOfFile(text: string, mutant: Mutant): Change {
    return {
      invalid: () => this.#tryStatement(text, mutant),
      make: () => this.#tree.write(mutant.file, applied(text, mutant)),
      undo: () => this.#tree.write(mutant.file, text),
    };
  }

  #changeOfTemplate(
    text: string,
    { definition, mutant }: { definition: Definition; mutant: Mutant },
  ): Change {
    const statement = definition.replacing(text.slice(definition.start, definition.end));
    const mutated = shifted(text, { definition, mutant });
    const undo = async () => {
      // After a timeout the next process has another template.
      if (!this.#runner.isRunning) return;
      const refused = await this.#define(statement);
      if (refused !== undefined)
        throw new Error(`Cannot define ${definition.name} again: ${refused}`);
    };
    return {
      invalid: async () => {
        const refused = await this.#define(mutated);
        if (refused === undefined) await undo();
        return refused;
      },
      make: async () => {
        await this.#define(mutated);
      },
      undo,
    };
  }

  /**
   * Those of test/sql that name it first, because they are about the SQL and run no engine. Then those that name a statement, or those
   * of the ground of a definition, whose name is often a common word; then the others, and last those of the engine. The first that
   * fails is enough, so quick ones run before slow ones.
   */
  #testsFor(mutant: Mutant): string[] {
    const testFiles = this.#tree.files.filter((file) => file.endsWith('.test.ts'));
    const name = mutant.definition ?? mutant.file;
    const isStatement = mutant.definition === undefined;
    const bare = /([\w-]+)(?:\.sql|\(| on |$)/.exec(name)?.[1] ?? name;
    const pattern = new RegExp(isStatement ? `'(?:sql/)?${bare}(?:\\.sql)?'` : `\\b${bare}\\b`);
    const naming = testsUnder(
      testFiles.filter((file) => pattern.test(this.#texts.get(file) ?? '')),
      testFiles,
    );
    const ofGround = testsUnder(groundOf(name, sqlGrounds)?.tests ?? [], testFiles);
    const aboutSql = naming.filter((file) => file.startsWith('test/sql/'));
    const others = isStatement ? [naming, ofGround] : [ofGround, naming];
    const byNearness = [aboutSql, ...others].map((tests) =>
      tests.toSorted((a, b) => this.#runner.usualMs(a) - this.#runner.usualMs(b)),
    );
    const nearest = byNearness.find((tests) => tests.length > 0);
    if (this.#isNear && nearest !== undefined) return nearest;
    return [...new Set([...byNearness.flat(), ...testsUnder(engineTests, testFiles)])];
  }

  #definitionOf({ file, definition, start }: Mutant): Definition | undefined {
    if (definition === undefined) return undefined;
    return this.#definitions.find(
      (one) => one.file === file && one.start <= start && start <= one.end,
    );
  }

  /** What Postgres says against a statement; undefined when it can be prepared and takes the same parameters. */
  async #tryStatement(text: string, mutant: Mutant): Promise<string | undefined> {
    const changed = applied(text, mutant);
    if (parametersOf(changed) !== parametersOf(text)) return 'a parameter is no longer used';
    return this.#inTemplate((client) =>
      client.query(`prepare mutant as ${parseStatement(changed).text}`),
    );
  }

  /** Puts a definition in the place of the one in the template; what was granted and set for it since stays. */
  #define(statement: string): Promise<string | undefined> {
    return this.#inTemplate(async (client) => {
      await client.query(`begin`);
      await client.query(
        `create temp table before on commit drop as
           select oid, prosecdef, proconfig from pg_proc where pronamespace = 'posthorn'::regnamespace`,
      );
      await client.query(statement);
      await client.query(
        `update pg_proc as p set prosecdef = b.prosecdef, proconfig = b.proconfig from before as b where b.oid = p.oid`,
      );
      await client.query(`commit`);
    });
  }

  async #inTemplate(work: (client: pg.Client) => Promise<unknown>): Promise<string | undefined> {
    const database = await this.#runner.template();
    const client = new pg.Client({ connectionString: databaseUrlFor(this.#serverUrl, database) });
    await client.connect();
    try {
      await work(client);
      return undefined;
    } catch (error) {
      if (error instanceof pg.DatabaseError) return error.message;
      throw error;
    } finally {
      await client.end();
    }
  }
}

/** The definition with the mutant in it. */
function shifted(
  text: string,
  { definition, mutant }: { definition: Definition; mutant: Mutant },
): string {
  const statement = text.slice(definition.start, definition.end);
  const [start, end] = [mutant.start - definition.start, mutant.end - definition.start];
  return definition.replacing(applied(statement, { ...mutant, start, end }));
}

/** Postgres takes a statement with fewer parameters, but no longer the values that it is given. */
function parametersOf(statement: string): string {
  return parseStatement(statement).parameters.toSorted().join(' ');
}
