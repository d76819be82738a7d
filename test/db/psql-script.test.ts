import { expect, it } from 'vitest';
import { statementsOf, variablesOf } from '../../src/db/psql-script.ts';

const script = String.raw`-- What it does: a report.
\if :{?since}
\else
  \set since '24 hours'
\endif
\if :{?rows}
\else
  \set rows 20
\endif
\set was_quiet :QUIET
begin read only;
set local jit = off;

select ';' as semicolon, ':since' as text, x::interval -- a comment; with a semicolon, and :rows
from things
where age < :'since'::interval and name = 'it''s; fine'
limit :rows;

commit;
\set QUIET :was_quiet
`;

it('knows the variables, and what they are unless they are given', () => {
  expect(variablesOf(script)).toEqual([
    { name: 'since', fallback: '24 hours' },
    { name: 'rows', fallback: '20' },
  ]);
  expect(variablesOf("\\if :{?id}\nselect :'id';\n\\else\n\\warn no id\n\\endif")).toEqual([
    { name: 'id', fallback: undefined },
  ]);
});

it('sends variables as parameters, and splits where a statement ends', () => {
  const [set, select, ...rest] = statementsOf(script, { rows: '5; drop table things' });
  expect(set).toEqual({ text: 'set local jit = off', values: [] });
  expect(select?.values).toEqual(['24 hours', '5; drop table things']);
  expect(select?.text).toBe(
    `select ';' as semicolon, ':since' as text, x::interval \nfrom things\nwhere age < $1::interval and name = 'it''s; fine'\nlimit $2`,
  );
  expect(rest).toEqual([]);
});

it('takes the branch that the given variables choose', () => {
  const text = "\\if :{?id}\nselect :'id';\n\\else\n\\warn 'no id'\n\\endif";
  expect(statementsOf(text, { id: 'x' })).toEqual([{ text: 'select $1', values: ['x'] }]);
  expect(statementsOf(text, {})).toEqual([]);
});

it('refuses what it does not understand', () => {
  expect(() => statementsOf('\\gexec', {})).toThrow('Unknown command of a script: \\gexec');
  expect(() => statementsOf('\\if true', {})).toThrow('Unknown condition');
  expect(() => statementsOf("select :'id'", {})).toThrow('which has no value');
});
