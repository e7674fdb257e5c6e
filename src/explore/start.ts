/**
 * Where every execution of one fixture under one kernel begins: the machine after the fixture's start steps, with
 * what the observer made of them.
 */
import { clone, type KernelClass, Level, type Machine, PAGE_SIZE, vaddr, type Watch } from '../core/index';
import { boot, type Workload } from '../workload/index';

/** Somebody who watches a run and keeps notes. The notes are plain data, copied together with the machine. */
export interface Observer<Notes extends object> {
  /** Notes of a machine that has not run yet. */
  begin(workload: Workload): Notes;
  watch(machine: Machine, notes: Notes): Watch;
  /** Nobody asks for more than what the notes come to: rounds of start steps that change nothing need not be shown. */
  readonly needsNoRounds?: boolean;
}

export interface Start<Notes extends object> {
  readonly workload: Workload;
  readonly Kernel: KernelClass;
  readonly machine: Machine;
  readonly observer: Observer<Notes>;
  readonly notes: Notes;
}

/** Boots the machine and performs the start steps. Throws FixtureError where a start step cannot be performed. */
export function prepare<Notes extends object>(
  workload: Workload,
  Kernel: KernelClass,
  observer: Observer<Notes>,
): Start<Notes> {
  const notes = observer.begin(workload);
  const watched = (m: Machine): void => {
    m.watch = observer.watch(m, notes);
  };
  const machine = boot(workload, Kernel, watched, observer.needsNoRounds ? notes : null);
  machine.watch = null;
  if (workload.tasks.size > 1) addUpperTables(machine, workload);
  machine.pages.trim();
  return { workload, Kernel, machine, observer, notes };
}

/**
 * The tables above the PMD entries of every region, although untouched. Whether they exist tells nobody anything that
 * empty entries would not tell; but a look at an entry is a step, and a look for a table is none.
 */
function addUpperTables(machine: Machine, { regions }: Workload): void {
  const span = machine.spans[Level.pud]!;
  for (const mm of machine.mms) {
    if (mm.exited) continue;
    for (const { start, pages } of regions.values()) {
      const end = start + pages * PAGE_SIZE;
      for (let va: number = start; va < end; va += span - (va % span)) machine.pmd_alloc(mm, vaddr(va));
    }
  }
}

/** A copy of the start that a run may spend. */
export function fresh<Notes extends object>(start: Start<Notes>): { machine: Machine; notes: Notes } {
  const copy = clone({ machine: start.machine, notes: start.notes });
  copy.machine.watch = start.observer.watch(copy.machine, copy.notes);
  return copy;
}
