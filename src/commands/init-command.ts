import { type Command, jsonOption } from './command.ts';
import { stackNames } from './init/stack-names.ts';

/** `posthorn init`. */
export const initCommand: Command = {
  name: 'init',
  summary: 'write what an application needs to send its first webhook, for the stack found here',
  details:
    'Writes a compose file, settings for development, a migration that lets your login send webhooks, and a program that sends one. It changes no file that is there: --force overwrites what "posthorn init" has made, except posthorn.env, which has a key.',
  options: {
    stack: {
      type: 'string',
      value: 'NAME',
      among: stackNames,
      help: 'this stack, whatever is found; one of',
    },
    dir: {
      type: 'string',
      value: 'FOLDER',
      help: 'the folder of the application; default: this one',
    },
    'dry-run': { type: 'boolean', help: 'only list what would be written' },
    force: { type: 'boolean', help: 'overwrite what "posthorn init" has made' },
    ...jsonOption,
  },
  run: async (given) => (await import('./init/init.ts')).init(given),
};
