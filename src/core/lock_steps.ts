/**
 * Taking and releasing locks, and what is noticed when they are misused. A misuse is a bug of the kernel under
 * test and is told to the watch; it is not an assertion of ours.
 */
import { KernelBug } from './assert';
import { addReader, NOBODY, type RwSem, type SpinLock } from './locks';
import { pageLockObject, spinlockObject } from './objects';
import { done, type Run } from './run';
import { Steps } from './steps';
import type { Pfn } from './units';
import type { BugKind } from './watch';

export abstract class LockSteps extends Steps {
  /** Tells of a bug that the kernel survives (a warning, a bad page). */
  warn(bug: BugKind, text: string): void {
    this.m.log.push({ task: this.task.id, text });
    this.m.watch?.({ kind: 'bug', task: this.task, bug, text });
  }
  /** BUG(): the task dies here, and what it holds stays held. */
  bug(bug: BugKind, text: string): never {
    this.warn(bug, text);
    throw new KernelBug(text);
  }
  /** The kernel log. */
  printk(text: string): void {
    this.m.log.push({ task: this.task.id, text });
    this.m.watch?.({ kind: 'log', task: this.task, text });
  }
  BUG_ON(condition: boolean, text: string): void {
    if (condition) this.bug('BUG', `kernel BUG at ${text}`);
  }
  VM_BUG_ON(condition: boolean, text: string): void {
    if (condition && this.m.config.debugVm) this.bug('VM_BUG_ON', `VM_BUG_ON at ${text}`);
  }
  /** Called where a real kernel may schedule: a spinlock held here is a bug, and so is lazy MMU mode. */
  might_sleep(where: string): void {
    const held = this.task.spinlocks.at(-1);
    if (!held && !this.task.lazyMmu) return;
    const context = held ? `holding ${held.name}` : 'in lazy MMU mode';
    this.warn('sleep', `BUG: sleeping function called from invalid context at ${where} (${context})`);
  }

  spin_lock(lock: SpinLock): Run<void> {
    if (this.m.solo && lock.owner === NOBODY) {
      lock.owner = this.task.id;
      this.task.spinlocks.push(lock);
      return done(undefined);
    }
    if (lock.owner === this.task.id) this.warn('recursion', `spinlock recursion: ${lock.name} taken twice`);
    return this.acquire(
      `lock ${lock.name}`,
      spinlockObject(lock.id),
      true,
      () => lock.owner === NOBODY,
      lock.name,
      () => {
        lock.owner = this.task.id;
        this.task.spinlocks.push(lock);
      },
    );
  }
  spin_unlock(lock: SpinLock): Run<void> {
    const { spinlocks } = this.task;
    const at = spinlocks.lastIndexOf(lock);
    if (at < 0)
      this.bug('unreleased lock', `spinlock bad owner: ${lock.name} unlocked by one that does not hold it`);
    this.m.watch?.({ kind: 'unlock', task: this.task, lock });
    this.release(spinlockObject(lock.id));
    lock.owner = NOBODY;
    removeAt(spinlocks, at);
    return done(undefined);
  }

  /** Page lock of the head. Sleeps. */
  lock_page(page: Pfn): Run<void> {
    this.might_sleep('lock_page()');
    const head = this.m.compound_head(page);
    const owners = this.m.pages.lockOwner;
    if (owners[head] === this.task.id)
      this.warn('recursion', 'lock_page() by the task that has the page locked');
    return this.acquire(
      `lock_page ${head}`,
      pageLockObject(head),
      true,
      () => this.m.pages.lockOwner[head] === NOBODY,
      `the lock of page ${head}`,
      () => this.takePageLock(head),
    );
  }
  trylock_page(page: Pfn): Run<boolean> {
    const head = this.m.compound_head(page);
    return this.step(`trylock_page ${head}`, pageLockObject(head), true, () => {
      if (this.m.pages.lockOwner[head] !== NOBODY) return false;
      this.takePageLock(head);
      return true;
    });
  }
  private takePageLock(head: Pfn): void {
    this.m.pages.lockOwner[head] = this.task.id;
    this.task.pageLocks.push(head);
  }
  unlock_page(page: Pfn): Run<void> {
    const head = this.m.compound_head(page);
    const { pageLocks } = this.task;
    const at = pageLocks.lastIndexOf(head);
    if (this.m.pages.lockOwner[head] === NOBODY || at < 0) {
      this.bug('VM_BUG_ON', 'VM_BUG_ON_PAGE(!PageLocked(page)) in unlock_page()');
    }
    return this.step(`unlock_page ${head}`, pageLockObject(head), true, () => {
      this.m.pages.lockOwner[head] = NOBODY;
      pageLocks.splice(at, 1);
    });
  }
  PageLocked(page: Pfn): boolean {
    return this.m.lockedBy(page) !== NOBODY;
  }

  /** Whoever walks a reverse map, all of it, keeps away who moves entries from one of its mappings to another. */
  rmap_lock_read(): Run<void> {
    return this.m.config.moves ? this.down_read(this.m.rmapLock) : done(undefined);
  }
  rmap_unlock_read(): Run<void> {
    return this.m.config.moves ? this.up_read(this.m.rmapLock) : done(undefined);
  }
  rmap_lock_write(): Run<void> {
    return this.m.config.moves ? this.down_write(this.m.rmapLock) : done(undefined);
  }
  rmap_unlock_write(): Run<void> {
    return this.m.config.moves ? this.up_write(this.m.rmapLock) : done(undefined);
  }

  down_read(sem: RwSem): Run<void> {
    this.might_sleep(`down_read(${sem.name})`);
    if (this.m.solo && sem.writer === NOBODY) {
      addReader(sem, this.task.id);
      return done(undefined);
    }
    return this.acquire(
      `down_read ${sem.name}`,
      sem.object,
      false,
      () => sem.writer === NOBODY,
      sem.name,
      () => {
        addReader(sem, this.task.id);
      },
    );
  }
  down_read_trylock(sem: RwSem): Run<boolean> {
    return this.step(`down_read_trylock ${sem.name}`, sem.object, true, () => {
      if (sem.writer !== NOBODY) return false;
      addReader(sem, this.task.id);
      return true;
    });
  }
  up_read(sem: RwSem): Run<void> {
    const at = sem.readers.lastIndexOf(this.task.id);
    if (at < 0) this.bug('unreleased lock', `up_read() of ${sem.name} by one that does not hold it`);
    this.m.watch?.({ kind: 'up', task: this.task, sem, downgrades: false });
    this.release(sem.object, true);
    removeAt(sem.readers, at);
    return done(undefined);
  }
  down_write(sem: RwSem): Run<void> {
    this.might_sleep(`down_write(${sem.name})`);
    return this.acquire(
      `down_write ${sem.name}`,
      sem.object,
      true,
      () => sem.writer === NOBODY && sem.readers.length === 0,
      `${sem.name} for write`,
      () => {
        sem.writer = this.task.id;
      },
    );
  }
  up_write(sem: RwSem): Run<void> {
    if (sem.writer !== this.task.id)
      this.bug('unreleased lock', `up_write() of ${sem.name} by one that does not hold it`);
    this.m.watch?.({ kind: 'up', task: this.task, sem, downgrades: false });
    this.release(sem.object);
    sem.writer = NOBODY;
    return done(undefined);
  }
  downgrade_write(sem: RwSem): Run<void> {
    this.m.watch?.({ kind: 'up', task: this.task, sem, downgrades: true });
    this.release(sem.object);
    sem.writer = NOBODY;
    addReader(sem, this.task.id);
    return done(undefined);
  }
}

/** The newest lock goes first nearly always, and splice() would allocate what it removes. */
function removeAt(held: unknown[], at: number): void {
  if (at === held.length - 1) held.pop();
  else held.splice(at, 1);
}
