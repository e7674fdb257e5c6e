import {
  defaultConfig,
  entry as e,
  type Happening,
  Machine,
  type Pfn,
  type Pgprot,
  type Pte,
} from '../../src/core/index';
import type { Vaddr } from '../../src/core/units';
import { follow } from '../../src/judge/follow';
import { newNotes } from '../../src/judge/notes';
import { isBeingWithdrawn } from '../../src/judge/withdrawn';
import { found, type Override } from './broken_kernel';

const protectsWithoutFlush: Override = {
  *change_protection_range(k, vma, start, end, newprot, cp_flags) {
    return yield* k.change_upper_range(vma, vma.vm_mm.pgd, start, end, newprot, cp_flags);
  },
};

describe('a stale store is not excused by what another process does', () => {
  const tasks = {
    writer: 'writer: ["write guest[0]"]',
    changer: 'changer: [mprotect guest r]',
    child: 'child: [madvise guest dontneed]',
  };
  test.each([
    { order: ['writer', 'changer', 'child'] },
    { order: ['changer', 'child', 'writer'] },
    { order: ['child', 'writer', 'changer'] },
    { order: ['child', 'changer', 'writer'] },
  ] as const)('where they begin in the order $order', ({ order }) => {
    const body = `memory:
  guest: { size: 4KiB }
start:
  - writer: write guest
  - writer: fork child
  - child: write guest
  - writer: write guest
tasks:
${order.map((actor) => `  ${tasks[actor]}\n`).join('')}`;
    expect(found('linux-4.19', body, protectsWithoutFlush)).toContain('stale-store');
    // The kernel that flushes is not accused.
    expect(found('linux-4.19', body)).toEqual([]);
  });
});

const bits = (frame: number, ...all: number[]): Pte =>
  e.pfn_pte(frame as Pfn, all.reduce((sum, bit) => sum | bit, 0) as Pgprot);
const readable = bits(515, e._PAGE_PRESENT, e._PAGE_ACCESSED);
const writable = bits(515, e._PAGE_PRESENT, e._PAGE_RW);
const at = 0x7000 as Vaddr;

interface Changed {
  before: Pte;
  now: Pte;
  huge?: boolean;
}

/** What is noted after an entry became another one, and something else happened. */
function after({ before, now, huge = false }: Changed, ...others: ((m: Machine) => Happening)[]): boolean {
  const m = new Machine({ ...defaultConfig, entries: 8 });
  const mm = m.newMm('program');
  const task = m.newTask('changer', mm);
  m.newTask('other', mm);
  m.solo = false;
  task.inKernel = true;
  const notes = newNotes();
  follow({ kind: 'entry', task, mmId: mm.id, va: at, huge, before, after: now }, m, notes);
  for (const other of others) follow(other(m), m, notes);
  return isBeingWithdrawn(m, notes, mm, at);
}

test.each([
  { what: 'of an entry that is gone', before: readable, now: e.NONE, is: true },
  { what: 'of one that is read-only now', before: writable, now: readable, is: true },
  {
    what: 'of one that is hidden from hardware',
    before: readable,
    now: bits(515, e._PAGE_PROTNONE),
    is: true,
  },
  { what: 'of another frame', before: readable, now: bits(516, e._PAGE_PRESENT), is: true },
  { what: 'of a page table that is gone', before: e.PMD_TABLE, now: e.NONE, huge: true, is: true },
  { what: 'not of one that is writable now', before: readable, now: writable, is: false },
  { what: 'not of one that has lost A', before: readable, now: bits(515, e._PAGE_PRESENT), is: false },
  { what: 'not of one that was hidden before', before: bits(515, e._PAGE_PROTNONE), now: e.NONE, is: false },
  { what: 'not of an empty one', before: e.NONE, now: readable, is: false },
])('a translation may be in use for a while: $what', ({ is, ...changed }) => {
  expect(after(changed)).toBe(is);
});

const access = (task: number, kind: 'load' | 'store', by: 'user' | 'gup') => (m: Machine) =>
  ({
    kind,
    task: m.task(task),
    mm: m.mm(0),
    va: at,
    page: 515,
    content: 1,
    access: by,
    stale: false,
  }) as Happening;
const call = (kind: 'call' | 'return') => (m: Machine) =>
  ({
    kind,
    task: m.task(0),
    name: 'mprotect',
    mm: m.mm(0),
    start: at,
    end: at + 4096,
    args: {},
    result: 0,
  }) as Happening;
const fault = (task: number) => (m: Machine) =>
  ({ kind: 'fault', task: m.task(task), va: at, flags: 0 }) as Happening;

test.each([
  { what: 'its call returns', others: [call('return')], is: false },
  { what: 'its own store succeeds', others: [access(0, 'store', 'user')], is: false },
  { what: 'its own load succeeds', others: [access(0, 'load', 'user')], is: false },
  { what: 'it faults again', others: [fault(0)], is: false },
  { what: 'not when it faults within a call', others: [call('call'), fault(0)], is: true },
  { what: 'not when somebody else stores', others: [access(1, 'store', 'user')], is: true },
  { what: 'not when somebody else faults', others: [fault(1)], is: true },
  {
    what: 'not when it stores for somebody within the kernel',
    others: [access(0, 'store', 'gup')],
    is: true,
  },
])('whoever has withdrawn it is done with it when $what', ({ others, is }) => {
  expect(after({ before: writable, now: readable }, ...others)).toBe(is);
});

test('whoever is not in the kernel any more has no excuse', () => {
  expect(
    after({ before: writable, now: readable }, (m) => {
      m.task(0).inKernel = false;
      return { kind: 'log', task: m.task(0), text: '' };
    }),
  ).toBe(false);
});
