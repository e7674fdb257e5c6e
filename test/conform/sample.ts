/** Jobs and reports to test with. */
import type { KernelFeatures } from '../../src/conform/observation';
import { sumOf } from '../../src/conform/report_reader';
import { type Job, jobOf } from '../../src/conform/steps';
import { parseFixture } from '../../src/workload/parse';
import { compile } from '../../src/workload/workload';

export const fixtureText = (name: string, more = ''): string => `name: ${name}
asks: Can a written page be un-protected?
source: guide 1.1
memory:
  guest: { size: 16KiB }
${more}start:
  - vcpu: write guest
  - monitor: uffd_register guest
  - monitor: uffd_protect guest[1..2]
tasks:
  vcpu: ["write guest[1] = 7"]
  monitor: [uffd_serve]
finally:
  - vcpu: { repeat: 3, steps: ["read guest[1]"] }
`;

export const job = (name: string): Job =>
  jobOf(compile(parseFixture(fixtureText(name), `${name}.yaml`)), { limit: 20, turn: 2 });

/** One that never opens a userfaultfd. */
export function withoutUffd(name: string): Job {
  const text = `name: ${name}\nasks: Is it there?\nsource: guide 1.1\nmemory: { guest: { size: 16KiB } }\nstart: [{ vcpu: write guest }]\n`;
  return jobOf(compile(parseFixture(text, `${name}.yaml`)), { limit: 20, turn: 2 });
}

/** A line of the report. */
export function line(record: object): string {
  const json = JSON.stringify(record);
  return `@${sumOf(json).toString(16).padStart(4, '0')} ${json}\n`;
}

export const hello = (features: object = { userfaultfd: 1, nodes: 2 }): string =>
  line({ k: 'hello', protocol: 1, release: '6.1.0', features });

export const turn = (op: number, more: object = {}): string =>
  line({
    ...{ k: 'turn', actor: 'vcpu', op, how: 'ended', messages: [] },
    ...{ ends: [{ actor: 'vcpu', op, result: 0, minor: 1, major: 0 }] },
    ...more,
  });

export const jobEnd = (more: object = {}): string =>
  line({ k: 'jobend', through: true, waits: [['monitor', 4]], stuck: 0, ...more });

/** Of the kernel that was watched: 6.18.44, without soft-dirty and without swap. */
export const features: KernelFeatures = {
  release: '6.18.44',
  userfaultfd: true,
  userfaultfdErrno: 0,
  userfaultfdFeatures: 0,
  softDirty: false,
  pagemapScan: true,
  scanCategories: 0x1ff,
  emptyWritten: true,
  holesWritten: true,
  kpageflags: true,
  ksmFlag: true,
  frames: true,
  ksm: true,
  swap: false,
  nodes: 1,
  fs: true,
  thp: true,
};
