import { readFile, writeFile } from 'node:fs/promises';
import { asyncApiOf } from '../catalogue/async-api.ts';
import { eventsOpenApiOf } from '../catalogue/events-openapi.ts';
import { writeEventType } from '../catalogue/save-event-type.ts';
import { declarationsOf } from '../catalogue/type-declarations.ts';
import { eventTypeRequest } from '../input/event-type-fields.ts';
import { type Problem, shown } from '../input/problem.ts';
import { readFields } from '../input/read-fields.ts';
import {
  deleteEventType,
  findEventType,
  listEventTypes,
  readCatalogue,
} from '../queries/event-types.ts';
import { type Given, hasOption, numberOption, textOption, UsageError } from './command.ts';
import { withDatabase } from './database.ts';
import { refuse, refuseUsage } from './problem-text.ts';
import { oneLine, table, timeText } from './table.ts';
import { print, terminalOf } from './terminal.ts';

const formats = {
  typescript: declarationsOf,
  asyncapi: (types) => `${JSON.stringify(asyncApiOf(types), null, 2)}\n`,
  openapi: (types) => `${JSON.stringify(eventsOpenApiOf(types), null, 2)}\n`,
} as const satisfies Readonly<
  Record<string, (types: Awaited<ReturnType<typeof readCatalogue>>) => string>
>;

/** `posthorn types`: writes what a program needs to know of the catalogue. */
export async function typesCommand(given: Given): Promise<number> {
  const format = textOption(given, 'format') ?? 'typescript';
  const write = Object.hasOwn(formats, format)
    ? formats[format as keyof typeof formats]
    : undefined;
  if (write === undefined) {
    throw new UsageError(
      `--format must be one of ${Object.keys(formats).join(', ')}: "${format}" is not`,
    );
  }
  const out = textOption(given, 'out');
  if (hasOption(given, 'check') && out === undefined) {
    throw new UsageError('--check compares a file with the catalogue: give --out too');
  }
  const eventTypes = await withDatabase((pool) => readCatalogue(pool));
  const text = write(eventTypes);
  if (out === undefined) {
    process.stdout.write(text);
    return 0;
  }
  if (hasOption(given, 'check')) {
    const isSame = (await readFile(out, 'utf8').catch(() => undefined)) === text;
    if (!isSame) console.error(`${out} is not up to date: run "posthorn types --out ${out}"`);
    return isSame ? 0 : 1;
  }
  await writeFile(out, text);
  console.error(
    `Wrote ${eventTypes.length} event ${eventTypes.length === 1 ? 'type' : 'types'} to ${out}`,
  );
  return 0;
}

/** `posthorn event-types list`. */
export async function listEventTypesCommand(given: Given): Promise<void> {
  const limit = numberOption(given, 'limit', { min: 1, max: 10_000, fallback: 1_000 });
  const eventTypes = await withDatabase((pool) => listEventTypes(pool, { limit }));
  if (hasOption(given, 'json')) return print({ event_types: eventTypes });
  if (eventTypes.length === 0) return print('No event types.');
  const rows = eventTypes.map(
    ({ name, schema, example, deprecated, updated_at: at, description }) => [
      name,
      schema === null ? '-' : 'yes',
      example === null ? '-' : 'yes',
      deprecated ? 'yes' : '-',
      timeText(at),
      oneLine(description),
    ],
  );
  const head = ['NAME', 'SCHEMA', 'EXAMPLE', 'DEPRECATED', 'WRITTEN', 'DESCRIPTION'];
  print(table(head, rows, terminalOf(process.stdout)));
}

/** `posthorn event-types show`. */
export async function showEventTypeCommand(given: Given): Promise<void> {
  const [name = ''] = given.arguments;
  const found = await withDatabase((pool) => findEventType(pool, name));
  if (found === undefined) return refuse(missing(name));
  if (hasOption(given, 'json')) return print(found);
  const { description, schema, example, deprecated_at: deprecatedAt, updated_at: at } = found;
  const lines = [
    `name         ${name}`,
    ...(description === '' ? [] : [`description  ${oneLine(description)}`]),
    `written      ${timeText(at)}`,
    ...(deprecatedAt === null ? [] : [`deprecated   ${timeText(deprecatedAt)}`]),
    ...(schema === null ? [] : [`schema\n${JSON.stringify(schema, null, 2)}`]),
    ...(example === null ? [] : [`example\n${JSON.stringify(example, null, 2)}`]),
  ];
  print(lines.join('\n'));
}

/** `posthorn event-types set`. */
export async function setEventTypeCommand(given: Given): Promise<void> {
  const [name = ''] = given.arguments;
  const values = {
    ...textIn('description', textOption(given, 'description')),
    ...(await jsonIn('schema', textOption(given, 'schema'))),
    ...(await jsonIn('example', textOption(given, 'example'))),
    deprecated: hasOption(given, 'deprecated'),
  };
  const read = readFields(values, eventTypeRequest);
  if (!read.ok) return refuseUsage({ detail: '', errors: read.errors });
  const saved = await withDatabase((pool) => writeEventType(pool, name, read.fields));
  if (!saved.ok) return refuseUsage(saved.problem satisfies Problem);
  print(hasOption(given, 'json') ? saved.eventType : name);
}

/** `posthorn event-types delete`. */
export async function deleteEventTypeCommand(given: Given): Promise<void> {
  const [name = ''] = given.arguments;
  const isThere = await withDatabase((pool) => deleteEventType(pool, name));
  if (!isThere) return refuse(missing(name));
  print(hasOption(given, 'json') ? { name } : `Deleted ${name}`);
}

function missing(name: string): string {
  return `No event type ${shown(name)} in the catalogue`;
}

function textIn(field: string, text: string | undefined): Record<string, unknown> {
  return text === undefined ? {} : { [field]: text };
}

/** The JSON in a file, as a field. */
async function jsonIn(field: string, file: string | undefined): Promise<Record<string, unknown>> {
  if (file === undefined) return {};
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`--${field} must be a file that can be read: "${file}" is not`, { cause });
  });
  try {
    return { [field]: JSON.parse(text) };
  } catch (cause) {
    throw new UsageError(`--${field} must be a file with JSON: "${file}" is not`, { cause });
  }
}
