/** Hardware that acts on its own (machine: { hardware: true }): the search with reduction finds what the plain one does. */
import { type Override, workload } from '../judge/broken_kernel';
import { findings, lost, plain, random, reduced } from './searches';

const withoutFlush: Override = {
  *change_protection_range(k, vma, from, to, newprot, cp_flags) {
    return yield* k.change_upper_range(vma, vma.vm_mm.pgd, from, to, newprot, cp_flags);
  },
};
const unasked = 'machine: { hardware: true }\n';
const one = `${unasked}memory:\n  guest: { size: 4KiB }\n`;
const event = 'shows: [handle_userfault]\n';
const protectBeside = `${one}start:\n  - main: write guest\n  - monitor: uffd_register guest\ntasks:\n  vcpu: [wait protected, write guest]\n  monitor: [uffd_protect guest, post protected, uffd_serve]\n${event}`;

test('x', () => {
  for (const override of [{}, withoutFlush]) {
    const [less, all, some] = findings(
      workload(protectBeside),
      'uffd-wp-bit',
      override,
      reduced,
      plain(3000),
      random(150),
    )!;
    console.log(
      JSON.stringify([
        less!.explored,
        all!.explored,
        [...less!.broken.keys()],
        [...all!.broken.keys()],
        [...less!.ends.keys()].length,
        [...all!.ends.keys()].length,
      ]),
    );
    console.log([...lost(all!, less!), ...lost(some!, less!)].join('\n'));
  }
});
