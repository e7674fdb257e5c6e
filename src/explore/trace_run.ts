/** Runs one schedule with everything written down. */
import {
  entry as e,
  type Happening,
  hex,
  Level,
  type Machine,
  mmapSemObject,
  type Pte,
  show_pte,
  type Table,
  type Task,
  type Tracer,
} from '../core/index';
import type { Workload } from '../workload/index';
import { nameOf, nameOfAddress, stateOf } from './describe';
import { Execution, runningActors } from './execution';
import type { Start } from './start';
import type { Change, EntryState, Trace, TraceLine } from './trace';

/** Wraps every kernel function so that the watch hears of it. */
export const tellAll: Tracer = {
  functions: 'all',
  enter: (k, name) => k.m.watch?.({ kind: 'enter', task: k.task, name }),
  leave: (k, name) => k.m.watch?.({ kind: 'leave', task: k.task, name }),
};

/**
 * @param start from a kernel that was built with tellAll
 * @param schedule whose turn it is, step by step; where it ends, whoever can goes on, the last actor first
 * @param found what the observer has found so far: what is new after a step is written into the trace
 */
export function traceRun<Notes extends object>(
  start: Start<Notes>,
  variant: string,
  schedule: readonly number[],
  found: (notes: Notes) => readonly string[],
): { trace: Trace; execution: Execution<Notes>; diverged: boolean } {
  const writer = new TraceWriter(start.workload);
  const watched: Start<Notes> = { ...start, observer: writer.beside(start) };
  const execution = new Execution(watched);
  writer.machine = execution.machine;
  const before = entriesOf(execution.machine, start.workload);
  let diverged = false;
  let seen = 0;
  const note = (position: number): void => {
    const broken = found(execution.notes);
    for (const text of broken.slice(seen)) writer.line(position, 'broken', text);
    seen = broken.length;
  };
  for (let i = 0; ; i++) {
    let position = schedule[i] ?? -1;
    if (position < 0 || !execution.canStep(position)) {
      if (i < schedule.length) diverged = true;
      const enabled = execution.enabled();
      if (enabled.length === 0) break;
      const last = execution.lastActor;
      position = enabled.includes(last) ? last : enabled[0]!;
    }
    writer.step(execution, position);
    note(execution.hardware.at(position)?.cpu ?? position);
  }
  const after = entriesOf(execution.machine, start.workload);
  writer.quietly = true;
  execution.finish();
  note(execution.lastActor < 0 ? writer.first() : execution.lastActor);
  const { actors, lines } = writer;
  const trace = { fixture: start.workload.fixture.name, variant, actors, lines, before, after };
  return { trace, execution, diverged };
}

class TraceWriter {
  readonly lines: TraceLine[] = [];
  /** Only what matters is written: the exit of the processes is the same for all. */
  quietly = false;
  machine: Machine | null = null;
  private readonly depths = new Map<number, number>();
  /** Those who run, in the order of the schedule's numbers; then whoever is heard of besides. */
  readonly actors: string[];

  constructor(private readonly workload: Workload) {
    this.actors = runningActors(workload).map(({ name }) => name);
  }

  /** Of a fixture without tasks, whoever was there first. */
  first(): number {
    const task = this.machine?.tasks[0];
    return this.actors.length > 0 || !task ? 0 : this.positionOf(task);
  }

  private positionOf(task: Task): number {
    const known = this.actors.indexOf(task.name);
    return known < 0 ? this.actors.push(task.name) - 1 : known;
  }

  /** The observer of `start`, with this writer listening, too. */
  beside<Notes extends object>(start: Start<Notes>): Start<Notes>['observer'] {
    return {
      begin: start.observer.begin,
      watch: (m, notes) => {
        const watch = start.observer.watch(m, notes);
        return (h) => {
          this.hear(h);
          watch(h);
        };
      },
    };
  }

  line(position: number, kind: TraceLine['kind'], text: string, changes: readonly Change[] = []): void {
    this.lines.push({ actor: position, depth: this.depths.get(position) ?? 0, kind, text, changes });
  }

  step<Notes extends object>(execution: Execution<Notes>, at: number): void {
    const { machine } = execution;
    const move = execution.hardware.at(at);
    const position = move?.cpu ?? at;
    const label = move?.label ?? execution.running[position]!.next?.label ?? '';
    const objects = execution.announced(at)?.objects ?? [];
    const before = objects.map((o) => stateOf(machine, this.workload, o));
    if (move) this.line(position, 'fault', `hardware: ${label}`);
    const first = this.lines.length;
    const depth = this.depths.get(position) ?? 0;
    const sems = machine.mms.map(({ id }) => mmapSemObject(id)).filter((sem) => !objects.includes(sem));
    const held = new Map(sems.map((sem) => [sem, stateOf(machine, this.workload, sem)]));
    execution.take(at);
    const changes = objects.flatMap((object, i) => {
      const after = stateOf(machine, this.workload, object);
      if (after === before[i]) return [];
      return [{ object: nameOf(machine, this.workload, object), before: before[i]!, after }];
    });
    const where =
      changes.length === 0 && objects[0] !== undefined ? nameOf(machine, this.workload, objects[0]) : '';
    const text = where === '' || label.includes(where) ? label : `${label} ${where}`;
    this.lines.splice(first, 0, { actor: position, depth, kind: 'step', text, changes });
    for (const [sem, was] of held) {
      const after = stateOf(machine, this.workload, sem);
      if (after === was) continue;
      const object = nameOf(machine, this.workload, sem);
      this.line(position, 'release', `release ${object}`, [{ object, before: was, after }]);
    }
  }

  private hear(h: Happening): void {
    if (!('task' in h)) return;
    if (this.quietly && h.kind !== 'bug' && h.kind !== 'signal') return;
    const position = this.positionOf(h.task);
    if (h.kind === 'enter') {
      this.line(position, 'call', `${h.name}()`);
      this.depths.set(position, (this.depths.get(position) ?? 0) + 1);
    } else if (h.kind === 'leave') {
      this.depths.set(position, Math.max(0, (this.depths.get(position) ?? 0) - 1));
    } else if (h.kind === 'unlock') {
      // A release is no step of its own, but whoever reads the run wants to see who holds what.
      const { name } = h.lock;
      const before = `held by ${h.task.name}`;
      this.line(position, 'release', `unlock ${name}`, [{ object: name, before, after: 'free' }]);
    } else {
      const told = this.tell(h);
      if (told) this.line(position, told.kind, told.text);
    }
  }

  private tell(h: Happening): { kind: TraceLine['kind']; text: string } | null {
    const at = (va: number): string => nameOfAddress(this.workload, va);
    switch (h.kind) {
      case 'begin':
        return { kind: 'fixture', text: h.text };
      case 'fault':
        return { kind: 'fault', text: `page fault at ${at(h.va)}, flags ${hex(h.flags)}` };
      case 'event':
        return { kind: 'event', text: `userfaultfd message: ${h.msg.event} ${at(h.msg.address)}` };
      case 'wake':
        return { kind: 'wake', text: `wakes ${h.woken.name}` };
      case 'signal':
        return { kind: 'signal', text: `${h.signal} at ${at(h.va)}: ${h.why}` };
      case 'log':
        return { kind: 'log', text: h.text };
      case 'bug':
        return { kind: 'bug', text: h.text };
      case 'return':
        return h.result < 0 ? { kind: 'fixture', text: `${h.name} returns ${h.result}` } : null;
      default:
        return null;
    }
  }
}

/** The entries of all regions, equal neighbours as one. */
export function entriesOf(m: Machine, workload: Workload): EntryState[] {
  const states: EntryState[] = [];
  for (const mm of m.mms) {
    const found: { va: number; entry: Pte; huge: boolean }[] = [];
    collect(mm.pgd, found);
    const prefix = m.mms.length > 1 ? `${mm.name}: ` : '';
    for (let i = 0; i < found.length; ) {
      const first = found[i]!;
      let j = i + 1;
      while (j < found.length && continues(found, i, j)) j++;
      const last = found[j - 1]!;
      const end = j - i > 1 ? ` .. ${nameOfAddress(workload, last.va)}` : '';
      states.push({
        where: `${prefix}${nameOfAddress(workload, first.va)}${end}`,
        entry: show_pte(first.entry),
      });
      i = j;
    }
  }
  return states;
}

const flagsOf = (text: string): string => text.slice(text.indexOf(' '));

function continues(found: { va: number; entry: Pte; huge: boolean }[], from: number, at: number): boolean {
  const [a, b] = [found[from]!, found[at]!];
  if (a.huge || b.huge || b.va - found[at - 1]!.va !== 4096) return false;
  return flagsOf(show_pte(a.entry)) === flagsOf(show_pte(b.entry));
}

function collect(table: Table, found: { va: number; entry: Pte; huge: boolean }[]): void {
  const leaf = table.level <= Level.pmd;
  for (let i = 0; i < table.size; i++) {
    const child = table.child.get(i);
    if (child) collect(child, found);
    else if (leaf && !e.pte_none(table.entries[i]! as Pte)) {
      found.push({
        va: table.addressOf(i),
        entry: table.entries[i]! as Pte,
        huge: table.level === Level.pmd,
      });
    }
  }
}
