/** docs/model.md: what is modelled, from the comments of the kernel functions. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Described {
  readonly name: string;
  /** `mm/memory.c:do_wp_page()`, with the words that follow it. */
  readonly cites: string;
  readonly fidelity: string;
  readonly locks: string;
}

const folder = join(__dirname, '..', 'src', 'core', 'kernel');
const commented = /\/\*\*\n((?: \*.*\n)+?) \*\/\nexport (?:function\*?|const) (\w+)/g;
const cited = /^([\w./-]+\.[chS]:\w+\(\)(?:, [^.]+)?)\. (Faithful|Simplified: |Stubbed: )/;

function functionsOf(file: string): Described[] {
  const text = readFileSync(join(folder, file), 'utf8');
  return [...text.matchAll(commented)].flatMap(([, comment, name]) => {
    const said = comment!.replace(/^ \* ?/gm, '').split(/\n\s*\n|\n@/)[0]!;
    const [what = '', locks = ''] = said
      .replace(/\s+/g, ' ')
      .trim()
      .split(/ (?=Enters )/);
    const cites = cited.exec(what);
    if (!cites) return [];
    return [{ name: name!, cites: cites[1]!, fidelity: what.slice(cites[1]!.length + 2), locks }];
  });
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const top = `# The model

Written by \`npm run generate\` from the comments in \`src/core/kernel\`; a test says when it is stale.

## Linux and faultline

| Linux | faultline |
| --- | --- |
| a page table entry | one number with the x86-64 bits under their names, read and built by \`pte_*\` and \`pmd_*\` only (\`entry.ts\`) |
| page tables | four levels of tables that exist where they are needed; 512 entries each, fewer where a fixture may be searched faster (\`table.ts\`) |
| the TLB | one per CPU: filled by loads and stores, kept until it is flushed (\`tlb.ts\`, \`mmu.ts\`); with \`--hardware\` also whatever the CPU may have fetched ahead (\`lingering.ts\`) |
| A and D, set by hardware | set by a load or a store through an entry (\`mmu.ts\`); with \`--hardware\` A also by a CPU that fetches ahead |
| \`struct page\` | counts, flags, mapping and owner of the lock in columns; instead of bytes, which store was last (\`pages.ts\`) |
| \`mm_struct\`, \`vm_area_struct\` | \`mm.ts\`: the fields that the functions below read |
| a spinlock | an owner; taking it twice, or sleeping with it, is a bug of the kernel under test (\`lock_steps.ts\`) |
| \`mmap_sem\`, \`mmap_lock\` | readers or one writer; a waiting writer does not hold off new readers (\`locks.ts\`) |
| \`lock_page()\` | a lock of the page, waited for |
| two CPUs | two tasks whose steps come in any order: a step is one access to shared state (\`steps.ts\`) |
| a CPU's own variables | variables of a generator: nobody else sees them |
| a later kernel, a patch | functions that replace those of their base (\`variant.ts\`) |
| \`BUG_ON\`, \`VM_BUG_ON\` | told to the judge, and the task ends there; a warning is told and survived |
| the anon_vma lock, \`i_mmap_rwsem\` | none: a list of mappings is taken in one step, and each entry is locked and looked at again |
| a program | the steps of a fixture, each something that a program can do on a real kernel |

## Order of locks

\`mmap_sem\`, then the page lock, then a page table lock; a lock that comes earlier is taken under a later one by trylock
only. Nothing enforces it: a kernel that takes them in another order runs, and the search finds where it hangs.

## What is left out

Interrupts, RCU, memory ordering weaker than x86-64's, memory control groups, hugetlb, allocation that fails, and time:
what a kernel does after a while happens when a fixture's step asks for it. What a single function leaves out is said
in its row.
`;

/** Words for the count of each fidelity, so that nobody has to count rows. */
function summary(all: readonly Described[]): string {
  const count = (word: string): number => all.filter(({ fidelity }) => fidelity.startsWith(word)).length;
  return (
    `${all.length} functions: ${count('Faithful')} faithful, ${count('Simplified')} simplified, ` +
    `${count('Stubbed')} stubbed. They are those of Linux 4.19, on which all variants are based.`
  );
}

export function modelPage(): string {
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && file !== 'index.ts')
    .sort()
    .map((file) => ({ file, functions: functionsOf(file) }))
    .filter(({ functions }) => functions.length > 0);
  const sections = files.map(({ file, functions }) =>
    [
      `### src/core/kernel/${file}`,
      '',
      '| function | stands for | fidelity | locks |',
      '| --- | --- | --- | --- |',
      ...functions.map(({ name, cites, fidelity, locks }) => {
        const row = [`\`${name}\``, cell(cites), cell(fidelity), cell(locks)];
        return `| ${row.join(' | ')} |`;
      }),
    ].join('\n'),
  );
  const all = files.flatMap(({ functions }) => functions);
  return [top.trimEnd(), `## Functions\n\n${summary(all)}`, ...sections].join('\n\n').concat('\n');
}
