import fc from 'fast-check';
import { ReportReader } from '../../src/conform/report_reader';
import { hello, job, jobEnd, line, turn } from './sample';

const jobs = [job('first'), job('second')];
const begin = (name: string): string => line({ k: 'job', name });
const memory = [
  ['program', 'guest', [[0, 3, 'p-xd---', '-w-p---d?', 1, 1]], [[0, 3, 'rw-p', 16, 0, 0, 0, 'rd wr']]],
];
const whole = [hello(), begin('first'), turn(0, { memory }), turn(3), jobEnd(), line({ k: 'bye' })].join('');

function read(...chunks: string[]): ReportReader {
  const reader = new ReportReader(jobs);
  for (const chunk of chunks) reader.push(chunk);
  return reader;
}

test('a report is read', () => {
  const reader = read(whole);
  expect(reader.isDone).toBe(true);
  expect(reader.garbage).toEqual([]);
  expect(reader.features).toMatchObject({ release: '6.1.0', userfaultfd: true, nodes: 2 });
  const [run] = reader.runs;
  expect(run!.end).toEqual({ kind: 'through', waits: [{ actor: 'monitor', step: 4 }], stuck: 0 });
  expect(run!.observations[0]!.ends[0]).toEqual({
    ...{ actor: 'vcpu', step: 0, outcome: { kind: 'done', result: 0 } },
    ...{ reads: [], minorFaults: 1, majorFaults: 0 },
  });
});

test('memory that was not told again is as before, and is gone when it is told to be', () => {
  const gone = [['program', 'guest', [], []]];
  const reader = read(
    hello(),
    begin('first'),
    turn(0, { memory }),
    turn(1),
    turn(2, { memory: gone }),
    jobEnd(),
  );
  const [first, second, third] = reader.runs[0]!.observations;
  expect(first!.memory[0]).toMatchObject({ process: 'program', region: 'guest' });
  expect(first!.memory[0]!.pages).toEqual([
    { first: 0, last: 3, bits: 'p-xd---', scan: '-w-p---d?', content: 1, stride: 1 },
  ]);
  expect(second!.memory).toEqual(first!.memory);
  expect(third!.memory).toEqual([]);
});

test.each([
  {
    end: { signal: 7, code: 2, address: 4096 },
    outcome: { kind: 'signal', signal: 'SIGBUS', code: 2, address: 4096 },
  },
  { end: { result: -14 }, outcome: { kind: 'done', result: -14 } },
  { end: { skip: 'no swap' }, outcome: { kind: 'skip', reason: 'no swap' } },
  { end: { died: 0 }, outcome: { kind: 'died' } },
])('$end', ({ end, outcome }) => {
  const reader = read(
    hello(),
    begin('first'),
    turn(0, { ends: [{ actor: 'vcpu', op: 0, ...end }] }),
    jobEnd(),
  );
  expect(reader.runs[0]!.observations[0]!.ends[0]!.outcome).toEqual(outcome);
});

test('it does not matter how the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(whole.length), { maxLength: 20 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), whole.length];
      const reader = read(...at.slice(1).map((to, i) => whole.slice(at[i], to)));
      expect(reader.runs).toEqual(read(whole).runs);
    }),
  );
});

test('garbage between lines is set aside, and harms no other line', () => {
  const noise = fc
    .string({ unit: 'binary-ascii', maxLength: 80 })
    .map((text) => `${text.replaceAll('\n', '')}\n`);
  const lines = whole.split(/(?<=\n)/);
  fc.assert(
    fc.property(fc.array(noise, { minLength: lines.length, maxLength: lines.length }), (noises) => {
      const reader = read(lines.map((text, i) => noises[i]! + text).join(''));
      expect(reader.runs).toEqual(read(whole).runs);
    }),
  );
});

test.each([
  { why: 'a wrong sum', text: `@0000 ${JSON.stringify({ k: 'bye' })}\n` },
  { why: 'no JSON', text: '@0176 {bye}\n' },
  { why: 'a job that nobody asked for', text: begin('third') },
  { why: 'a turn outside of a job', text: turn(0) },
  { why: 'a turn without its parts', text: begin('first') + line({ k: 'turn' }) },
  { why: 'another kind', text: line({ k: 'what' }) },
  { why: 'a line of the console', text: '[    1.0] nvme nvme0: 1/0/0 default/read/poll queues\n' },
])('$why is garbage', ({ text }) => {
  const reader = read(hello(), text);
  expect(reader.garbage).toHaveLength(1);
  expect(reader.isDone).toBe(false);
});

test('what is changed on its way never passes for an observation', () => {
  const spoilt = whole.replace('"result":0', '"result":1');
  const reader = read(spoilt);
  expect(reader.garbage).toHaveLength(1);
  expect(reader.runs[0]!.observations.map(({ step }) => step)).toEqual([3]);
});

test('a report that ends in the middle keeps the steps until there', () => {
  const reader = read(hello(), begin('first'), turn(0), turn(3).slice(0, 30));
  expect(reader.running?.name).toBe('first');
  reader.stop({ kind: 'kernel', what: 'panic', lines: ['Kernel panic'] });
  expect(reader.runs[0]!.observations).toHaveLength(1);
  expect(reader.runs[0]!.end).toEqual({ kind: 'kernel', what: 'panic', lines: ['Kernel panic'] });
});

test('a fixture whose memory cannot be mapped is skipped with the reason', () => {
  const setup = turn(-1, { ends: [{ actor: 'vcpu', op: -1, skip: 'there is no file system of kind fs' }] });
  const reader = read(hello(), begin('first'), setup, jobEnd({ through: false }));
  expect(reader.runs[0]!.end).toEqual({ kind: 'skipped', reason: 'there is no file system of kind fs' });
});
