/**
 * fs/userfaultfd.c: arming and disarming mappings.
 */
import { EBUSY, EINVAL, ENOMEM, VM_UFFD_MISSING, VM_UFFD_WP, withFlags, withoutFlags } from '../flags';
import type { Kernel, KRun } from '../kernel';
import type { Mm, UserfaultfdCtx, Vma } from '../mm';
import { plus, type Vaddr, vaddr } from '../units';
import { vmaAfter, vmaBefore, vmaIndexFrom, vmasIn } from '../vma_list';

export interface UffdRegisterMode {
  missing: boolean;
  wp: boolean;
}

/**
 * fs/userfaultfd.c:userfaultfd_register(), the test of the mode. Faithful; write-protection is not accepted.
 * Enters with nothing held; returns with nothing held.
 */
export function uffd_register_mode_valid(k: Kernel, mode: UffdRegisterMode): boolean {
  return mode.missing && !mode.wp;
}

/**
 * fs/userfaultfd.c:vma_can_userfault(). Simplified: no hugetlb.
 * Enters with mmap_sem held; returns with it held.
 *
 * @param vm_flags the UFFD flags that the mapping is to have
 * @param ctx whose features may let it be
 */
export function vma_can_userfault(k: Kernel, vma: Vma, vm_flags: number, ctx: UserfaultfdCtx): boolean {
  return k.vma_is_anonymous(vma) || vma.vm_file?.kind === 'shmem';
}

/** The mappings that an ioctl on [start, end) goes over, or the error of a range that has none. */
function armable(mm: Mm, start: Vaddr, end: Vaddr): Vma[] | number {
  if (vmaIndexFrom(mm, start) === mm.mmap.length) return -ENOMEM;
  const inside = vmasIn(mm, start, end);
  return inside.length === 0 ? -EINVAL : inside;
}

/** What a mapping is to become; null to leave it as it is. */
export type Rearming = { vm_flags: number; ctx: UserfaultfdCtx | null } | null;

/**
 * Gives the mappings within [start, end) other flags and another context, merging them with their neighbours or
 * splitting them.
 */
export function* rearmVmas(
  k: Kernel,
  mm: Mm,
  start: Vaddr,
  end: Vaddr,
  become: (vma: Vma) => Rearming,
): KRun<number> {
  let vma = k.find_vma(mm, start);
  let prev = vma && (vma.vm_start < start ? vma : vmaBefore(vma));
  for (let from = start; vma && vma.vm_start < end; prev = vma, from = vma.vm_end, vma = vmaAfter(vma)) {
    const next = become(vma);
    if (next === null) continue;
    const { anon_vma_chain, vm_file: file } = vma;
    const addr = vaddr(Math.max(from, vma.vm_start));
    const pgoff = k.userfaultfd_merge_pgoff(vma, addr);
    const area = { vm_flags: next.vm_flags, anon_vma_chain, file, pgoff, ctx: next.ctx };
    const merged: Vma | null = yield* k.vma_merge(mm, prev, addr, vaddr(Math.min(end, vma.vm_end)), area);
    if (merged) {
      vma = merged;
    } else {
      let error = vma.vm_start < addr ? yield* k.split_vma(vma, addr, true) : 0;
      if (error === 0 && vma.vm_end > end) error = yield* k.split_vma(vma, end, false);
      if (error !== 0) return error;
    }
    k.userfaultfd_set_vm_flags(vma, next.vm_flags);
    vma.vm_userfaultfd_ctx = next.ctx;
  }
  return 0;
}

/**
 * fs/userfaultfd.c:userfaultfd_register(), where it sets the flags. Faithful; the protection stays what it was.
 * Enters with mmap_sem held for writing; returns with it held.
 */
export function userfaultfd_set_vm_flags(k: Kernel, vma: Vma, vm_flags: number): void {
  vma.vm_flags = vm_flags;
}

/**
 * fs/userfaultfd.c:userfaultfd_register(), the offset handed to vma_merge(). Faithful; for the part that begins at
 * `addr` it is that of the whole mapping, so that a part does not merge with what comes after it.
 * Enters with mmap_sem held for writing; returns with it held.
 */
export function userfaultfd_merge_pgoff(_k: Kernel, vma: Vma, _addr: Vaddr): number {
  return vma.vm_pgoff;
}

/**
 * fs/userfaultfd.c:userfaultfd_register(). Simplified: no hugetlb.
 * Enters with nothing held; returns with nothing held. What was registered before an error stays so.
 */
export function* userfaultfd_register(
  k: Kernel,
  ctx: UserfaultfdCtx,
  start: Vaddr,
  len: number,
  mode: UffdRegisterMode,
): KRun<number> {
  if (!ctx.ready || !k.uffd_register_mode_valid(mode)) return -EINVAL;
  const { mm } = ctx;
  const invalid = k.validate_range(mm, start, len);
  if (invalid !== 0) return invalid;
  if (mm.exited) return -ENOMEM;
  const vm_flags = (mode.missing ? VM_UFFD_MISSING : 0) | (mode.wp ? VM_UFFD_WP : 0);
  yield* k.down_write(mm.mmap_sem);
  const result = yield* k.register_vmas(ctx, start, plus(start, len), vm_flags);
  yield* k.up_write(mm.mmap_sem);
  return result;
}

/**
 * fs/userfaultfd.c:userfaultfd_register(), the part under mmap_sem. Simplified: no hugetlb.
 * Enters with mmap_sem held for writing; returns with it held.
 */
export function* register_vmas(
  k: Kernel,
  ctx: UserfaultfdCtx,
  start: Vaddr,
  end: Vaddr,
  vm_flags: number,
): KRun<number> {
  const vmas = armable(ctx.mm, start, end);
  if (typeof vmas === 'number') return vmas;
  for (const vma of vmas) {
    const armed = (vma.vm_flags & (VM_UFFD_MISSING | VM_UFFD_WP)) !== 0;
    k.BUG_ON(
      (vma.vm_userfaultfd_ctx !== null) !== armed,
      'fs/userfaultfd.c:userfaultfd_register(): armed without context',
    );
    if (!k.vma_can_userfault(vma, vm_flags, ctx)) return -EINVAL;
    const refused = k.uffd_register_vma_error(vma, vm_flags);
    if (refused !== 0) return refused;
    if (vma.vm_userfaultfd_ctx !== null && vma.vm_userfaultfd_ctx !== ctx) return -EBUSY;
  }
  return yield* k.rearmVmas(ctx.mm, start, end, (vma) => {
    const isDone = vma.vm_userfaultfd_ctx === ctx && (vma.vm_flags & vm_flags) === vm_flags;
    return isDone ? null : { vm_flags: k.uffd_armed_flags(vma.vm_flags, vm_flags), ctx };
  });
}

/**
 * fs/userfaultfd.c:userfaultfd_register(), what a mapping must permit. Faithful; nothing in 4.19.0.
 * Enters with mmap_sem held for writing; returns with it held.
 *
 * @returns 0 or -errno
 */
export function uffd_register_vma_error(k: Kernel, vma: Vma, vm_flags: number): number {
  return 0;
}

/**
 * fs/userfaultfd.c:userfaultfd_register(), the new flags of a mapping. Faithful; modes add up.
 * Enters with mmap_sem held for writing; returns with it held.
 */
export function uffd_armed_flags(k: Kernel, old: number, vm_flags: number): number {
  return withFlags(old, vm_flags);
}

/**
 * fs/userfaultfd.c:userfaultfd_unregister(). Simplified: no hugetlb. Nobody asks whose
 * registration it is, and only waiters of a mapping with VM_UFFD_MISSING are woken.
 * Enters with nothing held; returns with nothing held.
 */
export function* userfaultfd_unregister(
  k: Kernel,
  ctx: UserfaultfdCtx,
  start: Vaddr,
  len: number,
): KRun<number> {
  if (!ctx.ready) return -EINVAL;
  const { mm } = ctx;
  const invalid = k.validate_range(mm, start, len);
  if (invalid !== 0) return invalid;
  if (mm.exited) return -ENOMEM;
  yield* k.down_write(mm.mmap_sem);
  const result = yield* k.unregister_vmas(ctx, start, plus(start, len));
  yield* k.up_write(mm.mmap_sem);
  return result;
}

/**
 * fs/userfaultfd.c:userfaultfd_unregister(), and userfaultfd_release(), the marks in the entries of one mapping. Stubbed:
 * 4.19 has no marks.
 * Enters with mmap_sem held for writing; returns with it held.
 */
export function* uffd_reset_marks(_k: Kernel, _vma: Vma, _start: Vaddr, _end: Vaddr): KRun<void> {}

/**
 * fs/userfaultfd.c:userfaultfd_unregister(), the part under mmap_sem. Simplified: no hugetlb.
 * Enters with mmap_sem held for writing; returns with it held.
 */
export function* unregister_vmas(k: Kernel, ctx: UserfaultfdCtx, start: Vaddr, end: Vaddr): KRun<number> {
  const { mm } = ctx;
  const vmas = armable(mm, start, end);
  if (typeof vmas === 'number') return vmas;
  if (!vmas.every((vma) => k.vma_can_userfault(vma, vma.vm_flags, ctx))) return -EINVAL;
  for (const vma of vmas) {
    const { vm_userfaultfd_ctx: armedBy, vm_flags } = vma;
    if (armedBy === null) continue;
    const [from, to] = [vaddr(Math.max(start, vma.vm_start)), vaddr(Math.min(end, vma.vm_end))];
    // Woken before the flags go; they need mmap_sem to look, so they find them gone.
    if (vm_flags & VM_UFFD_MISSING) yield* k.wake_userfault(armedBy, from, to - from);
    yield* k.uffd_reset_marks(vma, from, to);
  }
  return yield* k.rearmVmas(mm, start, end, (vma) =>
    vma.vm_userfaultfd_ctx === null ? null : disarmedVma(vma),
  );
}

/** A mapping without userfaultfd. */
export const disarmedVma = (vma: Vma): Rearming => ({
  vm_flags: withoutFlags(vma.vm_flags, VM_UFFD_MISSING | VM_UFFD_WP),
  ctx: null,
});
