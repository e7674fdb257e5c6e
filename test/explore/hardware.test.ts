/** What a CPU does unasked: without the walk no run has the stale entry, without the drop every run has it. */

import { type Override, workload } from '../judge/broken_kernel';
import { findings, reduced } from './searches';

const withoutFlush: Override = {
  *change_protection_range(k, vma, from, to, newprot, cp_flags) {
    return yield* k.change_upper_range(vma, vma.vm_mm.pgd, from, to, newprot, cp_flags);
  },
};
const start = (who: string): string =>
  `memory:\n  guest: { size: 4KiB }\nstart:\n  - ${who}: write guest\n  - monitor: uffd_register guest\n`;

interface Row {
  shows: string;
  body: string;
  broken: string[];
  reached: string[];
  override?: Override;
}

const event = 'shows: [handle_userfault]\n';
const protectBeside = (...hardware: string[]): string =>
  `${start('main')}tasks:\n  vcpu: [wait protected, write guest]\n  monitor: [uffd_protect guest, post protected, uffd_serve]\n${hardware.map((step) => `  hardware: ["${step}"]\n`).join('')}${event}`;
const warm = (...hardware: string[]): string =>
  `${start('vcpu')}  - monitor: uffd_protect guest\ntasks:\n  vcpu: [write guest]\n  monitor: [uffd_serve]\n${hardware.map((step) => `  hardware: ["${step}"]\n`).join('')}${event}`;

const rows: Row[] = [
  {
    shows: 'a protection without a flush holds for a CPU that never had the translation',
    body: protectBeside(),
    override: withoutFlush,
    broken: [],
    reached: ['handle_userfault'],
  },
  {
    shows: 'a CPU that fetched it ahead writes past that protection',
    body: protectBeside('tlb_fill vcpu guest'),
    override: withoutFlush,
    broken: ['stale-store', 'armed-store'],
    reached: ['handle_userfault'],
  },
  {
    shows: 'a flush is enough',
    body: protectBeside('tlb_fill vcpu guest'),
    broken: [],
    reached: ['handle_userfault'],
  },
  {
    shows: 'a translation that nobody flushes is used',
    body: warm(),
    override: withoutFlush,
    broken: ['stale-store', 'armed-store'],
    reached: [],
  },
  {
    shows: 'the CPU may have lost it by then',
    body: warm('tlb_drop vcpu guest'),
    override: withoutFlush,
    broken: ['stale-store', 'armed-store'],
    reached: ['handle_userfault'],
  },
];

test.each(rows)('$shows', ({ body, override = {}, broken, reached }) => {
  const [found] = findings(workload(body), 'uffd-wp-bit', override, reduced)!;
  expect(found!.explored!.complete).toBe(true);
  expect([...found!.broken.keys()]).toEqual(broken);
  expect([...found!.reached.keys()]).toEqual(reached);
});

test('only the CPU of an actor that runs from the start can be named', () => {
  const body = `${start('main')}tasks:\n  vcpu: [write guest]\n  hardware: [tlb_fill vcqu guest]\n`;
  expect(() => workload(body)).toThrow(/there is no actor "vcqu"; did you mean "vcpu"\?; allowed: /);
});
