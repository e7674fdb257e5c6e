/**
 * Flushing TLBs. One step per CPU that has something to lose: the interrupts of a shootdown arrive one after another.
 * CPUs that hold nothing of it answer together with the next one that does, because when they answer changes nothing
 * for them; what such a CPU fetches later is newer than the change that is flushed for.
 * Source: arch/x86/mm/tlb.c, mm/pgtable-generic.c, mm/rmap.c (4.19).
 */
import * as e from './entry';
import type { Mm } from './mm';
import { mmCountersObject, tlbBatchedObject, tlbObject } from './objects';
import { PagevecSteps } from './pagevec_steps';
import type { Run, Step } from './run';
import type { Slot } from './table';
import type { Task } from './task';
import { allTlbParts, tlbPartsOf } from './tlb_parts';
import { PAGE_SIZE, type Pte, plus, type Vaddr } from './units';

type Steps<T> = Generator<Step, T, undefined>;

export abstract class TlbSteps extends PagevecSteps {
  private *flush(
    mm: Mm,
    label: string,
    parts: readonly number[],
    holds: (cpu: number) => boolean,
    drop: (cpu: number) => void,
  ): Steps<void> {
    this.m.cost.tlbFlushes++;
    const isOn = ({ id, done, mm: its }: Task): boolean => its === mm && !(done && this.m.tlbs[id]!.isEmpty);
    let left: readonly number[] = this.m.tasks.filter(isOn).map(({ id }) => id);
    while (left.length > 0) left = yield* this.answer(left, label, parts, holds, drop);
  }
  /** @returns the CPUs that have not answered yet */
  private answer(
    cpus: readonly number[],
    label: string,
    parts: readonly number[],
    holds: (cpu: number) => boolean,
    drop: (cpu: number) => void,
  ): Run<readonly number[]> {
    const answering = (): readonly number[] => cpus.slice(0, cpus.findIndex(holds) + 1 || cpus.length);
    return this.stepOn(
      label,
      () => answering().flatMap((cpu) => parts.map((part) => tlbObject(cpu, part))),
      // A flush that finds nothing changes nothing.
      () => (cpus.some(holds) ? ((1 << parts.length) - 1) << (parts.length * (answering().length - 1)) : 0),
      () => {
        const now = answering();
        drop(now[now.length - 1]!);
        return cpus.slice(now.length);
      },
    );
  }
  *flush_tlb_range(mm: Mm, start: Vaddr, end: Vaddr): Steps<void> {
    const size = this.m.HPAGE_PMD_SIZE;
    yield* this.flush(
      mm,
      'flush range',
      tlbPartsOf(this.m.tlbBorders, start, end),
      (cpu) => this.m.tlbs[cpu]!.holds(start, end, size),
      (cpu) => this.m.tlbs[cpu]!.flush(start, end, size),
    );
  }
  *flush_tlb_page(mm: Mm, va: Vaddr): Steps<void> {
    yield* this.flush_tlb_range(mm, va, plus(va, PAGE_SIZE));
  }
  *flush_tlb_mm(mm: Mm): Steps<void> {
    yield* this.flush(
      mm,
      'flush all',
      allTlbParts(this.m.tlbBorders),
      (cpu) => !this.m.tlbs[cpu]!.isEmpty,
      (cpu) => this.m.tlbs[cpu]!.flushAll(),
    );
  }

  *ptep_clear_flush(mm: Mm, slot: Slot): Steps<Pte> {
    const old = yield* this.ptep_get_and_clear(slot);
    if (e.pte_present(old)) yield* this.flush_tlb_page(mm, slot.va);
    return old;
  }
  *pmdp_huge_clear_flush(mm: Mm, slot: Slot): Steps<Pte> {
    const old = yield* this.pmdp_huge_get_and_clear(slot);
    yield* this.flush_tlb_range(mm, slot.va, plus(slot.va, this.m.HPAGE_PMD_SIZE));
    return old;
  }
  /** mm/pgtable-generic.c:pmdp_invalidate(). Faithful: not present for hardware, PSE kept, flushed; returns the old value. */
  *pmdp_invalidate(mm: Mm, slot: Slot): Steps<Pte> {
    const old = yield* this.update(slot, 'invalidate', e.pmd_mknotpresent);
    yield* this.flush_tlb_range(mm, slot.va, plus(slot.va, this.m.HPAGE_PMD_SIZE));
    return old;
  }

  // Counting up and down commutes, looking does not: so those who count are announced as the readers of the object
  // and those who look as its writers.
  inc_tlb_flush_pending(mm: Mm): Run<void> {
    return this.step('tlb_flush_pending++', mmCountersObject(mm.id), false, () => {
      mm.tlb_flush_pending++;
    });
  }
  dec_tlb_flush_pending(mm: Mm): Run<void> {
    return this.step('tlb_flush_pending--', mmCountersObject(mm.id), false, () => {
      mm.tlb_flush_pending--;
    });
  }
  mm_tlb_flush_pending(mm: Mm): Run<boolean> {
    return this.step('tlb_flush_pending?', mmCountersObject(mm.id), true, () => mm.tlb_flush_pending > 0);
  }
  mm_tlb_flush_nested(mm: Mm): Run<boolean> {
    return this.step('tlb_flush_nested?', mmCountersObject(mm.id), true, () => mm.tlb_flush_pending > 1);
  }
  /** mm/rmap.c:flush_tlb_batched_pending(). Faithful. */
  *flush_tlb_batched_pending(mm: Mm): Steps<void> {
    const batched = yield* this.step(
      'tlb_flush_batched?',
      tlbBatchedObject(mm.id),
      false,
      () => mm.tlb_flush_batched,
    );
    if (!batched) return;
    yield* this.flush_tlb_mm(mm);
    yield* this.step('tlb_flush_batched := 0', tlbBatchedObject(mm.id), true, () => {
      mm.tlb_flush_batched = false;
    });
  }
  set_tlb_ubc_flush_pending(mm: Mm): Run<void> {
    return this.step('tlb_flush_batched := 1', tlbBatchedObject(mm.id), true, () => {
      mm.tlb_flush_batched = true;
    });
  }
}
