/** What `conform` prints as JSON is as the published schemas say, for every way in which a run can end. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Ajv, { type ValidateFunction } from 'ajv';
import packageJson from '../../package.json';
import { faultline, folder, put } from '../cli/terminal';
import { fixtureText, hello, jobEnd, line, turn } from './sample';
import { bzImage, qemu } from './stand_in';

const place = folder();
afterAll(() => rmSync(place, { recursive: true }));
const image = put(place, 'bzImage', bzImage);
const names = ['first', 'second', 'third', 'fourth'];
const fixtures = names.flatMap((name) => ['--fixture', put(place, `${name}.yaml`, fixtureText(name))]);

const checkerOf = (name: string): ValidateFunction =>
  new Ajv({ strict: true, allowUnionTypes: true, allErrors: true }).compile(
    JSON.parse(readFileSync(join(__dirname, '../../schemas', `${name}.schema.json`), 'utf8')),
  );
const observed = checkerOf('observed');
const witnesses = checkerOf('witnesses');

const job = (name: string, ...more: string[]): string => line({ k: 'job', name }) + more.join('');
const message = { event: 'pagefault', flags: 3, address: 4096, to: 0, length: 0 };
const signal = { actor: 'vcpu', op: 0, signal: 7, code: 2, address: 4096 };
const memory = [
  [
    'program',
    'guest',
    [
      [0, 1, 'p-xd---', '-w-p---d?', 3, 1],
      [2, 3, '-------', '-------d?'],
    ],
    [[0, 3, 'rw-p', 8, 0, 0, 0, 'rd wr um']],
  ],
];

test('what a guest did, to its panic, is as the schema says', async () => {
  const report = [
    hello(),
    job(
      'first',
      turn(0, {
        memory,
        messages: [
          ['monitor', message],
          ['monitor', { ...message, answer: 0 }],
        ],
      }),
    ),
    turn(1, { ends: [signal], log: ['page allocation failure'], ran: ['vcpu'] }),
    jobEnd(),
    job('second', turn(0, { ends: [{ actor: 'vcpu', op: 0, skip: 'no swap' }] }), jobEnd()),
    job('third', turn(0, { ends: [{ actor: 'vcpu', op: 0 }] }), line({ k: 'jobend', error: 'no memory' })),
    job('fourth', turn(0)),
    'garbage\n',
  ];
  const env = qemu(report.join(''), '[ 3.1] Kernel panic - not syncing: x');
  const { stdout } = await faultline(['conform', '--kernel', image, ...fixtures, '--format', 'json'], {
    env,
  });
  const value = JSON.parse(stdout);
  observed(value);
  expect(observed.errors ?? []).toEqual([]);
  const ends = value.runs.map(({ end }: { end: { kind: string } }) => end.kind);
  expect(ends).toEqual(['through', 'through', 'stopped', 'kernel']);
  expect(value.agreement.figures.fixtures).toBeGreaterThan(0);
  expect(observed({ ...value, agreement: null })).toBe(true);
  expect(observed({ ...value, machine: 'other' })).toBe(false);
});

test('of a kernel that nobody models there is no agreement', async () => {
  const report = line({ k: 'hello', protocol: 1, release: '5.4.0', features: { userfaultfd: 1, nodes: 1 } });
  const env = qemu(report + names.map((name) => job(name, jobEnd())).join('') + line({ k: 'bye' }), '');
  const { stdout } = await faultline(['conform', '--kernel', image, ...fixtures, '--format', 'json'], {
    env,
  });
  const value = JSON.parse(stdout);
  observed(value);
  expect(observed.errors ?? []).toEqual([]);
  expect(value.agreement).toBeNull();
});

const env = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
);

test.each([
  { argv: ['--fixture', 'fork-cow-4k', '--fixture', 'thp-partial'], check: observed },
  { argv: ['--witnesses', 'uffd-wp-2018', '--fixture', 'fork-cow-4k'], check: witnesses },
  { argv: ['--witnesses', 'uffd-wp-2018', '--fixture', 'protect-beside-walk-ahead'], check: witnesses },
])(
  '$argv on the running kernel, where it lets us',
  async ({ argv, check }) => {
    const { code, stdout, stderr } = await faultline(['conform', ...argv, '--format', 'json'], { env });
    if (code === 4) {
      process.stderr.write(`skipped: ${stderr}`);
      return;
    }
    check(JSON.parse(stdout));
    expect(check.errors ?? []).toEqual([]);
  },
  120_000,
);

test('schemas are shipped', () => expect(packageJson.files).toContain('schemas'));
