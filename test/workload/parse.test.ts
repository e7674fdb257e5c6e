import { FixtureError, parseFixture, showItem } from '../../src/workload/index';

const head = 'name: a\nasks: b\nsource: c\n';
const memory = 'memory:\n  guest: { size: 16KiB }\n';
/** Line 6 on. */
const withSteps = (steps: string): string => `${head}${memory}${steps}`;

function complaint(text: string): string {
  try {
    parseFixture(text, 'f/a.yaml');
  } catch (error) {
    if (error instanceof FixtureError) return String(error).replace('f/a.yaml:', '');
    throw error;
  }
  return 'no complaint';
}

test.each([
  {
    shows: 'YAML that is not',
    text: 'name: [a',
    says: '1:9: not YAML: Flow sequence in block collection must',
  },
  { shows: 'an empty file', text: '', says: '1:1: a fixture is nothing; allowed: a mapping with name, asks' },
  { shows: 'a list', text: '- a', says: '1:1: a fixture is a list; allowed: a mapping with' },
  { shows: 'a key that is missing', text: 'name: a', says: '1:1: a fixture needs "asks"' },
  {
    shows: 'an unknown key',
    text: `${head}memroy: {}`,
    says: '4:1: a fixture has no "memroy"; did you mean "memory"?; allowed: name, asks,',
  },
  {
    shows: 'a key that is there twice',
    text: `${head}name: b`,
    says: '4:1: not YAML: Map keys must be unique',
  },
  {
    shows: 'a name that is not that of the file',
    text: `name: b\nasks: b\nsource: c\n${memory}`,
    says: '1:7: name is "b"; allowed: the name of the file, a',
  },
  { shows: 'a wrong type', text: `${head}memory: 5`, says: '4:9: memory is 5; allowed: regions by name' },
  { shows: 'no region', text: `${head}memory: {}`, says: '4:9: memory is empty; it needs a region' },
  {
    shows: 'a size that is no whole page',
    text: `${head}memory: { g: { size: 5 } }`,
    says: '4:22: size is "5"; allowed: whole pages',
  },
  {
    shows: 'an unknown key of a region',
    text: `${head}memory: { g: { size: 4KiB, proto: rw } }`,
    says: '4:28: region g has no "proto"; did you mean "prot"?; allowed: size, prot,',
  },
  {
    shows: 'an unknown protection',
    text: `${head}memory: { g: { size: 4KiB, prot: wr } }`,
    says: '4:34: prot is "wr"; did you mean "rw"?; allowed: none, r, rw, rx, rwx, w',
  },
  {
    shows: 'a boolean that is a word',
    text: `${head}memory: { g: { size: 4KiB, share: yes } }`,
    says: '4:35: share is "yes"; allowed: true, false',
  },
  {
    shows: 'a name that is a word of the steps',
    text: `${head}memory: { fault: { size: 4KiB } }`,
    says: '4:11: "fault" cannot name a region: it is a word of the steps',
  },
  {
    shows: 'regions that overlap',
    text: `${head}memory:\n  a: { size: 8KiB, at: 0x10000 }\n  b: { size: 4KiB, at: 0x11000 }`,
    says: '6:3: region b lies over region a',
  },
  {
    shows: 'a file that is not there',
    text: `${head}files: { data: { kind: fs, pages: 1 } }\nmemory: { g: { size: 4KiB, file: date } }`,
    says: '5:34: there is no file "date"; did you mean "data"?; allowed: data',
  },
  {
    shows: 'an unknown machine',
    text: `${head}${memory}machine: { thp: sometimes }`,
    says: '6:17: thp is "sometimes"; allowed: always, madvise, never',
  },
  {
    shows: 'an actor in two processes',
    text: `${head}${memory}processes: { p: [a, b], q: [b] }`,
    says: '6:29: actor "b" is in process p already',
  },
  {
    shows: 'a misspelt verb',
    text: withSteps('start:\n  - vcpu: wriet guest[0]'),
    says: '7:11: there is no verb "wriet"; did you mean "write"?; allowed: write, read,',
  },
  {
    shows: 'a misspelt region',
    text: withSteps('start:\n  - vcpu: write  gest[0]'),
    says: '7:18: there is no region "gest"; did you mean "guest"?; allowed: guest',
  },
  {
    shows: 'a page outside its region',
    text: withSteps('tasks:\n  vcpu: ["write guest[2..4]"]'),
    says: '7:23: page 4 is outside guest, which has 4 pages: guest[0..3]',
  },
  {
    shows: 'an empty range',
    text: withSteps('start:\n  - v: write guest[2..1]'),
    says: '7:20: 2..1 is empty',
  },
  {
    shows: 'an index that is none',
    text: withSteps('start:\n  - v: write guest[x]'),
    says: '7:20: "x" is no index; allowed: guest[I]',
  },
  {
    shows: 'several pages where one is wanted',
    text: withSteps('start:\n  - v: sys_read guest'),
    says: '7:17: sys_read wants one page, and guest has 4: guest[I]',
  },
  {
    shows: 'a part of a region to map',
    text: withSteps('start:\n  - v: mmap guest[1]'),
    says: '7:13: mmap takes all of a region: guest',
  },
  {
    shows: 'a part that is missing',
    text: withSteps('start:\n  - v: mprotect guest'),
    says: '7:22: one of none, r, rw, rx, rwx, w is missing; allowed: mprotect (REGION',
  },
  {
    shows: 'a word too many',
    text: withSteps('start:\n  - v: uffd_protect guest dontwaek'),
    says: '7:27: "dontwaek" does not belong to uffd_protect; did you mean "dontwake"?; allowed: uffd_protect (REGION',
  },
  {
    shows: 'an unknown advice',
    text: withSteps('start:\n  - v: madvise guest dontned'),
    says: '7:22: "dontned" is not one of dontneed, free,',
  },
  {
    shows: 'an unknown feature',
    text: withSteps('start:\n  - v: uffd_open features=forks'),
    says: '7:18: "forks" is no feature; did you mean "fork"?; allowed: fork, remap,',
  },
  {
    shows: 'a node that the machine does not have',
    text: withSteps('start:\n  - v: migrate guest node 1'),
    says: '7:27: "1" after "node" is not a number from 0 to 0',
  },
  {
    shows: 'an actor that no process has',
    text: withSteps('processes: { p: [vcpu] }\nstart:\n  - vpcu: read guest'),
    says: '8:5: there is no actor "vpcu"; did you mean "vcpu"?; allowed: vcpu, or fork it first',
  },
  {
    shows: 'a step of a child before its fork',
    text: withSteps('start:\n  - kid: read guest\n  - p: fork kid'),
    says: '7:5: kid takes a step before its fork',
  },
  {
    shows: 'two forks of one child',
    text: withSteps('start:\n  - p: fork kid\n  - p: fork kid'),
    says: '8:8: there is an actor or a process "kid" already',
  },
  {
    shows: 'two actors in one step',
    text: withSteps('start:\n  - { a: read guest, b: read guest }'),
    says: '7:22: one step has one actor',
  },
  {
    shows: 'serving that would never end',
    text: withSteps('start:\n  - m: uffd_serve'),
    says: '7:8: uffd_serve in start would never end',
  },
  {
    shows: 'a step after serving',
    text: withSteps('tasks:\n  m: [uffd_serve, read guest]'),
    says: '7:7: uffd_serve never ends; allowed: as the last step of its task',
  },
  {
    shows: 'a fork that is repeated',
    text: withSteps('start:\n  - p: { repeat: 2, steps: [fork kid] }'),
    says: '7:29: fork cannot be repeated',
  },
  {
    shows: 'an unknown key of a repetition',
    text: withSteps('start:\n  - p: { repaet: 2, steps: [] }'),
    says: '7:10: a repetition has no "repaet"; did you mean "repeat"?',
  },
  {
    shows: 'a semaphore that nobody posts',
    text: withSteps('tasks:\n  p: [wait reday]\n  q: [post ready]'),
    says: '7:7: nobody posts "reday"; did you mean "ready"?',
  },
  {
    shows: 'a userfaultfd that nobody opens',
    text: withSteps('start:\n  - p: uffd_wait with other'),
    says: '7:8: nobody opens a userfaultfd "other"; allowed: uffd',
  },
  {
    shows: 'an exit that takes others along',
    text: withSteps('tasks:\n  p: [exit]\n  q: [read guest]'),
    says: '7:7: exit would end q as well',
  },
  {
    shows: 'a function that the kernel does not have',
    text: withSteps('shows: [handle_userfualt]'),
    says: '6:9: there is no kernel function "handle_userfualt"; did you mean "handle_userfault"?; allowed: the functions',
  },
])('complains of $shows', ({ text, says }) => {
  expect(complaint(text).slice(0, says.length)).toBe(says);
});

test('reads brackets inside a flow list, where YAML wants quotes', () => {
  const fixture = parseFixture(withSteps('tasks:\n  vcpu: [write guest[2], read guest[0..1]]'), 'f/a.yaml');
  expect(fixture.tasks.get('vcpu')!.map(showItem)).toEqual(['write guest[2]', 'read guest[0..1]']);
});

test('takes everybody for a thread of one process where the fixture names none', () => {
  const fixture = parseFixture(
    withSteps('start:\n  - a: fork kid\ntasks:\n  kid: [read guest]\n  b: [read guest]'),
    'f/a.yaml',
  );
  expect(fixture.processes).toEqual([{ name: 'program', actors: ['a', 'b'] }]);
});
