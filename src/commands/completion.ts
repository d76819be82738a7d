// Pure: no I/O, no clock, no randomness.

import type { Command, CommandOption } from './command.ts';
import { firstWords } from './help.ts';

/** The shells with a completion. */
export const shells = ['bash', 'zsh'] as const;

export type Shell = (typeof shells)[number];

/** Writes a script that completes commands, their options, and the values of options with fixed values. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return shell === 'bash' ? bashScript(commands) : zshScript(commands);
}

/** Two-word names first: "endpoints list" before "endpoints". */
function bashScript(commands: readonly Command[]): string {
  const sorted = commands.toSorted((one, other) => other.name.length - one.name.length);
  return [
    '# Completion for bash. Add to ~/.bashrc:  eval "$(posthorn completion bash)"',
    '_posthorn() {',
    `  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" name="" words="" word`,
    `  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do`,
    `    [[ $word == -* ]] || name="\${name:+$name }$word"`,
    '  done',
    '  case "$name" in',
    `    '') words='${firstWords(commands).join(' ')} --help --version' ;;`,
    ...sorted.flatMap(bashCase),
    ...groupsOf(commands).map(
      ([group, verbs]) => `    '${group}'|'${group} '*) words='${verbs.join(' ')}' ;;`,
    ),
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _posthorn posthorn',
  ].join('\n');
}

function bashCase({ name, options = {}, arguments: places = [] }: Command): string[] {
  const flags = [...Object.keys(options), 'help'].map((option) => `--${option}`);
  const words = [...places.flatMap(({ among }) => among ?? []), ...flags].join(' ');
  const choices = Object.entries(options).filter(([, { among }]) => among !== undefined);
  const free = Object.entries(options).filter(
    ([, { type, among }]) => type === 'string' && among === undefined,
  );
  return [
    `    '${name}'|'${name} '*)`,
    '      case "$previous" in',
    ...choices.map(
      ([option, { among = [] }]) => `        --${option}) words='${among.join(' ')}' ;;`,
    ),
    ...(free.length === 0
      ? []
      : [`        ${free.map(([option]) => `--${option}`).join('|')}) ;;`]),
    `        *) words='${words}' ;;`,
    '      esac ;;',
  ];
}

function zshScript(commands: readonly Command[]): string {
  return [
    '#compdef posthorn',
    '# Completion for zsh. Add to ~/.zshrc, after compinit:  eval "$(posthorn completion zsh)"',
    '_posthorn() {',
    '  local -a words_here',
    '  if (( CURRENT == 2 )); then',
    `    words_here=(${firstWords(commands)
      .map((word) => quoted(`${word}:${summaryOf(word, commands)}`))
      .join(' ')})`,
    "    _describe 'command' words_here",
    '    return',
    '  fi',
    ...groupsOf(commands).flatMap(([group, verbs]) => [
      `  if [[ \${words[2]} == ${group} ]] && (( CURRENT == 3 )); then`,
      `    words_here=(${verbs
        .map((verb) => quoted(`${verb}:${summaryOf(`${group} ${verb}`, commands)}`))
        .join(' ')})`,
      "    _describe 'command' words_here",
      '    return',
      '  fi',
    ]),
    `  case "\${words[2]} \${words[3]}" in`,
    ...commands
      .toSorted((one, other) => other.name.length - one.name.length)
      .map((command) => zshCase(command)),
    '  esac',
    '}',
    'if [[ "$funcstack[1]" == _posthorn ]]; then _posthorn "$@"; else compdef _posthorn posthorn; fi',
  ].join('\n');
}

function zshCase({ name, options = {}, arguments: places = [] }: Command): string {
  const count = name.split(' ').length;
  const specs = [
    ...Object.entries(options).map(([option, spec]) => zshOption(option, spec)),
    quoted('--help[show its help]'),
    ...places.map(({ name: place, among }) =>
      quoted(`:${place}:${among === undefined ? '' : `(${among.join(' ')})`}`),
    ),
  ];
  const pattern = count === 2 ? `'${name}'` : `'${name} '*`;
  return `    ${pattern}) shift ${count} words; (( CURRENT -= ${count} )); _arguments ${specs.join(' ')} ;;`;
}

function zshOption(name: string, { type, multiple, among, value, help }: CommandOption): string {
  const many = multiple === true ? '*' : '';
  const said = help.replaceAll(/[[\]:]/g, ' ');
  if (type === 'boolean') return quoted(`${many}--${name}[${said}]`);
  return quoted(
    `${many}--${name}=[${said}]:${value ?? 'TEXT'}:${among === undefined ? '' : `(${among.join(' ')})`}`,
  );
}

/** The first words of two-word commands, with their second words. */
function groupsOf(commands: readonly Command[]): [string, string[]][] {
  const groups = new Map<string, string[]>();
  for (const { name } of commands) {
    const [group = '', verb] = name.split(' ');
    if (verb !== undefined) groups.set(group, [...(groups.get(group) ?? []), verb]);
  }
  return [...groups];
}

function summaryOf(name: string, commands: readonly Command[]): string {
  const found = commands.find((command) => command.name === name);
  const rest = commands.filter((command) => command.name.startsWith(`${name} `));
  const summary = found?.summary ?? rest.map((command) => command.name.split(' ')[1]).join(', ');
  return summary.replaceAll(':', ' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
