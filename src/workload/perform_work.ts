/** The steps that make the kernel work by itself: what a program writes to sysfs or procfs, or asks of move_pages(2). */
import { entry, type File, type KRun, mmu, must } from '../core/index';
import { type Act, call, contentOf, pagesOf } from './act';
import type { Deed } from './perform';

const fileOf = (act: Act): File =>
  must(
    act.k.m.files.find((file) => file.name === act.step.name),
    `fileOf(): no file ${act.step.name}`,
  );

/** move_pages(2), or compaction, which gives every page another frame of its node. */
function* migrate(act: Act): KRun<number> {
  const { k, step, start, end } = act;
  const { node } = step;
  if (node !== null) return yield* k.do_move_pages(k.task.mm, start, end, node);
  for (let trips = k.m.config.migratesBack ? 2 : 1; trips > 0; trips--) yield* migrateOnce(act);
  return 0;
}

function* migrateOnce(act: Act): KRun<void> {
  const { k } = act;
  const seen = new Set<number>();
  for (const va of pagesOf(act)) {
    const slot = mmu.leafOf(k, va);
    const leaf = slot === null ? entry.NONE : yield* k.pte_get(slot);
    // Who asks for it by move_pages(2) asks follow_page().
    if (!entry.pte_present(leaf) || !k.gup_can_follow_protnone(leaf)) continue;
    const page = k.m.compound_head(entry.pte_pfn(leaf));
    if (seen.has(page) || k.is_zero_pfn(page) || k.is_huge_zero_page(page)) continue;
    yield* k.migrate_page(page, k.m.pages.nid[page]!);
    // Where it is now, so that the rest of a huge page is not moved again.
    const moved = mmu.leafOf(k, va);
    if (moved) seen.add(k.m.compound_head(entry.pte_pfn(yield* k.pte_get(moved))));
  }
}

/** Every process that is there. */
function* eachProcess(act: Act, run: (mm: Act['k']['task']['mm']) => KRun<unknown>): KRun<number> {
  for (const mm of [...act.k.m.mms]) if (!mm.exited) yield* run(mm);
  return 0;
}

export const workDeeds: Readonly<Record<string, Deed>> = {
  *ksm_run(act) {
    return yield* call(act, {}, function* () {
      yield* act.k.ksm_scan();
      return 0;
    });
  },
  ksm_unmerge: (act) => call(act, {}, () => act.k.ksm_run_unmerge()),
  khugepaged: (act) => call(act, {}, () => eachProcess(act, (mm) => act.k.khugepaged_scan_mm(mm))),
  migrate: (act) => call(act, act.step.node === null ? {} : { node: act.step.node }, () => migrate(act)),
  *numa_scan(act) {
    return yield* call(act, {}, function* () {
      yield* act.k.task_numa_work(act.k.task.mm);
      return 0;
    });
  },
  swapoff: (act) => call(act, {}, () => act.k.swapoff()),
  *fsync(act) {
    return yield* call(act, {}, function* () {
      yield* act.k.do_writepages(fileOf(act));
      return 0;
    });
  },
  *file_write(act) {
    const file = fileOf(act);
    const stored = contentOf(act);
    const args = { file: file.id, index: act.step.filePage!, content: stored };
    return yield* call(act, args, function* () {
      yield* act.k.filemap_write(file, act.step.filePage!, stored);
      return 0;
    });
  },
  *clear_refs(act) {
    const value = Number(act.step.word);
    return yield* call(act, { value }, function* () {
      yield* act.k.clear_refs_write(act.k.task.mm, value);
      return 0;
    });
  },
  *pagemap(act) {
    return yield* call(act, {}, function* () {
      for (const va of pagesOf(act)) yield* act.k.pagemap_read(act.k.task.mm, va);
      return 0;
    });
  },
};
