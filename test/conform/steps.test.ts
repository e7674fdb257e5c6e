import { loadFixtures } from '../../src/compare/load';
import { jobOf } from '../../src/conform/steps';
import { parseFixture } from '../../src/workload/parse';
import { compile } from '../../src/workload/workload';
import { fixtureText, job } from './sample';

test('a workload becomes a list of plain lines', () => {
  const { text, steps } = job('listed');
  expect(text.split('\n')).toEqual([
    'job listed',
    'machine softdirty=1 nodes=1 thp=always content=1 limit=20000 turn=2000',
    'actor vcpu program',
    'actor monitor program daemon=1',
    'region guest vcpu at=0x7effffffb000 pages=4 prot=3 thp=0',
    'start',
    'op vcpu -1 mmap region=guest at=0x7effffffb000 pages=4',
    'op vcpu 0 write at=0x7effffffb000 pages=4 region=guest',
    'op monitor 1 uffd_register at=0x7effffffb000 pages=4 region=guest',
    'op monitor 2 uffd_protect at=0x7effffffc000 pages=2 region=guest',
    'tasks',
    'op vcpu 3 write at=0x7effffffc000 pages=1 region=guest value=7',
    'op monitor 4 uffd_serve',
    'finally',
    'repeat vcpu 3',
    'op vcpu 5 read at=0x7effffffc000 pages=1 region=guest',
    'end vcpu',
    'go',
    '',
  ]);
  expect(steps.map((step) => `${step.id} ${step.part} ${step.actor}: ${step.text}`)).toEqual([
    '0 start vcpu: write guest',
    '1 start monitor: uffd_register guest',
    '2 start monitor: uffd_protect guest[1..2]',
    '3 tasks vcpu: write guest[1] = 7',
    '4 tasks monitor: uffd_serve',
    '5 finally vcpu: read guest[1]',
  ]);
});

test('an order of turns stands before the end, and many pages of one step are places to pause at', () => {
  const pages = fixtureText('ordered').replace('guest[1] = 7', 'guest[1..2]');
  const workload = compile(parseFixture(pages, 'ordered.yaml'));
  const { name, text } = jobOf(workload, { name: 'ordered.1', turns: ['vcpu', 'monitor', 'vcpu'] });
  const lines = text.split('\n');
  expect(name).toBe('ordered.1');
  expect(lines[0]).toBe('job ordered.1');
  expect(lines).toContain('op vcpu 3 write at=0x7effffffc000 pages=2 region=guest pauses=1');
  expect(lines.slice(-5)).toEqual(['turn vcpu', 'turn monitor', 'turn vcpu', 'go', '']);
  expect(jobOf(workload).text).not.toMatch(/turn vcpu|pauses/);
});

test.each([
  { step: 'fork child', becomes: 'fork child=child' },
  { step: 'mprotect guest rw', becomes: 'mprotect at=0x7effffffb000 pages=4 region=guest word=rw' },
  {
    step: 'mremap guest[0] to later',
    becomes: 'mremap at=0x7effffffb000 pages=1 region=guest to=0x7effffff9000',
  },
  { step: 'uffd_open other features=fork,unmap', becomes: 'uffd_open uffd=other features=66' },
  { step: 'uffd_copy fault = 3 wp', becomes: 'uffd_copy fault=1 value=3 flags=wp' },
  { step: 'migrate guest node 1', becomes: 'migrate at=0x7effffffb000 pages=4 region=guest node=1' },
  { step: 'file_write data[2] = 5', becomes: 'file_write value=5 file=data filepage=2' },
  { step: 'fsync data', becomes: 'fsync file=data' },
  { step: 'post ready', becomes: 'post semaphore=0' },
])('$step', ({ step, becomes }) => {
  const text = `name: one
asks: What does the agent get?
source: guide 1.1
machine: { nodes: 2 }
files:
  data: { kind: shmem, pages: 4 }
memory:
  guest: { size: 16KiB }
  later: { size: 4KiB, mapped: false }
start:
  - vcpu: "${step}"
`;
  const lines = jobOf(compile(parseFixture(text, 'one.yaml'))).text.split('\n');
  expect(lines).toContain(`op vcpu 0 ${becomes}`);
  expect(lines).toContain('file data shmem 4');
});

test('what the agent has no room for is said', () => {
  const regions = Array.from({ length: 32 }, (_, i) => `  r${i}: { size: 4KiB }\n`).join('');
  const workload = compile(parseFixture(fixtureText('crowded', regions), 'crowded.yaml'));
  expect(() => jobOf(workload)).toThrow('crowded has 33 regions; the agent has room for 32');
});

test('every fixture fits', () => {
  for (const { fixture } of loadFixtures([])) {
    const { steps } = jobOf(compile(fixture));
    expect(steps.map(({ id }) => id)).toEqual(steps.map((_, i) => i));
  }
});
