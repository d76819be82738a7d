import type { CommonQueryMethods } from 'slonik';
import type { z } from 'zod';
import {
  brokenEventTypeRule,
  type eventTypeRequest,
  eventTypeRules,
  isEventTypeName,
} from '../input/event-type-fields.ts';
import { invalid, type Problem, type ProblemPart, shown } from '../input/problem.ts';
import { type EventTypeRow, saveEventType } from '../queries/event-types.ts';
import { compileSchema } from './compiled-schema.ts';

/** What became of an event type that somebody wants to write. */
export type SavedEventType =
  | { readonly ok: true; readonly eventType: EventTypeRow; readonly isNew: boolean }
  | { readonly ok: false; readonly problem: Problem };

/**
 * Writes an event type: a new one, or in place of the one of this name. Its schema must be one, and its example must fit
 * it, so that whoever reads the catalogue can rely on both.
 */
export async function writeEventType(
  connection: Pick<CommonQueryMethods, 'one'>,
  name: string,
  fields: z.output<typeof eventTypeRequest.schema>,
): Promise<SavedEventType> {
  if (!isEventTypeName(name)) {
    return refused({
      code: 'event_types_name_is_words',
      detail: `${eventTypeRules.event_types_name_is_words.rule}: "${shown(name)}" is not`,
    });
  }
  const { description, schema, deprecated } = fields;
  // As for the other fields, null is as good as nothing.
  const example = fields.example ?? undefined;
  const fault = await faultOfContent({ schema: schema ?? null, example });
  if (fault !== undefined) return refused(fault);
  const { is_new: isNew, ...eventType } = await saveEventType(connection, name, {
    description: description ?? '',
    schema: schema ?? null,
    example,
    deprecated: deprecated ?? false,
  });
  return { ok: true, eventType, isNew };
}

function refused(part: ProblemPart): SavedEventType {
  return { ok: false, problem: invalid('invalid_event_type', [part]) };
}

async function faultOfContent({
  schema,
  example,
}: {
  readonly schema: EventTypeRow['schema'];
  readonly example: unknown;
}): Promise<ProblemPart | undefined> {
  if (schema === null) return undefined;
  // Before it is compiled, which takes long for a large one.
  if (Buffer.byteLength(JSON.stringify(schema)) > maxSchemaBytes) {
    return brokenEventTypeRule('event_types_schema_is_json_schema');
  }
  const compiled = await compileSchema(schema).catch((error: unknown) => error);
  if (typeof compiled !== 'function') {
    const why = shown(compiled instanceof Error ? compiled.message : String(compiled));
    return {
      pointer: '/schema',
      code: 'event_types_schema_is_json_schema',
      detail: `schema must be a JSON Schema (2020-12): ${why}`,
    };
  }
  const fault = example === undefined ? undefined : compiled(example);
  if (fault === undefined) return undefined;
  const where = fault.pointer === '' ? '' : ` at ${shown(fault.pointer)}`;
  return {
    pointer: `/example${fault.pointer.slice(0, 512)}`,
    code: 'event_types_example_fits_its_schema',
    detail: `example must fit the schema: the value${where} ${shown(fault.detail)} (rule ${shown(fault.rule)})`,
  };
}

const maxSchemaBytes = 65_536;
