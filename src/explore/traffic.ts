/**
 * Who touches what, and under which spinlocks, as far as a search has seen it. By that it knows steps of which nobody
 * else can take notice: on what no other touches in a way that matters, or only while holding a lock that this one
 * holds. Such a step changes places with all that others can do meanwhile, so nothing is lost where it simply belongs
 * to the step before it (Lipton: "Reduction: A Method of Proving Properties of Parallel Programs", CACM 1975).
 */
import { isHeldBy, kindOf, type Machine, mmapSemObject, type Task } from '../core/index';
import { type Footprint, Manner, mannerOf } from './footprint';

/** What was seen of one object; actors are bits. */
interface Touched {
  readers: number;
  writers: number;
  /** Those whose writes change places with others of their kind. */
  commuters: number;
  /** Spinlocks that were held at every touch so far, and at every write; null before the first. */
  underAlways: readonly number[] | null;
  underWrites: readonly number[] | null;
}

export class Traffic {
  private readonly objects = new Map<number, Touched>();
  /** By mmap_sem: those who look at it without waiting for it, which nobody does with a spinlock; bits. */
  private readonly lookers = new Map<number, number>();
  private hasNews = false;
  /** By actor: with whom it has to do, itself included, directly or by way of others; bits. */
  private readonly company: number[] = [];
  /** By actor: of whom was said that they have nothing to do with it. */
  private readonly strangers: number[] = [];

  /**
   * A search begins.
   * @param twins by actor: another one, in whose place it may begin
   * @param end one more than the last position; where hardware has some, what its moves touch depends on too much
   */
  begin(twins: readonly number[], end: number): void {
    for (const [i, twin] of twins.entries()) this.introduce((1 << twin) | (1 << i));
    if (end > twins.length) this.introduce((1 << end) - 1);
  }

  /** @param locks that the actor holds when it takes the step */
  note(actor: number, step: Footprint, locks: Task['spinlocks']): void {
    for (let i = 0; i < step.releasesFrom; i++) {
      const object = step.objects[i]!;
      if (!step.acquires && kindOf(object) === 'mmap_sem') this.noteLooker(1 << actor, object);
      this.noteOne(1 << actor, object, mannerOf(step, i), locks);
    }
  }

  /**
   * What a step gave up at its end for good, see leaveCpu(): nobody waits for that, so it counts as written.
   * @param step with what it released
   */
  noteLeft(actor: number, { objects, releasesFrom }: Footprint): void {
    for (let i = releasesFrom; i < objects.length; i++)
      if (kindOf(objects[i]!) === 'tlb') this.noteOne(1 << actor, objects[i]!, Manner.write, []);
  }

  private noteLooker(actor: number, sem: number): void {
    const known = this.lookers.get(sem) ?? 0;
    if (known & actor) return;
    this.lookers.set(sem, known | actor);
    this.hasNews = true;
  }

  /**
   * Whether somebody else may find that an actor has an mmap_sem. Its next step may release it, which is only known
   * afterwards, so the moment before is one at which others may act.
   */
  isFoundHolding(actor: number, { id: task }: Task, { mms }: Machine): boolean {
    const others = ~(1 << actor);
    const isLookedAt = (mm: number): boolean => ((this.lookers.get(mmapSemObject(mm)) ?? 0) & others) !== 0;
    return (
      this.lookers.size > 0 && mms.some(({ id, mmap_sem }) => isHeldBy(mmap_sem, task) && isLookedAt(id))
    );
  }

  private noteOne(actor: number, object: number, manner: Manner, locks: Task['spinlocks']): void {
    let touched = this.objects.get(object);
    if (!touched) {
      touched = { readers: 0, writers: 0, commuters: 0, underAlways: null, underWrites: null };
      this.objects.set(object, touched);
    }
    const wasContested = isContested(touched);
    if (manner === Manner.read) touched.readers |= actor;
    else if (manner === Manner.write) touched.writers |= actor;
    else touched.commuters |= actor;
    const { underAlways, underWrites } = touched;
    touched.underAlways = alsoUnder(underAlways, locks);
    if (manner !== Manner.read) touched.underWrites = alsoUnder(underWrites, locks);
    const isLess = touched.underAlways !== underAlways || touched.underWrites !== underWrites;
    if (!isContested(touched)) return;
    if (isLess || !wasContested) this.hasNews = true;
    this.introduce(touched.readers | touched.writers | touched.commuters);
  }

  /** Whether something was seen since it was last asked, by which a step that went unnoticed could be noticed. */
  hasLearned(): boolean {
    const { hasNews } = this;
    this.hasNews = false;
    return hasNews;
  }

  /** @param actors who have to do with each other */
  private introduce(actors: number): void {
    const known = this.company[31 - Math.clz32(actors)] ?? 0;
    if ((known & actors) === actors) return;
    let all = actors;
    for (const company of this.company) if (company & actors) all |= company;
    for (let i = 0; all >> i !== 0; i++) {
      if (((all >> i) & 1) === 0) continue;
      this.company[i] = all;
      if ((this.strangers[i] ?? 0) & all) this.hasNews = true;
    }
  }

  /**
   * Whether what one does may matter to the other, in any run from here on. Those who have nothing to do with each
   * other need not be tried in different orders.
   */
  private haveToDo(a: number, b: number): boolean {
    return a === b || (((this.company[a] ?? 0) >> b) & 1) === 1;
  }

  /** Of these, the ones with whom an actor has to do. That the others have not must hold for the whole search. */
  companyOf(actor: number, positions: readonly number[]): readonly number[] {
    return positions.filter((i) => {
      const isNear = this.haveToDo(actor, i);
      if (!isNear) this.strangers[actor] = (this.strangers[actor] ?? 0) | (1 << i);
      return isNear;
    });
  }

  /** Who goes on best where an actor cannot: one of its company, so that theirs is over before that of others. */
  nextOf(actor: number, awake: readonly number[]): number | undefined {
    return awake.find((i) => this.haveToDo(actor, i)) ?? awake[0];
  }

  /**
   * Whether one of those who sleep will never wake, because his whole company sleeps or waits.
   * @param able who could step, those who sleep among them
   */
  sleepsForEver(
    able: readonly number[],
    asleep: ReadonlyMap<number, Footprint>,
    awake: readonly number[],
  ): boolean {
    const isAlone = (actor: number): boolean => !awake.some((i) => this.haveToDo(actor, i));
    const sleeper = able.find((actor) => asleep.has(actor) && isAlone(actor));
    return sleeper !== undefined && this.companyOf(sleeper, awake).length === 0;
  }

  /** Whether two actors touch the object in ways that have to keep their order. */
  isContested(object: number): boolean {
    const touched = this.objects.get(object);
    return touched !== undefined && isContested(touched);
  }

  /** Whether the order of this step and of what others do may matter. */
  isNoticed(step: Footprint, locks: Task['spinlocks']): boolean {
    for (let i = 0; i < step.releasesFrom; i++) {
      const touched = this.objects.get(step.objects[i]!);
      if (!touched || !isContested(touched)) continue;
      const guards = mannerOf(step, i) === Manner.read ? touched.underWrites : touched.underAlways;
      if (!guards!.some((id) => holds(locks, id))) return true;
    }
    return false;
  }
}

function isContested({ readers, writers, commuters }: Touched): boolean {
  const all = readers | writers | commuters;
  return (all & (all - 1)) !== 0 && (writers !== 0 || (commuters !== 0 && readers !== 0));
}

/** @returns the same list where none is gone */
function alsoUnder(before: readonly number[] | null, locks: Task['spinlocks']): readonly number[] {
  if (before === null) return locks.map(({ id }) => id);
  return before.every((id) => holds(locks, id)) ? before : before.filter((id) => holds(locks, id));
}

const holds = (locks: Task['spinlocks'], id: number): boolean => locks.some((lock) => lock.id === id);
