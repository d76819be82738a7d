/** A line of a Dockerfile, with those that continue it. */
export interface Instruction {
  /** In upper case, such as RUN. */
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  /** As in "FROM … AS build"; undefined: it has no name. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile. Comments and what stands before the first FROM are left out. */
export function stagesOf(dockerfile: string): Stage[] {
  const lines = dockerfile
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const stages: { name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name = '', text = ''] = /^\s*([A-Za-z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === '') continue;
    if (name.toUpperCase() === 'FROM') {
      stages.push({ name: /\sAS\s+(\S+)$/i.exec(text)?.[1], instructions: [] });
    } else {
      stages.at(-1)?.instructions.push({ name: name.toUpperCase(), text });
    }
  }
  return stages;
}

/** What a stage sets with ENV, in its order. */
export function environmentOf({ instructions }: Stage): [name: string, value: string][] {
  return instructions
    .filter(({ name }) => name === 'ENV')
    .map(({ text }) => {
      const [, name = '', value = ''] = /^([A-Z_]+)=(.*)$/.exec(text) ?? [];
      return [name, value];
    });
}

/** The last text of an instruction in a stage; fails if there is none. */
export function lastOf(stage: Stage, wanted: string): string {
  const found = stage.instructions.findLast(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`The Dockerfile has no ${wanted}`);
  return found.text;
}

/** The words of an instruction in its JSON form, such as CMD ["start"]. */
export function wordsOf(text: string): string[] {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) {
    throw new Error(`The Dockerfile has no list of words: ${text}`);
  }
  return words;
}
