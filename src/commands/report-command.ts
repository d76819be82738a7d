import { reportNames } from '../queries/report-names.ts';
import { type Command, jsonOption } from './command.ts';

/** `posthorn report`. */
export const reportCommand: Command = {
  name: 'report',
  summary: 'run a report on the history; without a name, list the reports',
  details:
    "The reports only read. None shows a secret, a body, a header, a receiver's answer or the query of a URL.\n\n  posthorn report failures --since '7 days'\n  posthorn report why-not-delivered --id 01a20a3b-2900-72ae-a455-000000049293",
  arguments: [{ name: 'name', isOptional: true, among: reportNames }],
  options: {
    since: { type: 'string', value: 'TIME', help: "the period until now, such as '7 days' or 2h" },
    rows: { type: 'string', value: 'N', help: 'at most this many rows, 1 to 100000' },
    id: { type: 'string', value: 'ID', help: 'of a webhook or an event' },
    ...jsonOption,
  },
  run: async (given) => (await import('./report.ts')).report(given),
};
