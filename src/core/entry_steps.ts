/**
 * Reading and writing entries in memory. Every write says what it changed to the watch and to the cost.
 * Source: arch/x86/include/asm/pgtable.h, mm/pgtable-generic.c (4.19).
 */
import { assert } from './assert';
import * as e from './entry';
import { NONE } from './entry';
import { lose, lossesBy } from './lingering';
import { LockSteps } from './lock_steps';
import type { SpinLock } from './locks';
import { entryObject, tlbObject } from './objects';
import { done, type Run } from './run';
import { Level, Slot, type Table } from './table';
import type { Pte } from './units';

export abstract class EntrySteps extends LockSteps {
  /** READ_ONCE(*pte), with or without the lock. */
  pte_get(slot: Slot): Run<Pte> {
    if (this.m.solo) return done(slot.peek());
    return this.step('read', entryObject(slot.table.id, slot.index), false, () => slot.peek());
  }
  pmd_get(slot: Slot): Run<Pte> {
    return this.pte_get(slot);
  }
  /** pmd_none_or_trans_huge_or_clear_bad(): true means "do not walk a PTE table here". */
  pmd_trans_unstable(slot: Slot): Run<boolean> {
    if (this.m.solo) return done(!e.pmd_is_table(slot.peek()));
    return this.step(
      'read',
      entryObject(slot.table.id, slot.index),
      false,
      () => !e.pmd_is_table(slot.peek()),
    );
  }

  /** Stores an entry. The lock of the table must be held. */
  set_pte_at(slot: Slot, value: Pte): Run<void> {
    if (this.m.solo || (slot.table.level === Level.pte && !slot.table.published)) {
      this.put(slot, value);
      return done(undefined);
    }
    return this.change(
      'write',
      slot,
      () => value,
      () => this.put(slot, value),
    );
  }
  set_pmd_at(slot: Slot, value: Pte): Run<void> {
    return this.set_pte_at(slot, value);
  }

  /** Atomic read-and-zero: A and D that hardware sets later cannot be lost. */
  ptep_get_and_clear(slot: Slot): Run<Pte> {
    if (this.m.solo) return done(this.exchange(slot, NONE));
    return this.change(
      'clear',
      slot,
      () => NONE,
      () => this.exchange(slot, NONE),
    );
  }
  ptep_modify_prot_start(slot: Slot): Run<Pte> {
    return this.ptep_get_and_clear(slot);
  }
  ptep_modify_prot_commit(slot: Slot, value: Pte): Run<void> {
    return this.set_pte_at(slot, value);
  }
  pmdp_huge_get_and_clear(slot: Slot): Run<Pte> {
    return this.ptep_get_and_clear(slot);
  }
  /** Clears RW in memory, atomically. Returns the value before. */
  ptep_set_wrprotect(slot: Slot): Run<Pte> {
    return this.update(slot, 'clear RW', e.pte_wrprotect);
  }
  pmdp_set_wrprotect(slot: Slot): Run<Pte> {
    return this.ptep_set_wrprotect(slot);
  }
  /** An atomic read-modify-write of an entry. Returns the value before. */
  update(slot: Slot, label: string, change: (old: Pte) => Pte): Run<Pte> {
    return this.change(label, slot, change, () => {
      const old = slot.peek();
      this.put(slot, change(old));
      return old;
    });
  }
  /**
   * A step that changes an entry. Where hardware acts on its own it also tells which CPUs may go on with what the entry
   * said before: a flush that reaches them has to come after.
   */
  private change<T>(label: string, slot: Slot, value: (old: Pte) => Pte, action: () => T): Run<T> {
    const object = entryObject(slot.table.id, slot.index);
    if (this.m.config.hardware === null) return this.step(label, object, true, action);
    const objects = (): number[] => [object, ...this.losers(slot, value(slot.peek()))];
    return this.stepOn(label, objects, () => (1 << objects().length) - 1, action);
  }
  /** The TLBs in which something lingers once an entry has changed; then each is of one part. */
  private losers(slot: Slot, value: Pte): number[] {
    return [...new Set(lossesBy(this.m, slot, value).map(({ cpu }) => tlbObject(cpu, 0)))];
  }
  /**
   * arch/x86/mm/pgtable.c:ptep_set_access_flags(). Stores only where `dirty`; never flushes on x86.
   * @returns whether the value differs
   */
  ptep_set_access_flags(slot: Slot, value: Pte, dirty: boolean): Run<boolean> {
    const object = entryObject(slot.table.id, slot.index);
    const stores = (): boolean => dirty && slot.peek() !== value;
    const losers = (): number[] =>
      this.m.config.hardware !== null && stores() ? this.losers(slot, value) : [];
    return this.stepOn(
      'access flags',
      () => [object, ...losers()],
      () => (stores() ? (2 << losers().length) - 1 : 0),
      () => {
        const changed = slot.peek() !== value;
        if (stores()) this.put(slot, value);
        return changed;
      },
    );
  }

  /** Puts a table of PTEs where a PMD entry is empty. Under the pmd lock, or alone. */
  pmd_populate(slot: Slot, table: Table): Run<void> {
    return this.step('populate', entryObject(slot.table.id, slot.index), true, () => {
      assert(!slot.table.child.has(slot.index), 'pmd_populate(): the PMD entry has a table already');
      slot.table.child.set(slot.index, table);
      table.published = true;
      this.put(slot, e.PMD_TABLE);
    });
  }
  /** Takes the table of PTEs out of a PMD entry, as khugepaged and free_pgtables() do. */
  pmd_clear_table(slot: Slot): Run<Table | undefined> {
    return this.change(
      'clear table',
      slot,
      () => NONE,
      () => {
        const table = slot.table.child.get(slot.index);
        if (this.m.config.hardware !== null) lose(this.m, lossesBy(this.m, slot, NONE));
        slot.table.child.delete(slot.index);
        this.put(slot, NONE);
        return table;
      },
    );
  }
  pmd_lockptr(slot: Slot): SpinLock {
    return slot.table.lock;
  }
  pte_lockptr(slot: Slot): SpinLock {
    return slot.table.lock;
  }

  slot(table: Table, index: number): Slot {
    return new Slot(table, index);
  }
  /** A or D set by the CPU in the course of an access; part of that access's step. */
  hardware_sets(slot: Slot, value: Pte): void {
    this.put(slot, value);
  }

  private exchange(slot: Slot, value: Pte): Pte {
    const old = slot.table.entries[slot.index]! as Pte;
    this.put(slot, value);
    return old;
  }

  /** The one place where an entry in memory changes, hardware's A and D included. */
  protected put(slot: Slot, value: Pte): void {
    const { table } = slot;
    const before = table.entries[slot.index]! as Pte;
    if (this.m.config.hardware !== null) lose(this.m, lossesBy(this.m, slot, value));
    table.entries[slot.index] = value;
    if (this.m.watch === null || before === value) return;
    this.m.watch({
      kind: 'entry',
      task: this.task,
      mmId: table.mmId,
      va: slot.va,
      huge: table.level === Level.pmd,
      before,
      after: value,
    });
  }
}
