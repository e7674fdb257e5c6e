/** The grammar for people and editors: the JSON Schema of a fixture and the reference page, made from the one table. */
import { fileKinds, protections } from './fixture';
import { advices, groups, type Part, verbNames, verbs } from './step_grammar';
import { usage } from './step_usage';

const NAME = '[A-Za-z_][\\w-]*';
const INDEX = '\\[\\d+\\]';
const RANGE = `${NAME}(\\[\\d+(\\.\\.\\d+)?\\])?`;

/** A part of a step as a regular expression that begins with its space. */
function patternOf(part: Part): string {
  const optional = (inner: string): string => `( +${inner})?`;
  switch (part.kind) {
    case 'pages': {
      const pages = part.whole ? NAME : part.one ? `${NAME}(${INDEX})?` : RANGE;
      const all = part.fault ? `(fault|${pages})` : pages;
      return part.optional ? optional(`(?!with\\b)${all}`) : ` +${all}`;
    }
    case 'value':
      return '( *= *\\d+)?';
    case 'to':
      return ` +to +${NAME}`;
    case 'word':
      return part.optional ? optional(`(${part.of.join('|')})`) : ` +(${part.of.join('|')})`;
    case 'flags':
      return `( +(${part.of.join('|')}))*`;
    case 'features':
      return optional(`features=(${part.of.join('|')})(,(${part.of.join('|')}))*`);
    case 'name':
      return part.optional ? optional(NAME) : ` +${NAME}`;
    case 'filePage':
      return ` +${NAME}${INDEX}`;
    case 'node':
      return optional('node +\\d+');
    case 'with':
      return optional(`with +${NAME}`);
  }
}

/** What the text of a step with this verb looks like. */
export const stepPattern = (verb: string): string => `^${verb}${verbs[verb]!.parts.map(patternOf).join('')}$`;

const named = (pattern: string, value: object): object => ({
  type: 'object',
  patternProperties: { [pattern]: value },
  additionalProperties: false,
});
const described = (description: string, schema: object): object => ({ description, ...schema });

const size = {
  anyOf: [
    { type: 'integer', minimum: 4096 },
    { type: 'string', pattern: '^\\d+ *(KiB|MiB|GiB)?$' },
  ],
};

const region = {
  type: 'object',
  additionalProperties: false,
  required: ['size'],
  properties: {
    size: described('Bytes, or KiB, MiB, GiB: whole pages.', size),
    prot: described('PROT_*; rw unless given.', { enum: protections }),
    thp: described('true: MADV_HUGEPAGE. false (unless given): MADV_NOHUGEPAGE. default: neither.', {
      enum: [true, false, 'default'],
    }),
    advice: described('madvise(2) on the whole region when it is mapped.', {
      type: 'array',
      items: { enum: advices },
    }),
    at: described('Its address, where that matters.', { type: 'integer', minimum: 4096 }),
    process: described('The process that maps it: the first one unless given.', { type: 'string' }),
    file: described('A file of `files`; without one the memory is anonymous.', { type: 'string' }),
    share: described('true: MAP_SHARED.', { type: 'boolean' }),
    mapped: described('false: only an address, for mmap and mremap steps.', { type: 'boolean' }),
  },
};

const file = {
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'pages'],
  properties: { kind: { enum: fileKinds }, pages: { type: 'integer', minimum: 1 } },
};

const machine = {
  type: 'object',
  additionalProperties: false,
  properties: {
    softdirty: described('CONFIG_MEM_SOFT_DIRTY; true unless given.', { type: 'boolean' }),
    nodes: described('NUMA nodes; 1 unless given.', { type: 'integer', minimum: 1, maximum: 8 }),
    entries: described(
      'Entries per page table that the question needs; unless given, as few as tell its pages apart where actors race over huge pages, else 512.',
      { type: 'integer', minimum: 2, maximum: 512 },
    ),
    thp: described('transparent_hugepage/enabled; always unless given.', {
      enum: ['always', 'madvise', 'never'],
    }),
    hardware: described(
      'CPUs fetch, keep and lose translations and set A of their own accord while the tasks run, as with --hardware; false unless given.',
      { type: 'boolean' },
    ),
  },
};

const steps = { type: 'array', minItems: 1, items: { $ref: '#/$defs/step' } };
const repetition = {
  type: 'object',
  additionalProperties: false,
  required: ['repeat', 'steps'],
  properties: { repeat: { type: 'integer', minimum: 1 }, steps },
};
const placed = {
  type: 'array',
  items: {
    type: 'object',
    minProperties: 1,
    maxProperties: 1,
    patternProperties: { [`^${NAME}$`]: { $ref: '#/$defs/step' } },
    additionalProperties: false,
  },
};

const properties = {
  name: described('The name of the file.', { type: 'string', pattern: '^[a-z0-9]+(-[a-z0-9]+)*$' }),
  asks: described('The question that the fixture asks.', { type: 'string' }),
  source: described(
    'Where it comes from: a message id, a commit, observed:WORKLOAD, a section of the guide.',
    {
      type: 'string',
    },
  ),
  machine,
  files: named(`^${NAME}$`, file),
  processes: described(
    'Actors by process. Without it all actors are threads of one process.',
    named(`^${NAME}$`, { type: 'array', minItems: 1, items: { type: 'string' } }),
  ),
  memory: described('Regions, mapped in this order.', { minProperties: 1, ...named(`^${NAME}$`, region) }),
  start: described('One after another, each to its end.', placed),
  tasks: described(
    'Lists of steps by actor that run concurrently, in every order.',
    named(`^${NAME}$`, steps),
  ),
  finally: described('One after another when the tasks have ended; whoever serves still does.', placed),
  shows: described('Kernel functions that must have run for a run to count.', {
    type: 'array',
    items: { type: 'string' },
  }),
};

/** The JSON Schema of a fixture file, as editors want it. */
export function fixtureSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A faultline fixture',
    type: 'object',
    additionalProperties: false,
    required: ['name', 'asks', 'source', 'memory'],
    properties,
    $defs: {
      step: {
        anyOf: [
          ...verbNames.map((verb) =>
            described(verbs[verb]!.does, { type: 'string', pattern: stepPattern(verb) }),
          ),
          repetition,
        ],
      },
    },
  };
}

/** fixtures/schema.json. */
export const schemaText = (): string => `${JSON.stringify(fixtureSchema(), null, 2)}\n`;

const opening = `# Fixtures

A fixture is a litmus test in YAML: a question, the memory it is asked of, and what programs do. Every step is something
that a program can do on a real kernel. A fixture says nothing of variants and carries no expected verdict.

This page is made from the table of verbs in \`src/workload/step_grammar.ts\` by \`npm run generate\`.

\`\`\`yaml
# yaml-language-server: $schema=./schema.json
name: thp-unprotect-one-page # the name of the file
asks: Can one 4 KiB page of a write-protected huge page be un-protected?
source: "<20180904075510.22338-1-peterx@redhat.com>"
machine: { softdirty: true, nodes: 1, thp: always } # may be left out, and so may each of them
memory:
  guest: { size: 2MiB, thp: true }
start: # one after another, each to its end
  - vcpu: write guest
  - monitor: uffd_register guest
  - monitor: uffd_protect guest
tasks: # concurrently, in every order
  vcpu:
    - write guest[127]
  monitor:
    - uffd_wait
    - uffd_unprotect guest[127]
finally: # one after another, when the tasks have ended
  - vcpu: read guest[127]
shows: [handle_userfault] # kernel functions that must have run for a run to count
\`\`\`

Pages count from 0 in pages of 4 KiB: \`guest\` is all of it, \`guest[5]\` one page, \`guest[5..9]\` five. In place of a
step, \`{ repeat: 10000, steps: [uffd_protect guest, uffd_unprotect guest] }\` repeats steps. Inside a flow list YAML wants
quotes: \`[uffd_wait, "write guest[127]"]\`.

A SIGSEGV ends the step of the actor, which goes on with its next one. A SIGBUS, which nobody expects, ends its program.

On a machine with fewer than 512 entries per page table, a region of whole 2 MiB pages keeps their number and each shrinks
to as many pages as a table has entries; pages that the fixture tells apart stay apart.

| a region of \`memory\` | |
| --- | --- |
`;

/** docs/fixtures.md. */
export function fixturesPage(): string {
  const fields = Object.entries(region.properties).map(
    ([key, schema]) => `| \`${key}\` | ${(schema as { description: string }).description} |`,
  );
  const files = [
    '',
    '`files` are `{ kind, pages }`: `fs` is told of first writes (page_mkwrite) and counts dirty pages, `plainfs` only counts,',
    '`shmem` does neither, `device` is memory without page structures.',
    '',
    '## Steps',
    '',
    '`?` marks what may be left out, `|` a choice.',
  ];
  const tables = Object.entries(groups).flatMap(([group, title]) => [
    '',
    `### ${title}`,
    '',
    ...verbNames
      .filter((verb) => verbs[verb]!.group === group)
      .flatMap((verb) => [
        `- \`${usage(verb)}\`  `,
        `  ${verbs[verb]!.does} Example: \`${verbs[verb]!.example}\`.`,
      ]),
  ]);
  return `${opening}${[...fields, ...files, ...tables].join('\n')}\n`;
}
