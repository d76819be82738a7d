import { priorities } from '../domain/priority.ts';
import { shown } from '../input/problem.ts';
import {
  type CommandOption,
  type Given,
  numberOption,
  textOption,
  textOptions,
  UsageError,
} from './command.ts';

/** Larger bodies need SQL; the API accepts 256 KiB. */
export const bodyLimitBytes = 1_048_576;

/** The options of what is sent: the same for a webhook and an event. */
export const contentOptions = {
  body: { type: 'string', help: 'sent byte for byte; - reads standard input' },
  header: {
    type: 'string',
    value: 'NAME: VALUE',
    multiple: true,
    help: 'may be given more than once',
  },
  'content-type': { type: 'string', value: 'TYPE', help: 'default: application/json' },
  priority: {
    type: 'string',
    value: 'PRIORITY',
    among: priorities,
    help: 'one of',
  },
  'send-at': { type: 'string', value: 'TIME', help: 'not before, like 2030-01-31T12:00:00Z' },
  'max-attempts': { type: 'string', value: 'N', help: '1 to 100' },
  'idempotency-key': {
    type: 'string',
    value: 'KEY',
    help: 'sent only once, even if the command is run again',
  },
} as const satisfies Readonly<Record<string, CommandOption>>;

/** The fields of what is sent. Without --body, the body is read from standard input. */
export async function contentOf(given: Given): Promise<Readonly<Record<string, unknown>>> {
  const body = textOption(given, 'body') ?? '-';
  const headers = headersOf(textOptions(given, 'header'));
  return {
    body: body === '-' ? await readStdin() : body,
    headers,
    content_type: textOption(given, 'content-type'),
    priority: textOption(given, 'priority'),
    send_at: textOption(given, 'send-at'),
    max_attempts:
      textOption(given, 'max-attempts') === undefined
        ? undefined
        : numberOption(given, 'max-attempts', { min: 1, max: 100, fallback: 1 }),
    idempotency_key: textOption(given, 'idempotency-key'),
  };
}

/** The headers that are given, if any. A name that comes twice, in upper or lower case, would lose one of its values. */
function headersOf(texts: readonly string[]): Readonly<Record<string, string>> | undefined {
  const headers = texts.map(headerOf);
  const names = headers.map(([name]) => name.toLowerCase());
  const twice = names.find((name, at) => names.indexOf(name) < at);
  if (twice !== undefined) {
    throw new UsageError(`The header ${twice} is given twice: each name may be given once`);
  }
  return headers.length === 0 ? undefined : Object.fromEntries(headers);
}

function headerOf(text: string): readonly [string, string] {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(text) ?? [];
  if (name !== undefined && value !== undefined) return [name, value];
  throw new UsageError(`--header must be like "Name: value": "${shown(text)}" is not`);
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  // A byte order mark is part of the body.
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
}
