import { type Command, jsonOption } from './command.ts';

const name = { name: 'name' } as const;

/** `posthorn event-types …` and `posthorn types`. They load the catalogue when they run. */
export const eventTypeCommands: readonly Command[] = [
  {
    name: 'event-types list',
    summary: 'list the event types of the catalogue, by name',
    options: {
      limit: { type: 'string', value: 'N', help: 'at most this many, 1 to 10000; default: 1000' },
      ...jsonOption,
    },
    run: async (given) => (await import('./types.ts')).listEventTypesCommand(given),
  },
  {
    name: 'event-types show',
    summary: 'show an event type: description, schema and example',
    arguments: [name],
    options: jsonOption,
    run: async (given) => (await import('./types.ts')).showEventTypeCommand(given),
  },
  {
    name: 'event-types set',
    summary: 'write an event type into the catalogue',
    details:
      'Replaces the whole entry if there is one: an option that is not given leaves its field empty.\n\n  posthorn event-types set order.paid --description "An order was paid." --schema order.schema.json',
    arguments: [name],
    options: {
      description: { type: 'string', value: 'TEXT', help: 'what happened, for people' },
      schema: { type: 'string', value: 'FILE', help: 'a JSON Schema (2020-12) of the body' },
      example: {
        type: 'string',
        value: 'FILE',
        help: 'a body as an example; it must fit the schema',
      },
      deprecated: { type: 'boolean', help: 'it will not be published for much longer' },
      ...jsonOption,
    },
    run: async (given) => (await import('./types.ts')).setEventTypeCommand(given),
  },
  {
    name: 'event-types delete',
    summary: 'delete an event type from the catalogue; its events stay',
    arguments: [name],
    options: jsonOption,
    run: async (given) => (await import('./types.ts')).deleteEventTypeCommand(given),
  },
  {
    name: 'types',
    summary: 'generate TypeScript types of the bodies of events from the catalogue',
    details:
      'The compiler then checks what a program publishes.\n\n  posthorn types --out src/posthorn-events.d.ts',
    options: {
      out: { type: 'string', value: 'FILE', help: 'write it there instead of to standard output' },
      format: {
        type: 'string',
        value: 'FORMAT',
        among: ['typescript', 'asyncapi', 'openapi'],
        help: 'typescript by default; one of',
      },
      check: { type: 'boolean', help: 'change nothing; exit with 1 if the file is not up to date' },
    },
    run: async (given) => (await import('./types.ts')).typesCommand(given),
  },
];
