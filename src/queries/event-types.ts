import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import type { JsonSchema } from '../domain/json-schema.ts';
import { time } from './shapes.ts';

/** JSON of any kind. */
const json = z.unknown();

/** An event type of the catalogue. Times are RFC 3339 in UTC. */
export const eventTypeRow = z.object({
  name: z.string(),
  description: z.string(),
  schema: z
    .union([z.boolean(), z.record(z.string(), json)])
    .nullable()
    .describe('A JSON Schema (2020-12) of the body; null: any body.'),
  example: json.describe('A body as an example; null: none.'),
  deprecated: z.boolean(),
  deprecated_at: time.nullable(),
  created_at: time,
  updated_at: time,
});

export type EventTypeRow = z.infer<typeof eventTypeRow>;

const columns = sql.fragment`
  t.name, t.description, t.schema, t.example, t.deprecated_at is not null as deprecated, t.deprecated_at,
  t.created_at, t.updated_at`;

/** Event types by name, from the first one after `after`. */
export async function listEventTypes(
  connection: Pick<CommonQueryMethods, 'any'>,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<readonly EventTypeRow[]> {
  return await connection.any(sql.type(eventTypeRow)`
    select ${columns}
    from posthorn.event_types as t
    where t.name > ${after}
    order by t.name
    limit ${limit}`);
}

/** The whole catalogue, by name. */
export async function readCatalogue(
  connection: Pick<CommonQueryMethods, 'any'>,
): Promise<readonly EventTypeRow[]> {
  return await connection.any(sql.type(eventTypeRow)`
    select ${columns} from posthorn.event_types as t order by t.name`);
}

/** Finds an event type; undefined: there is none. */
export async function findEventType(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  name: string,
): Promise<EventTypeRow | undefined> {
  const row = await connection.maybeOne(sql.type(eventTypeRow)`
    select ${columns} from posthorn.event_types as t where t.name = ${name}`);
  return row ?? undefined;
}

/** What people say about an event type. */
export interface EventTypeValues {
  readonly description: string;
  readonly schema: JsonSchema | null;
  /** Undefined: none. */
  readonly example: unknown;
  readonly deprecated: boolean;
}

/** Writes an event type: a new one, or in place of the one of this name. */
export async function saveEventType(
  connection: Pick<CommonQueryMethods, 'one'>,
  name: string,
  { description, schema, example, deprecated }: EventTypeValues,
): Promise<EventTypeRow & { readonly is_new: boolean }> {
  const schemaText = schema === null ? null : JSON.stringify(schema);
  const exampleText = example === undefined ? null : JSON.stringify(example);
  return await connection.one(sql.type(eventTypeRow.extend({ is_new: z.boolean() }))`
    insert into posthorn.event_types as t (name, description, schema, example, deprecated_at)
    values (
      ${name},
      ${description},
      ${schemaText}::jsonb,
      ${exampleText}::jsonb,
      case when ${deprecated}::boolean then clock_timestamp() end)
    on conflict (name) do update
      set description = excluded.description,
          schema = excluded.schema,
          example = excluded.example,
          deprecated_at = case when excluded.deprecated_at is not null then coalesce(t.deprecated_at, excluded.deprecated_at) end,
          updated_at = clock_timestamp()
    returning ${columns}, t.xmax = 0 as is_new`);
}

/** Deletes an event type; false: there was none. Events of this type and subscriptions to it stay. */
export async function deleteEventType(
  connection: Pick<CommonQueryMethods, 'maybeOne'>,
  name: string,
): Promise<boolean> {
  const row = await connection.maybeOne(sql.type(z.object({ name: z.string() }))`
    delete from posthorn.event_types where name = ${name} returning name`);
  return row !== null;
}

const checkedType = z.object({
  name: z.string(),
  schema: eventTypeRow.shape.schema,
  /** Changes with the row, also if SQL changes it. */
  version: z.string(),
});

export type CheckedType = z.infer<typeof checkedType>;

/** The schemas of some event types. A type that is not in the catalogue has no row. */
export async function findSchemas(
  connection: Pick<CommonQueryMethods, 'any'>,
  names: readonly string[],
): Promise<readonly CheckedType[]> {
  return await connection.any(sql.type(checkedType)`
    select t.name, t.schema, t.xmin::text as version
    from posthorn.event_types as t
    where t.name = any (${sql.array(names, 'text')})`);
}
