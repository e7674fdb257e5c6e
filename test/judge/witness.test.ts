import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { judge } from '../../src/judge/index';
import { findings, random } from '../explore/searches';
import { kernelOf, workload } from './broken_kernel';

const file =
  'files:\n  data: { kind: fs, pages: 1 }\nmemory:\n  map: { size: 4KiB, file: data, share: true }\n';
/** A fixture of the project without its heading. */
const bodyOf = (name: string): string => {
  const text = readFileSync(join(__dirname, '..', '..', 'fixtures', `${name}.yaml`), 'utf8');
  return text.slice(text.search(/^(machine|files|memory):/m));
};

const rows = [
  {
    name: 'a dirty check beside writeback',
    base: 'page-dirty-check',
    body: `${file}start:\n  - main: write map\n  - main: mprotect map r\ntasks:\n  main: [mprotect map rw]\n  flusher: [fsync data]\nfinally:\n  - main: write map\n`,
    preemptions: { 'file-notified': 1 },
  },
  {
    name: 'copy-on-write beside a flush that is still to come',
    base: 'linux-5.9',
    body: bodyOf('unprotect-beside-stale-writer'),
    preemptions: { 'copy-has-no-writer': 1 },
  },
];

/** `a12b3` is three switches less one; those where the actor waited are no preemptions, so this is an upper bound. */
const switches = (schedule: string): number => (schedule.match(/[a-z]/g)?.length ?? 1) - 1;

test.each(rows)('$name', ({ base, body, preemptions }) => {
  const verdict = judge(workload(body), kernelOf(base));
  expect(judge(workload(body), kernelOf(base))).toEqual(verdict);
  const broken = 'broken' in verdict ? verdict.broken : [];
  expect(broken).toMatchObject(
    Object.entries(preemptions).map(([invariant, n]) => ({ invariant, preemptions: n })),
  );
  const [byChance] = findings(workload(body), base, {}, random(300))!;
  for (const [invariant, schedule] of byChance!.broken) {
    const found = broken.find((b) => b.invariant === invariant);
    expect(found!.preemptions).toBeLessThanOrEqual(switches(schedule));
  }
});
