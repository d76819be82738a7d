import type { Context } from 'hono';
import { sql } from 'slonik';
import type { AppParts } from '../../fuzz/stage.ts';
import { answerProblem } from '../../src/api/answer-problem.ts';
import type { ApiEnv } from '../../src/api/api-env.ts';
import { createBase, methodNotAllowed } from '../../src/api/base.ts';
import { readRequestText } from '../../src/api/request-text.ts';
import { readId } from '../../src/api/route-input.ts';
import { readJsonObject } from '../../src/domain/json-text.ts';
import { notAnObject } from '../../src/input/problem.ts';

/** What may be wrong with the app, one at a time. */
export type Defect =
  | 'none'
  | 'fails on NUL'
  | 'writes, then refuses'
  | 'writes when it is looked at'
  | 'refuses in plain text'
  | 'shows the secret'
  | 'logs an error'
  | 'logs the secret'
  | 'answers what is not documented'
  | 'answers another shape'
  | 'never answers';

/** An API of two routes. */
export const notesDocument = {
  openapi: '3.1.0',
  paths: {
    '/notes': {
      post: {
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: { $ref: '#/components/schemas/Note' },
              examples: { small: { value: { title: 'A note', secret: 'x' } } },
            },
          },
        },
        responses: {
          201: {
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Made' } } },
          },
          ...problems(400, 403, 405, 413, 415, 431),
        },
      },
    },
    '/notes/{id}': {
      get: {
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } },
          { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 9 } },
        ],
        responses: { 200: {}, ...problems(400, 403, 404, 405, 431) },
      },
    },
  },
  components: {
    schemas: {
      Note: {
        type: 'object',
        required: ['title'],
        properties: {
          title: { type: 'string', minLength: 1, maxLength: 50 },
          size: { type: 'integer', minimum: 1, maximum: 10 },
          secret: { type: 'string' },
          within: { $ref: '#/components/schemas/Note' },
        },
      },
      Made: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
    },
  },
} as const;

function problems(...statuses: readonly number[]): Record<number, object> {
  return Object.fromEntries(statuses.map((status) => [status, {}]));
}

/** An app as the document has it, but for the defect. */
export function notesApp(defect: Defect): (parts: AppParts) => ReturnType<typeof createBase> {
  return ({ pool, log }) => {
    const write = () =>
      pool.query(sql.unsafe`insert into posthorn.endpoints (url) values ('https://example.com/')`);
    const app = createBase(log);
    app.post('/notes', async (c) => {
      const read = await readRequestText(c, 65_536);
      if ('problem' in read) return answerProblem(c, read.problem);
      if (defect === 'fails on NUL' && read.text.includes('\\u0000')) throw new Error('NUL');
      const object = readJsonObject(read.text);
      if (!object.ok) return answerProblem(c, notAnObject(object));
      if (defect === 'shows the secret') return answerProblem(c, titleProblem(read.text));
      if (defect === 'logs an error') log.error({}, 'Something is wrong');
      if (defect === 'logs the secret') log.info({ text: read.text }, 'A note');
      if (defect === 'answers what is not documented') return c.json({}, 202);
      if (defect === 'answers another shape') return c.json({ name: 'x' }, 201);
      if (defect === 'never answers') return hangUp(c);
      const size = Number(object.members.get('size') ?? 1);
      if (!(size >= 1 && size <= 10)) {
        if (defect === 'writes, then refuses') await write();
        if (defect === 'refuses in plain text') return c.text('No.', 400);
        await rolledBack(pool);
        return answerProblem(c, titleProblem('size'));
      }
      await write();
      return c.json({ id: 'x' }, 201);
    });
    app.all('/notes', methodNotAllowed('POST'));
    app.get('/notes/:id', async (c) => {
      const id = readId(c, 'webhook');
      if (typeof id !== 'string') return answerProblem(c, id);
      if (defect === 'writes when it is looked at') await write();
      return c.json({ id });
    });
    app.all('/notes/:id', methodNotAllowed('GET, HEAD'));
    return app;
  };
}

function titleProblem(value: string) {
  return {
    kind: 'invalid_webhook',
    detail: `Cannot keep the note as it must be another one: ${value}`,
  } as const;
}

/** What is not committed is no change. */
async function rolledBack(pool: AppParts['pool']): Promise<void> {
  const undo = new Error('undo');
  await pool
    .transaction(async (transaction) => {
      await transaction.query(
        sql.unsafe`insert into posthorn.endpoints (url) values ('https://example.com/')`,
      );
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
}

function hangUp(c: Context<ApiEnv>): Response {
  const incoming: unknown = Reflect.get(Object(c.env), 'incoming');
  const socket: unknown = Reflect.get(Object(incoming), 'socket');
  (socket as { destroy(): void }).destroy();
  return c.json({});
}
